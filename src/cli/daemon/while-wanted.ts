// Something long that is given up when it is not wanted any more. Design: docs/gossip.md, "Pieces for each other".
// Must not: look without a ring; what is wanted changes with the settings and with what becomes known.
import type { Bell } from "./daemon-bell.ts";

/** The bell rings anyway; timers of runtimes end at 24 days. */
const LONG_MS = 86_400_000;

/**
 * @param isWanted asked with each ring, also with one that came before
 * @returns undefined when it was given up
 * @throws what `run` throws
 */
export async function whileWanted<T>(
  signal: AbortSignal,
  bell: Bell,
  isWanted: () => Promise<boolean>,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const givenUp = new AbortController(), isOver = new AbortController();
  async function watch(): Promise<void> {
    while (!isOver.signal.aborted) {
      if (!await bell.wait(LONG_MS, isOver.signal)) continue;
      const isStillWanted = await isWanted().catch(() => true); // what nobody can tell is as it was
      if (!isStillWanted) return givenUp.abort();
    }
  }
  const watching = watch();
  try {
    return await run(AbortSignal.any([signal, givenUp.signal]));
  } catch (e) {
    if (givenUp.signal.aborted) return undefined;
    throw e;
  } finally {
    isOver.abort();
    await watching;
  }
}
