// Waits for a condition of another process, which nothing announces. Must not: be used where an event tells.
import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 10;
const DEADLINE_MS = 30_000;
/** A look takes milliseconds, or as long as a command that it starts; more is a pause. */
const MAX_POLL_MS = 5_000;

/**
 * Time in which this process is not let run at all, with all others of a machine that is put to sleep, does not count.
 * @throws Error when it does not come true in time
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs: number = DEADLINE_MS,
): Promise<void> {
  let leftMs = deadlineMs, lookedMs = performance.now();
  while (!await condition()) {
    const nowMs = performance.now();
    leftMs -= Math.min(nowMs - lookedMs, MAX_POLL_MS);
    lookedMs = nowMs;
    if (leftMs < 0) throw new Error(`in vain: ${what}`);
    await delay(POLL_MS);
  }
}
