// The devnet's chain, watched and commanded over HTTP. Design: docs/chain.md, "The simulated chain".
// Must not: be asked by the nodes' side; each node asks the chain itself.
import { setTimeout as delay } from "node:timers/promises";

export interface WatchedChain {
  /** The newest block that was seen. */
  height(): number;
  /** Orders as docs/chain.md has them. */
  order(orders: Readonly<Record<string, unknown>>): Promise<void>;
}

const POLL_MS = 200;

/** @param signal ends the watching */
export function createChain(url: string, signal: AbortSignal): WatchedChain {
  let height = 0;

  async function look(): Promise<void> {
    while (!signal.aborted) {
      try {
        const answer = await fetch(`${url}/status`, { signal });
        height = (await answer.json() as { latest: { height: number } }).latest.height; // as docs/chain.md has it
      } catch {
        // It may have been told not to answer.
      }
      await delay(POLL_MS, undefined, { signal }).catch(() => {}); // the loop looks at the signal
    }
  }
  void look();

  return {
    height: () => height,
    async order(orders) {
      const answer = await fetch(`${url}/orders`, { method: "POST", body: JSON.stringify(orders), signal });
      height = (await answer.json() as { height: number }).height; // as simulated-server.ts answers
    },
  };
}
