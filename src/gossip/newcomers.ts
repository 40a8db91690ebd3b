// Tells those who are at work of peers that connect meanwhile. Design: docs/gossip.md, "Pieces for each other".
// Must not: keep what nobody asks for.

export interface Newcomers {
  /** A peer has connected. */
  tell(peer: string): void;
  /** Each peer that is told of from the call on, until the signal. */
  follow(signal: AbortSignal): AsyncIterable<string>;
}

/** As many as can connect while whoever follows is busy; of more, the first are forgotten. */
const MAX_WAITING = 100;

export function createNewcomers(): Newcomers {
  const followers = new Set<(peer: string) => void>();
  return {
    tell: (peer) => followers.forEach((follower) => follower(peer)),
    follow(signal) {
      const waiting = new Set<string>();
      let wake = () => {};
      const hear = (peer: string) => {
        waiting.add(peer);
        const [oldest] = waiting;
        if (waiting.size > MAX_WAITING && oldest !== undefined) waiting.delete(oldest);
        wake();
      };
      followers.add(hear);
      const leave = () => {
        followers.delete(hear);
        wake();
      };
      if (signal.aborted) leave();
      else signal.addEventListener("abort", leave, { once: true });
      return (async function* () {
        while (!signal.aborted) {
          const [next] = waiting;
          if (next === undefined) await new Promise<void>((resolve) => wake = resolve);
          else if (waiting.delete(next)) yield next;
        }
      })();
    },
  };
}
