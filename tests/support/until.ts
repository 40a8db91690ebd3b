// Waits for a condition of another process, which nothing announces. Must not: be used where an event tells.
import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 10;
const DEADLINE_MS = 30_000;

/** @throws Error when it does not come true in time */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  deadlineMs: number = DEADLINE_MS,
): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!await condition()) {
    if (performance.now() > endMs) throw new Error(`in vain: ${what}`);
    await delay(POLL_MS);
  }
}
