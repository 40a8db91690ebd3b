// How many reads of one supplier run side by side: tries one more, keeps it when that brought more, and goes back
// when it did not. Design: "The download" of docs/architecture.md. Must not: know a clock or a source.

export interface ReadCount {
  /** Reads that may run side by side now. */
  readonly target: number;
  /**
   * Judges the last period.
   * @param bytes what came in it
   * @param wasBusy as many reads as allowed were running all the time
   */
  judge(bytes: number, wasBusy: boolean, nowMs: number): void;
}

// More by less than this is noise.
const WORTH_GAIN = 1.1;
// After an attempt that brought nothing, how long not to try again.
const SETTLED_MS = 10_000;

/** @param max connections one supplier may be asked to bear */
export function createReadCount(max: number): ReadCount {
  let target = 1;
  let triedFrom: number | undefined; // bytes of the period before the attempt
  let settledUntilMs = 0;
  return {
    get target() {
      return target;
    },
    judge(bytes, wasBusy, nowMs) {
      if (!wasBusy) return;
      if (triedFrom !== undefined && bytes < triedFrom * WORTH_GAIN) {
        target--;
        triedFrom = undefined;
        settledUntilMs = nowMs + SETTLED_MS;
      } else if (target < max && nowMs >= settledUntilMs) {
        triedFrom = bytes;
        target++;
      } else {
        triedFrom = undefined;
      }
    },
  };
}
