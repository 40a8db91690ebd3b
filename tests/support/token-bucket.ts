// The rate of a whole server, however many connections it has: whoever wants to send waits for its turn in one line.
// Must not: let anybody catch up for a time in which nothing was sent.

export interface TokenBucket {
  /** Resolves when these bytes may be sent, which is after as long as the line takes to carry them. */
  take(bytes: number): Promise<void>;
}

// Timers fire late; so much is made up for, and no more. At 20 MiB/s it is half a MiB.
const MAX_LAG_MS = 25;

/** @param bytesPerSecond undefined for no limit */
export function createTokenBucket(bytesPerSecond: number | undefined, now = () => performance.now()): TokenBucket {
  let freeAtMs = 0; // when the line has carried what it was given
  return {
    take(bytes) {
      if (bytesPerSecond === undefined) return Promise.resolve();
      const nowMs = now();
      freeAtMs = Math.max(freeAtMs, nowMs - MAX_LAG_MS) + (bytes * 1000) / bytesPerSecond;
      return new Promise((resolve) => setTimeout(resolve, Math.max(0, freeAtMs - nowMs)));
    },
  };
}
