// Wakes a loop of the daemon when there may be something new. Design: "The network half" of docs/activation.md.
// Must not: lose a ring that came while the loop was at work.

/** Rung when there may be something new. */
export interface Bell {
  ring(): void;
  /**
   * Resolves when it rings, or rang since the last time; when the time is over; when the signal is aborted.
   * @returns whether it rang
   */
  wait(ms: number, signal: AbortSignal): Promise<boolean>;
}

export function createBell(): Bell {
  let hasRung = false;
  let wake = () => {};
  return {
    ring() {
      hasRung = true;
      wake();
    },
    async wait(ms, signal) {
      if (!hasRung && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const done = () => {
            clearTimeout(timer);
            signal.removeEventListener("abort", done); // it lives as long as the daemon
            resolve();
          };
          const timer = setTimeout(done, ms);
          signal.addEventListener("abort", done);
          wake = done;
        });
      }
      const rang = hasRung;
      hasRung = false;
      return rang;
    },
  };
}
