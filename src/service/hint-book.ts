// Mirrors that peers have named lately: tried last, forgotten when they fail.
// Design: docs/gossip.md, "Mirrors that peers know". Pure but for the clock it is given.
// Must not: reach the configuration, or the memory of the operator's own mirrors; or grow without bound.

export interface HintBook {
  /** Takes what a peer has named. `isKnown` tells mirrors that this node has anyway. */
  learn(peer: string, urls: readonly string[], isKnown: (url: string) => boolean): void;
  /** Those to try. */
  urls(): readonly string[];
  /** It failed, lied, or did not have what was asked for. */
  forget(url: string): void;
}

/** More than these are not worth trying behind everything else. */
const MAX_HINTED = 16;
/** So that one peer cannot take all places. */
const MAX_OF_ONE_PEER = 4;
/** Then it makes room: the first to name some would keep all places, though nobody needs what they named. */
const KEPT_MS = 3_600_000;
/** What failed is not taken again so soon, whoever names it. */
const FORGOTTEN_MS = 3_600_000;
/** Of more, the first is taken for new again. */
const MAX_FORGOTTEN = 256;

interface Hint {
  /** That named it first. */
  readonly peer: string;
  readonly untilMs: number;
}

export function createHintBook(now: () => number = () => performance.now()): HintBook {
  const hinted = new Map<string, Hint>(); // by URL
  const forgotten = new Map<string, number>();

  const isForgotten = (url: string) => (forgotten.get(url) ?? -Infinity) > now();
  const countOf = (peer: string) => [...hinted.values()].filter((hint) => hint.peer === peer).length;

  function dropOld(): void {
    for (const [url, { untilMs }] of hinted) if (untilMs <= now()) hinted.delete(url);
  }

  return {
    learn(peer, urls, isKnown) {
      dropOld();
      for (const url of urls) {
        if (hinted.has(url) || isForgotten(url) || isKnown(url)) continue;
        if (hinted.size >= MAX_HINTED || countOf(peer) >= MAX_OF_ONE_PEER) return;
        hinted.set(url, { peer, untilMs: now() + KEPT_MS });
      }
    },
    urls() {
      dropOld();
      return [...hinted.keys()];
    },
    forget(url) {
      if (!hinted.delete(url)) return;
      const [oldest] = forgotten.keys();
      if (forgotten.size >= MAX_FORGOTTEN && oldest !== undefined) forgotten.delete(oldest);
      forgotten.set(url, now() + FORGOTTEN_MS);
    },
  };
}
