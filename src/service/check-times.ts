// When a long-running node asks its mirrors by itself. Design: docs/gossip.md.
// Must not: keep the time; whoever asks says what time it is, on a clock that only goes forward.

export interface CheckTimes {
  /** @param intervalMs as the settings say by now */
  isDue(nowMs: number, intervalMs: number): boolean;
  /** A check begins; unless it is said to have succeeded, it counts as failed. */
  begin(nowMs: number): void;
  succeeded(): void;
}

/** A machine that starts has its network a moment later. */
const FIRST_RETRY_MS = 60_000;
/** Twice as long each time, up to this: mirrors that are away for days are not burdened. */
const MAX_RETRY_MS = 1_800_000;
/** By so much more or less each time, so that a network that was started together does not go on asking together. */
const SPREAD = 0.1;

/** @param random as Math.random */
export function createCheckTimes(random: () => number = Math.random): CheckTimes {
  let begunMs = -Infinity, retryMs: number | undefined, spread = 1;
  return {
    isDue: (nowMs, intervalMs) => nowMs - begunMs >= Math.min(intervalMs, retryMs ?? Infinity) * spread,
    begin(nowMs) {
      begunMs = nowMs;
      spread = 1 + SPREAD * (2 * random() - 1);
      retryMs = Math.min(retryMs === undefined ? FIRST_RETRY_MS : 2 * retryMs, MAX_RETRY_MS);
    },
    succeeded: () => void (retryMs = undefined),
  };
}
