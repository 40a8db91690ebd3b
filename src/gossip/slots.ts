// How many exchanges with peers run at a time, when anybody can make this node begin one: a share for each peer, and whoever
// takes too long makes room. Design: docs/gossip.md, "Connections" and "Pieces for each other".
// Must not: let those that hold an exchange open keep everybody else waiting.
import { UpdateError } from "../errors.ts";

export interface SlotsOptions {
  readonly atOnce: number;
  /** Of those of one peer; default: as many as there are. */
  readonly maxPerPeer?: number;
  /** An exchange takes as long as it takes; after this time it ends as soon as others wait for its slot. */
  readonly leashMs: number;
  /** And after this time when more wait than there are slots; default: no sooner. */
  readonly crowdMs?: number;
  /** And after this time that of a peer with several for one that has none; default: no sooner. */
  readonly shareMs?: number;
  /** Whoever waits longer is refused; default: nobody. */
  readonly waitMs?: number;
  pause(ms: number): Promise<void>;
}

export interface Slot {
  readonly peer: string | undefined;
  readonly beganMs: number;
  /** By `performance.now()`; then it ends as soon as others wait. Its holder may set it anew. */
  untilMs: number;
  /** Aborted when it was given to somebody else. */
  readonly stop: AbortController;
}

export interface Slots {
  /** @returns undefined when too many wait, or after too long */
  take(peer: string | undefined): Promise<Slot | undefined>;
  free(slot: Slot): void;
  /** Whether somebody waits for it who has none, or would have no more with it than its peer without it. */
  isWanted(slot: Slot): boolean;
}

/** More than a hundred peers can have streams with requests. */
const MAX_WAITING = 1_000;

interface Waiting {
  readonly peer: string | undefined;
  readonly go: (slot: Slot | undefined) => void;
}

export function createSlots(o: SlotsOptions): Slots {
  const { atOnce, maxPerPeer = atOnce, leashMs, crowdMs = Infinity, shareMs = Infinity, waitMs, pause } = o;
  const running = new Set<Slot>(); // in order of their beginning
  const waiting = new Set<Waiting>(); // in order of their coming
  let looksAtMs = Infinity;

  const heldBy = (peer: string | undefined) =>
    peer === undefined ? 0 : [...running].filter((slot) => slot.peer === peer).length;

  function begin(peer: string | undefined): Slot {
    const beganMs = performance.now();
    const slot = { peer, beganMs, untilMs: beganMs + leashMs, stop: new AbortController() };
    running.add(slot);
    return slot;
  }

  /** Whatever else its peer waits for is behind all others then. */
  function end(slot: Slot): void {
    if (!running.delete(slot) || slot.peer === undefined) return;
    for (const own of [...waiting].filter((w) => w.peer === slot.peer)) {
      waiting.delete(own);
      waiting.add(own);
    }
  }

  /**
   * Who holds the fewest is first, and of those who has waited longest. Nobody makes room for himself: what he waits for is
   * what he asked for before.
   */
  function next(): Waiting | undefined {
    let first: Waiting | undefined, fewest = maxPerPeer;
    for (const w of waiting) {
      const held = heldBy(w.peer);
      if (held >= fewest) continue;
      first = w;
      fewest = held;
    }
    return first;
  }

  function serve(): void {
    for (let first = next(); first !== undefined; first = next()) {
      if (running.size >= atOnce && !endOne(first)) return;
      waiting.delete(first);
      first.go(begin(first.peer));
    }
  }

  /** When a slot may be taken away for whoever waits. */
  function endMs({ peer, beganMs, untilMs }: Slot, { peer: other }: Waiting): number {
    const isShared = heldBy(other) === 0 && heldBy(peer) > 1;
    const mayLastMs = Math.min(isShared ? shareMs : Infinity, waiting.size > atOnce ? crowdMs : Infinity);
    return Math.min(untilMs, beganMs + mayLastMs);
  }

  /** @returns false when all are in time still; then there is another look when one is not */
  function endOne(first: Waiting): boolean {
    const latest = [...running].reduce((a, b) => endMs(b, first) < endMs(a, first) ? b : a);
    const leftMs = endMs(latest, first) - performance.now();
    if (leftMs > 0) {
      lookAgainIn(leftMs);
      return false;
    }
    end(latest);
    latest.stop.abort(new UpdateError("E_TIMEOUT", "given up for the sake of other peers"));
    return true;
  }

  function lookAgainIn(ms: number): void {
    const atMs = performance.now() + ms;
    if (atMs >= looksAtMs) return;
    looksAtMs = atMs;
    void pause(ms).then(() => {
      if (looksAtMs === atMs) looksAtMs = Infinity;
      serve();
    });
  }

  async function wait(peer: string | undefined): Promise<Slot | undefined> {
    if (waiting.size >= MAX_WAITING) return undefined;
    const { promise, resolve: go } = Promise.withResolvers<Slot | undefined>();
    const entry = { peer, go };
    waiting.add(entry);
    const giveUp = () => {
      waiting.delete(entry); // before it is told: nobody may give it a slot now
      go(undefined);
    };
    const timer = waitMs === undefined ? undefined : setTimeout(giveUp, waitMs);
    serve();
    const slot = await promise;
    clearTimeout(timer);
    return slot;
  }

  return {
    take: async (peer) => running.size < atOnce && heldBy(peer) < maxPerPeer ? begin(peer) : await wait(peer),
    free(slot) {
      end(slot);
      serve();
    },
    isWanted(slot) {
      const first = next();
      if (first === undefined) return false;
      const held = heldBy(first.peer);
      return held === 0 || held + 1 < heldBy(slot.peer);
    },
  };
}
