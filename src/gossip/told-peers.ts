// Which of its peers a node tells another of, and where they are. Design: docs/gossip.md, "Connections".
// Must not: tell of an address that a stranger may not be led to, or of one that nobody has dialled or signed for.
import type { Host } from "./host.ts";
import { MAX_TOLD_PEERS } from "./peer-exchange.ts";
import { mayDial, withoutPeer } from "./peer-address.ts";

/** A node has a public address of each family. */
const MAX_TOLD_OF_ONE = 2;
/** Whatever the operator named to this node, it is nothing to others. */
const NOBODY: ReadonlySet<string> = new Set();

/** @returns addresses with ids, of connected peers other than the asker */
export async function toldPeers(host: Host, asker: string, allowPrivate: boolean): Promise<string[]> {
  const others = host.getConnections().filter((c) => c.remotePeer.toString() !== asker)
    .map((connection) => ({ connection, at: Math.random() })).sort((a, b) => a.at - b.at).slice(0, MAX_TOLD_PEERS);
  const told = await Promise.all(others.map(async ({ connection: { remotePeer, remoteAddr, direction } }) => {
    const known = direction === "outbound" ? [remoteAddr] : await signedAddresses(host, remotePeer);
    return known.map((address) => withoutPeer(address.toString()))
      .filter((address) => mayDial(address, NOBODY, allowPrivate)).slice(0, MAX_TOLD_OF_ONE)
      .map((address) => `${address}/p2p/${remotePeer}`);
  }));
  return told.flat();
}

/** Of its own peer record, which Identify has verified. */
async function signedAddresses(host: Host, peer: Parameters<Host["peerStore"]["get"]>[0]) {
  try {
    return (await host.peerStore.get(peer)).addresses.filter((a) => a.isCertified).map((a) => a.multiaddr);
  } catch {
    return []; // it has left
  }
}
