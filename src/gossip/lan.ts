// Finds nodes of the same network on the same link by multicast DNS, where the operator wants that.
// Design: docs/gossip.md, "On a LAN". Anybody on the link can answer: an address is taken only when it is on a link of
// this machine, and the handshake proves who is there. The library's own book of peers, which has no bound, sees nothing
// of it. Must not: lead to a service of this machine, or beyond the link.
import type { PeerDiscovery, Startable } from "@libp2p/interface";
import { createHash } from "node:crypto";
import { networkInterfaces } from "node:os";
import type { Libp2pLibrary } from "../heavy/gossip.ts";
import { classifyAddress, isWithin, parseAddress } from "../net/address.ts";
import type { Host } from "./host.ts";
import { createNearbyEndpoints } from "./nearby-endpoints.ts";
import { parsePeerAddress, withoutPeer } from "./peer-address.ts";

export interface Lan {
  /** Addresses with ids that nodes on the link have told of in the last minutes. */
  nearby(): readonly string[];
  /** True for the endpoint of one of them. */
  isNearby(address: string): boolean;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** For nodes whose operator did not ask for it. */
export const NO_LAN: Lan = {
  nearby: () => [],
  isNearby: () => false,
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
};

export function createLan(library: Libp2pLibrary, host: () => Host, topic: string): Lan {
  const found = createNearbyEndpoints();
  let discovery: ReturnType<typeof create> | undefined;

  function create() {
    const { logger } = host(), getAddresses = () => host().getMultiaddrs();
    // The casts: of the whole manager it asks for the addresses alone; and its type leaves its life to its class.
    const components = { logger, addressManager: { getAddresses } } as unknown as Components;
    return library.mdns({ serviceTag: serviceTag(topic) })(components) as PeerDiscovery & Required<Startable>;
  }

  function take(id: string, addresses: readonly string[]): void {
    const own = host().getMultiaddrs().map(String);
    const isOnLoopback = own.length > 0 && own.every((address) => scopeOf(address) === "loopback");
    for (const endpoint of addresses.map(withoutPeer)) {
      if (isOnLink(endpoint, isOnLoopback)) found.see(endpoint, id);
    }
  }

  return {
    nearby: found.addresses,
    isNearby: (address) => found.has(withoutPeer(address)),
    async start() {
      discovery = create();
      discovery.addEventListener(
        "peer",
        ({ detail: { id, multiaddrs } }) => take(id.toString(), multiaddrs.map(String)),
      );
      await discovery.start();
    },
    stop: async () => await discovery?.stop(),
  };
}

type Components = Parameters<ReturnType<Libp2pLibrary["mdns"]>>[0];

/** Nodes of other networks, and other programs, are asked for nothing. A label has 63 characters at most. */
function serviceTag(topic: string): string {
  return `_dchat-${createHash("sha256").update(topic).digest("hex").slice(0, 16)}._udp.local`;
}

function scopeOf(endpoint: string) {
  const ip = parsePeerAddress(endpoint)?.ip;
  return ip === undefined ? undefined : classifyAddress(ip);
}

/** @param isOnLoopback whether this node listens on loopback alone: what else is there is nothing to knock at */
function isOnLink(endpoint: string, isOnLoopback: boolean): boolean {
  const ip = parsePeerAddress(endpoint)?.ip, scope = scopeOf(endpoint);
  const bytes = ip === undefined ? undefined : parseAddress(ip);
  if (bytes === undefined || (scope === "loopback") !== isOnLoopback) return false;
  if (scope !== "loopback" && scope !== "private") return false;
  return Object.values(networkInterfaces()).flat().some((i) => {
    const [prefix = "", bits = ""] = i?.cidr?.split("/") ?? [];
    return parseAddress(prefix)?.length === bytes.length && isWithin(bytes, prefix, Number(bits));
  });
}
