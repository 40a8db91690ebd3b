// Where a node may connect to: the addresses its operator named, and of others only public ones.
// Design: docs/formats.md, "Any address not signed for". Pure. Must not: resolve a name.
import { UpdateError } from "../errors.ts";
import { classifyAddress } from "../net/address.ts";

/** As multiaddrs write a TCP endpoint: an address or a name, a port, and who is expected there. */
const ENDPOINT =
  /^\/(ip4|ip6|dns|dns4|dns6)\/([0-9A-Za-z:.-]{1,253})\/tcp\/([0-9]{1,5})(\/p2p\/([1-9A-HJ-NP-Za-km-z]{40,70}))?$/;

export interface PeerAddress {
  readonly text: string;
  /** An address written out; undefined for a name. */
  readonly ip: string | undefined;
  readonly port: number;
  /** Who must answer there; undefined when anybody may. */
  readonly peer: string | undefined;
}

/** Undefined for whatever is no TCP endpoint, relays and other transports among it. */
export function parsePeerAddress(text: string): PeerAddress | undefined {
  const [, kind, host, port, , peer] = ENDPOINT.exec(text) ?? [];
  if (kind === undefined || host === undefined || Number(port) > 65535) return undefined;
  const isAddress = kind === "ip4" || kind === "ip6";
  if (isAddress && (classifyAddress(host) === undefined || host.includes(":") !== (kind === "ip6"))) return undefined;
  return { text, ip: isAddress ? host : undefined, port: Number(port), peer };
}

/** @throws UpdateError E_USAGE for what is no such address */
export function requirePeerAddress(text: string, what: string): PeerAddress {
  const address = parsePeerAddress(text);
  if (address !== undefined) return address;
  throw new UpdateError("E_USAGE", `${what} ${JSON.stringify(text.slice(0, 200))} is not a TCP multiaddr`, {
    hint: "such as /ip4/203.0.113.7/tcp/4217/p2p/12D3KooW…",
  });
}

/** Decides about a connection to be made. `named`, as of `withoutPeer`, are the operator's: they may lead anywhere. */
export function mayDial(text: string, named: ReadonlySet<string>, allowPrivate: boolean): boolean {
  if (named.has(withoutPeer(text))) return true;
  const ip = parsePeerAddress(text)?.ip;
  const scope = ip === undefined ? undefined : classifyAddress(ip);
  return scope === "public" || (allowPrivate && (scope === "private" || scope === "loopback"));
}

/**
 * The endpoint alone, in one way of writing it: of an IPv6 address, a name and a port there are many, and what the
 * operator gave is compared with what the library tells. What is no TCP endpoint stays as it is.
 */
export function withoutPeer(text: string): string {
  const [, kind, host = "", port] = ENDPOINT.exec(text) ?? [];
  if (kind === undefined || parsePeerAddress(text) === undefined) return text.replace(/\/p2p\/[^/]*$/, "");
  const written = kind === "ip6" ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host.toLowerCase();
  return `/${kind}/${written}/tcp/${Number(port)}`;
}
