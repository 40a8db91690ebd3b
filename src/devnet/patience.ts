// A deadline in time that this process has had: a machine that slept, or a process that was stopped for a while, was not
// slow. Design: docs/devnet.md. Must not: be used where the world's time counts.

const TICK_MS = 1_000;

/** @returns an end to it */
export function startPatience(ms: number, onEnd: () => void): () => void {
  let ticks = Math.ceil(ms / TICK_MS);
  const timer = setInterval(() => {
    if (--ticks > 0) return;
    clearInterval(timer);
    onEnd();
  }, TICK_MS);
  return () => clearInterval(timer);
}
