// Whose turn it is to be given something: so many at a time, and each peer once in a while.
// Design: docs/gossip.md, "Connections". Must not: grow without bound.

export interface PeerTurns {
  /** Runs it if it is the peer's turn. @returns false when it is not */
  take(peer: string, give: () => Promise<void>): Promise<boolean>;
}

/** Peers of whom it is remembered when they last had a turn: ten times as many as can be connected. */
const MAX_REMEMBERED = 1_000;

export function createPeerTurns(o: { readonly atOnce: number; readonly intervalMs: number }): PeerTurns {
  const lastMs = new Map<string, number>();
  let running = 0;
  return {
    async take(peer, give) {
      const nowMs = performance.now();
      if (running >= o.atOnce || nowMs - (lastMs.get(peer) ?? -Infinity) < o.intervalMs) return false;
      if (lastMs.size >= MAX_REMEMBERED) lastMs.clear();
      lastMs.set(peer, nowMs);
      running++;
      try {
        await give();
      } finally {
        running--;
      }
      return true;
    },
  };
}
