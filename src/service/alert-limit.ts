// How often a long-running node puts the same thing on record. Design: docs/gossip.md, "Watching it".
// Must not: keep the time, or keep quiet about what was not told.
import type { ErrorCode } from "../errors.ts";

export interface AlertLimit {
  /** True where no such alert was raised within the hour. @param nowMs on a clock that only goes forward */
  isDue(nowMs: number, source: string, what: string, code: ErrorCode): boolean;
  /** It is on record. */
  raised(nowMs: number, source: string, what: string, code: ErrorCode): void;
}

/** Whoever lies is asked again after seconds: five thousand alerts of one mirror would push all others out of the log. */
const INTERVAL_MS = 3_600_000;
/** Far more than there are mirrors, files and ways to lie; of more the oldest is forgotten. */
const MAX_KINDS = 1000;
/** Whoever makes up identities is another peer each time. The log names those that are left out. */
const MAX_PEERS = 16;

export function createAlertLimit(): AlertLimit {
  const raisedAt = new Map<string, number>();
  const isRecent = (nowMs: number, key: string) => nowMs - (raisedAt.get(key) ?? -Infinity) < INTERVAL_MS;
  return {
    isDue(nowMs, source, what, code) {
      if (isRecent(nowMs, keyOf(source, what, code))) return false;
      const ofPeers = [...raisedAt.keys()].filter((key) => isOfPeer(key) && isRecent(nowMs, key));
      return !source.startsWith(PEER) || ofPeers.length < MAX_PEERS;
    },
    raised(nowMs, ...kind) {
      const key = keyOf(...kind);
      raisedAt.delete(key); // the newest is the last one
      raisedAt.set(key, nowMs);
      const [oldest] = raisedAt.keys();
      if (raisedAt.size > MAX_KINDS && oldest !== undefined) raisedAt.delete(oldest);
    },
  };
}

const PEER = "peer:";

const keyOf = (source: string, what: string, code: ErrorCode): string => JSON.stringify([source, what, code]);
const isOfPeer = (key: string): boolean => key.startsWith(`["${PEER}`);
