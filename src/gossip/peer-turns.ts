// Whose turn it is to be given something: each peer's, once in a while, so many times at once and no more. What is given
// at a time to all of them is decided elsewhere: a bound here would let those who take slowly fill it.
// Design: docs/gossip.md, "Connections". Must not: grow without bound.
import { setTimeout as delay } from "node:timers/promises";

export interface PeerTurns {
  /** Runs it if it is the peer's turn. @returns false when it is not */
  take(peer: string, give: () => Promise<void>): Promise<boolean>;
}

/** Peers of whom it is remembered when they last had a turn: ten times as many as can be connected. */
const MAX_REMEMBERED = 1_000;

export interface PeerTurnsOptions {
  /** Turns that a peer has at a time. */
  readonly maxPerPeer: number;
  readonly intervalMs: number;
  /** A peer that comes too soon waits until its time has come; a second one of its requests meanwhile does not. */
  readonly areWaitedFor?: boolean;
}

export function createPeerTurns(o: PeerTurnsOptions): PeerTurns {
  const lastMs = new Map<string, number>();
  const waiting = new Set<string>();
  const running = new Map<string, number>();

  /** @returns false when it has not come */
  async function timeHasCome(peer: string): Promise<boolean> {
    const waitMs = (lastMs.get(peer) ?? -Infinity) + o.intervalMs - performance.now();
    if (waitMs <= 0) return !waiting.has(peer);
    if (o.areWaitedFor !== true || waiting.has(peer)) return false;
    waiting.add(peer);
    await delay(waitMs, undefined, { ref: false });
    waiting.delete(peer);
    return true;
  }

  return {
    async take(peer, give) {
      const isDue = await timeHasCome(peer), before = running.get(peer) ?? 0;
      if (!isDue || before >= o.maxPerPeer) return false;
      if (lastMs.size >= MAX_REMEMBERED) lastMs.clear();
      lastMs.set(peer, performance.now());
      running.set(peer, before + 1);
      try {
        await give();
      } finally {
        const left = (running.get(peer) ?? 1) - 1;
        if (left > 0) running.set(peer, left);
        else running.delete(peer);
      }
      return true;
    },
  };
}
