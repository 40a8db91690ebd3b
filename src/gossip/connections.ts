// What a connection of the library is good for, and for how long it remembers who had one.
// Design: docs/gossip.md, "Connections". Must not: keep any.
import type { Connection, PeerStore } from "@libp2p/interface";
import { setTimeout as delay } from "node:timers/promises";
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

export interface ForgetLeaversOptions {
  readonly signal: AbortSignal;
  /** The library's: it gets an entry for everybody who was connected or dialled, and has no bound. */
  readonly book: Pick<PeerStore, "all" | "delete">;
  /** True for who is connected, and for whom the operator knows. */
  isKept(peer: string): boolean;
  /** For tests. */
  readonly lookMs?: number;
  readonly keepMs?: number;
}

/** A look is over in milliseconds, and nobody makes thousands of handshakes meanwhile. */
const LOOK_MS = 10_000;
/** Who lost a connection is back by then. */
const KEEP_MS = 600_000;
/** Twice as many as can be connected, and some. */
const MAX_LEAVERS = 256;

/** Forgets who has been away for a while, and of too many those away for longest. Runs until the signal. Never throws. */
export async function forgetLeavers(o: ForgetLeaversOptions): Promise<void> {
  const awaySinceMs = new Map<string, number>(); // the first is away for longest
  while (!o.signal.aborted) {
    await delay(o.lookMs ?? LOOK_MS, undefined, { signal: o.signal, ref: false }).catch(() => {});
    const nowMs = performance.now();
    const inBook = await o.book.all().catch(() => []);
    const away = new Map(inBook.map(({ id }) => [id.toString(), id] as const).filter(([id]) => !o.isKept(id)));
    for (const id of awaySinceMs.keys()) if (!away.has(id)) awaySinceMs.delete(id);
    for (const id of away.keys()) if (!awaySinceMs.has(id)) awaySinceMs.set(id, nowMs);
    for (const [id, sinceMs] of awaySinceMs) {
      if (nowMs - sinceMs < (o.keepMs ?? KEEP_MS) && awaySinceMs.size <= MAX_LEAVERS) break;
      awaySinceMs.delete(id);
      const peer = away.get(id);
      if (peer !== undefined && !o.isKept(id)) await o.book.delete(peer).catch(() => {}); // at the next look again
    }
  }
}
