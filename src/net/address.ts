// What kind of network an IP address belongs to. Design: "Any address not signed for" of docs/formats.md.
// Ranges: the IANA special-purpose registries (RFC 6890 and its updates). Pure. Must not: resolve names.

/** From the open internet inwards; `reserved` is for addresses nobody should be sent to at all. */
export type AddressScope = "public" | "private" | "loopback" | "link-local" | "reserved";

/** How far inside a scope lies. Link-local holds the metadata services of clouds, so it lies deeper than loopback. */
const DEPTH: Readonly<Record<AddressScope, number>> = {
  public: 0,
  private: 1,
  loopback: 2,
  "link-local": 3,
  reserved: 4,
};

/** True when `to` is a more private network than `from`: whoever speaks from `from` has no business to send us there. */
export function isMorePrivate(to: AddressScope, from: AddressScope): boolean {
  return DEPTH[to] > DEPTH[from];
}

/** The most public of some scopes: what somebody reachable by several addresses counts as. */
export function mostPublic(scopes: readonly AddressScope[]): AddressScope {
  return scopes.reduce((a, b) => (isMorePrivate(a, b) ? b : a));
}

type Range = readonly [prefix: string, bits: number, scope: AddressScope];

const IPV4_RANGES: readonly Range[] = [
  ["0.0.0.0", 8, "reserved"], // "this network"; Linux connects 0.0.0.0 to itself
  ["10.0.0.0", 8, "private"],
  ["100.64.0.0", 10, "private"], // shared by carriers (RFC 6598)
  ["127.0.0.0", 8, "loopback"],
  ["169.254.0.0", 16, "link-local"],
  ["172.16.0.0", 12, "private"],
  ["192.0.0.0", 24, "reserved"], // protocol assignments
  ["192.0.2.0", 24, "reserved"], // documentation
  ["192.88.99.0", 24, "reserved"], // 6to4 relays, deprecated
  ["192.168.0.0", 16, "private"],
  ["198.18.0.0", 15, "private"], // benchmarks
  ["198.51.100.0", 24, "reserved"], // documentation
  ["203.0.113.0", 24, "reserved"], // documentation
  ["224.0.0.0", 3, "reserved"], // multicast, future use, broadcast
];

const IPV6_RANGES: readonly Range[] = [
  ["::1", 128, "loopback"],
  ["64:ff9b:1::", 48, "private"], // translation inside one network (RFC 8215)
  ["2001::", 23, "reserved"], // protocol assignments, Teredo among them
  ["2001:db8::", 32, "reserved"], // documentation
  ["3fff::", 20, "reserved"], // documentation
  ["2000::", 3, "public"], // the only block global addresses come from
  ["fc00::", 7, "private"], // unique local
  ["fe80::", 10, "link-local"],
  ["fec0::", 10, "private"], // site local, deprecated
];

// Each carries an IPv4 address at this byte, and reaches what that address reaches.
const IPV4_INSIDE_IPV6: readonly (readonly [prefix: string, bits: number, at: number])[] = [
  ["::ffff:0:0", 96, 12], // mapped
  ["64:ff9b::", 96, 12], // translated (NAT64)
  ["2002::", 16, 2], // 6to4
];

/**
 * The scope of an IP address in text, without brackets; an IPv6 zone is allowed. Undefined when it is not an address.
 * Whatever no range names is public for IPv4 and reserved for IPv6.
 */
export function classifyAddress(text: string): AddressScope | undefined {
  const bytes = parseAddress(text);
  if (bytes === undefined) return undefined;
  if (bytes.length === 4) return scopeIn(IPV4_RANGES, bytes) ?? "public";
  const carrier = IPV4_INSIDE_IPV6.find(([prefix, bits]) => isWithin(bytes, prefix, bits));
  if (carrier !== undefined) return scopeIn(IPV4_RANGES, bytes.slice(carrier[2], carrier[2] + 4)) ?? "public";
  return scopeIn(IPV6_RANGES, bytes) ?? "reserved";
}

/** 4 or 16 bytes of an address in its usual text form; undefined when it is none. */
export function parseAddress(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseIpv6(text.replace(/%.*$/, "")) : parseIpv4(text);
}

/**
 * What one subscriber has: an IPv4 address, or the 64 bits of an IPv6 one behind which he has all others. Text that is no
 * address is a network of its own.
 */
export function networkOf(ip: string): string {
  const bytes = parseAddress(ip);
  if (bytes === undefined) return ip;
  const isMapped = isWithin(bytes, "::ffff:0:0", 96);
  return (isMapped ? bytes.subarray(12) : bytes.subarray(0, 8)).join("."); // of four bytes all
}

/** True when an address lies within a block such as `10.0.0.0`/8 of the same family. */
export function isWithin(address: Uint8Array, prefix: string, bits: number): boolean {
  const block = parseAddress(prefix);
  if (block === undefined || block.length !== address.length || bits > block.length * 8) return false;
  return block.every((byte, i) => {
    const significant = Math.min(8, Math.max(0, bits - i * 8));
    const mask = (0xff << (8 - significant)) & 0xff;
    return (byte & mask) === ((address[i] ?? 0) & mask);
  });
}

function scopeIn(ranges: readonly Range[], address: Uint8Array): AddressScope | undefined {
  return ranges.find(([prefix, bits]) => isWithin(address, prefix, bits))?.[2];
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  // No leading zeros: some readers take them for octal.
  if (parts.length !== 4 || !parts.every((p) => /^(0|[1-9]\d{0,2})$/.test(p) && Number(p) < 256)) return undefined;
  return Uint8Array.from(parts, Number);
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0] ?? "", halves.length === 1);
  const tail = groupsOf(halves[1] ?? "", true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return Uint8Array.from([...head, ...new Array<number>(missing).fill(0), ...tail]);
}

/** Only the last group of an address may be written as IPv4. */
function groupsOf(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [i, group] of groups.entries()) {
    const ipv4 = mayEndInIpv4 && i === groups.length - 1 ? parseIpv4(group) : undefined;
    if (ipv4 !== undefined) bytes.push(...ipv4);
    else if (/^[0-9a-fA-F]{1,4}$/.test(group)) bytes.push(parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff);
    else return undefined;
  }
  return bytes;
}
