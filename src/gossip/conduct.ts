// How each peer has behaved: how fast it speaks, how often it lied, and for how long it is shut out.
// Design: "The network of nodes" of docs/architecture.md. Pure but for the clock it is given.
// Must not: grow without bound, or judge what a lie is.

export interface Conduct {
  /** Counts a message of a peer. False when it sends more than anybody has to say. */
  maySpeak(peer: string, isVote?: boolean): boolean;
  /** Counts a lie; a grave one is enough. @returns true when that was one too many */
  blame(peer: string, isGrave?: boolean): boolean;
  /** Counts a stream on which a peer asked nothing. False when it holds more of them than bad luck explains. */
  mayBeSilent(peer: string): boolean;
  isShutOut(peer: string): boolean;
}

/** Releases come a few a day at most; a peer that was away brings some at once. */
const BURST_MESSAGES = 32;
const MESSAGES_PER_SECOND = 1;
/** A root names 256 governors at most, and all may vote for two certificates in the same hour. */
const BURST_VOTES = 512;
const VOTES_PER_SECOND = 4;
/** All streams of a connection that broke down, twice. */
const BURST_SILENCES = 16;
const SILENCES_PER_SECOND = 1 / 60;
/** One may be a fault of memory or of an older version; three are not. */
const MAX_LIES = 3;
/** One lie is forgotten after so long. */
const FORGIVE_MS = 600_000;
const SHUT_OUT_MS = 3_600_000;
/** Ten times as many as can be connected; of more, those not heard of for longest are forgotten. */
const MAX_PEERS = 1_000;

interface Record {
  allowance: number;
  votes: number;
  silences: number;
  lies: number;
  atMs: number;
  shutOutUntilMs: number;
}

export function createConduct(now: () => number = () => performance.now()): Conduct {
  const peers = new Map<string, Record>();

  function recordOf(peer: string): Record {
    const nowMs = now();
    const record = peers.get(peer) ??
      {
        allowance: BURST_MESSAGES,
        votes: BURST_VOTES,
        silences: BURST_SILENCES,
        lies: 0,
        atMs: nowMs,
        shutOutUntilMs: -Infinity,
      };
    const passedMs = nowMs - record.atMs;
    record.allowance = Math.min(BURST_MESSAGES, record.allowance + passedMs / 1000 * MESSAGES_PER_SECOND);
    record.votes = Math.min(BURST_VOTES, record.votes + passedMs / 1000 * VOTES_PER_SECOND);
    record.silences = Math.min(BURST_SILENCES, record.silences + passedMs / 1000 * SILENCES_PER_SECOND);
    record.lies = Math.max(0, record.lies - passedMs / FORGIVE_MS);
    record.atMs = nowMs;
    peers.delete(peer); // to the end: the order is that of last use
    peers.set(peer, record);
    if (peers.size > MAX_PEERS) forgetOne(nowMs);
    return record;
  }

  /** The one not heard of for longest; those who are shut out stay as long as there are others. */
  function forgetOne(nowMs: number): void {
    const [oldest] = peers.keys();
    for (const [peer, { shutOutUntilMs }] of peers) {
      if (shutOutUntilMs > nowMs) continue;
      peers.delete(peer);
      return;
    }
    if (oldest !== undefined) peers.delete(oldest);
  }

  function spend(peer: string, purse: "allowance" | "votes" | "silences"): boolean {
    const record = recordOf(peer);
    if (record[purse] < 1) return false;
    record[purse]--;
    return true;
  }

  return {
    maySpeak: (peer, isVote = false) => spend(peer, isVote ? "votes" : "allowance"),
    mayBeSilent: (peer) => spend(peer, "silences"),
    blame(peer, isGrave = false) {
      const record = recordOf(peer);
      record.lies += isGrave ? MAX_LIES : 1;
      if (record.lies <= MAX_LIES - 0.5) return false; // a little of the first has been forgiven by the third
      record.shutOutUntilMs = now() + SHUT_OUT_MS;
      return true;
    },
    isShutOut: (peer) => (peers.get(peer)?.shutOutUntilMs ?? -Infinity) > now(),
  };
}
