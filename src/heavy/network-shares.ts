// What one network may have of the connections that others make here: the library counts them all together alone.
// Design: docs/gossip.md, "Connections". Must not: know what a network is, or what is said on a connection.
import type { MultiaddrConnection, Upgrader } from "@libp2p/interface";
import type { Multiaddr } from "@multiformats/multiaddr";
import { setTimeout as delay } from "node:timers/promises";

export interface NetworkLimits {
  /** The network of an IP address. */
  networkOf(ip: string): string;
  /** Connections that somebody there has made or is making. */
  readonly maxInboundOfNetwork: number;
  /** Of them, handshakes that are not done: the library has places for some in all, which one must not take. */
  readonly maxHandshakesOfNetwork: number;
  /** In a second. Each costs a handshake; the library counts them for each address, of which an IPv6 network has 2^64. */
  readonly maxNewOfNetwork: number;
}

const SECOND_MS = 1_000;

/** The upgrader, with a place in each network's share for as long as a handshake and a connection last. */
export function sharedOut(upgrader: Upgrader, o: NetworkLimits): Upgrader {
  const connections = new Map<string, number>(),
    handshakes = new Map<string, number>(),
    lately = new Map<string, number>();
  const take = (count: Map<string, number>, network: string) => count.set(network, (count.get(network) ?? 0) + 1);
  const giveBack = (count: Map<string, number>, network: string) => {
    const left = (count.get(network) ?? 0) - 1;
    if (left > 0) count.set(network, left);
    else count.delete(network);
  };

  /** Whoever rejects here is hung up on by the listener. */
  async function upgradeInbound(made: MultiaddrConnection, how: unknown): Promise<void> {
    const network = o.networkOf(ipOf(made.remoteAddr));
    if ((connections.get(network) ?? 0) >= o.maxInboundOfNetwork) {
      throw new Error("too many connections of one network");
    }
    if ((handshakes.get(network) ?? 0) >= o.maxHandshakesOfNetwork) {
      throw new Error("too many handshakes of one network");
    }
    if ((lately.get(network) ?? 0) >= o.maxNewOfNetwork) throw new Error("too many new connections of one network");
    if (!lately.has(network)) void delay(SECOND_MS, undefined, { ref: false }).then(() => lately.delete(network));
    take(lately, network);
    take(connections, network);
    take(handshakes, network);
    try {
      await Reflect.apply(upgrader.upgradeInbound, upgrader, [made, how]);
    } catch (e) {
      giveBack(connections, network);
      throw e;
    } finally {
      giveBack(handshakes, network);
    }
    if (made.status === "open") made.addEventListener("close", () => giveBack(connections, network), { once: true });
    else giveBack(connections, network); // it will not close once more
  }

  return Object.create(upgrader, { upgradeInbound: { value: upgradeInbound } });
}

/** An address that is none is a network of its own. */
function ipOf(address: Multiaddr): string {
  return address.getComponents().find((c) => c.name === "ip4" || c.name === "ip6")?.value ?? address.toString();
}
