// What a connection of the library is good for. Must not: keep any.
import type { Connection } from "@libp2p/interface";
import { requirePeerAddress, withoutPeer } from "./peer-address.ts";

/** True for a connection to that very peer, or, where none is named, to that very endpoint. */
export function isAt(connection: Connection, address: string): boolean {
  const { peer } = requirePeerAddress(address, "the peer");
  if (peer !== undefined) return connection.remotePeer.toString() === peer;
  return withoutPeer(connection.remoteAddr.toString()) === withoutPeer(address);
}

/** Whether the stream for messages of topics is open, one for each direction: without it they are lost without an error. */
export function carriesMessages(connections: readonly Connection[], direction: "inbound" | "outbound"): boolean {
  return connections.some(({ streams }) =>
    streams.some((s) => s.direction === direction && s.protocol.startsWith("/meshsub/"))
  );
}
