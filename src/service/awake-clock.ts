// How long a process has been there, the time included in which its machine slept: there a steady clock stands still on
// Linux, and timers with it. Design: docs/gossip.md. Must not: go back, or stand still while another clock is put right.

/**
 * @param steadyMs goes on evenly, but perhaps not while the machine sleeps
 * @param wallMs goes on while it sleeps, and is put right now and then
 * @returns milliseconds that never grow less; a wall clock that is put forward is taken for a sleep
 */
export function createAwakeClock(
  steadyMs: () => number = () => performance.now(),
  wallMs: () => number = Date.now,
): () => number {
  let totalMs = 0, steadyBeforeMs = steadyMs(), wallBeforeMs = wallMs();
  return () => {
    const steadyNowMs = steadyMs(), wallNowMs = wallMs();
    totalMs += Math.max(steadyNowMs - steadyBeforeMs, wallNowMs - wallBeforeMs);
    [steadyBeforeMs, wallBeforeMs] = [steadyNowMs, wallNowMs];
    return totalMs;
  };
}
