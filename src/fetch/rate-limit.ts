// A token bucket: bytes may pass at a rate, with a short burst. Design: "The download" of docs/architecture.md.
// Must not: know whose bytes they are.

/** Bytes may pass at a rate. */
export interface RateLimit {
  /** Undefined for no limit. */
  readonly bytesPerSecond: number | undefined;
  /** Resolves when these bytes may pass; undefined when they may at once. Rejects when the signal is aborted. */
  take(bytes: number, signal: AbortSignal): Promise<void> | undefined;
  /** These bytes pass now; whoever takes some later waits for them as well. */
  pay(bytes: number): void;
}

// So much may pass at once after a pause: long enough for timers, short enough not to be seen.
const BURST_MS = 100;

/** @param bytesPerSecond undefined for no limit */
export function createRateLimit(bytesPerSecond: number | undefined, now = () => performance.now()): RateLimit {
  if (bytesPerSecond === undefined) return { bytesPerSecond, take: () => undefined, pay() {} };
  let freeAtMs = -Infinity; // when everything let through so far has been paid for
  const waitMs = (bytes: number) => {
    const nowMs = now();
    freeAtMs = Math.max(freeAtMs, nowMs - BURST_MS) + bytes * 1000 / bytesPerSecond;
    return freeAtMs - nowMs;
  };
  return {
    bytesPerSecond,
    take(bytes, signal) {
      const ms = waitMs(bytes);
      return ms <= 0 ? undefined : pause(ms, signal);
    },
    pay: (bytes) => void waitMs(bytes),
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
