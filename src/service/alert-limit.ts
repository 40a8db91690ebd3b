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

export function createAlertLimit(): AlertLimit {
  const raisedAt = new Map<string, number>();
  return {
    isDue: (nowMs, ...kind) => nowMs - (raisedAt.get(keyOf(...kind)) ?? -Infinity) >= INTERVAL_MS,
    raised(nowMs, ...kind) {
      const key = keyOf(...kind);
      raisedAt.delete(key); // the newest is the last one
      raisedAt.set(key, nowMs);
      const [oldest] = raisedAt.keys();
      if (raisedAt.size > MAX_KINDS && oldest !== undefined) raisedAt.delete(oldest);
    },
  };
}

/** Peers count as one: whoever makes up identities is another one each time, and the log names them all. */
function keyOf(source: string, what: string, code: ErrorCode): string {
  return JSON.stringify([source.startsWith("peer:") ? "peer" : source, what, code]);
}
