// How many votes of one governor are passed on: his signature is genuine, and he may still flood everybody with it.
// Design: docs/gossip.md, "Votes". Pure but for the clock it is given.
// Must not: be drawn on by anything but a vote whose signature was verified, or anybody could silence a governor.

export interface VoteBudget {
  /** False when this governor has said more than a governor has to say. */
  has(governor: string): boolean;
  /** Counts a vote of his that was verified and taken. */
  spend(governor: string): void;
}

/** Votes for all sequences that are open at a time, twice over. */
const BURST_VOTES = 16;
/** Proposals are a matter of days. */
const VOTE_INTERVAL_MS = 60_000;
/** Only governors of known roots come here: a root names 256 at most, and new ones replace old ones. */
const MAX_GOVERNORS = 1_024;

export function createVoteBudget(now: () => number = () => performance.now()): VoteBudget {
  const spent = new Map<string, { votes: number; atMs: number }>();

  function recordOf(governor: string): { votes: number; atMs: number } {
    const nowMs = now();
    const record = spent.get(governor) ?? { votes: 0, atMs: nowMs };
    record.votes = Math.max(0, record.votes - (nowMs - record.atMs) / VOTE_INTERVAL_MS);
    record.atMs = nowMs;
    return record;
  }

  return {
    has: (governor) => recordOf(governor).votes <= BURST_VOTES - 1,
    spend(governor) {
      const record = recordOf(governor);
      record.votes++;
      spent.delete(governor); // to the end: the order is that of last use
      spent.set(governor, record);
      const [oldest] = spent.keys();
      if (spent.size > MAX_GOVERNORS && oldest !== undefined) spent.delete(oldest);
    },
  };
}
