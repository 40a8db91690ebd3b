// How many exchanges with peers run at a time, when anybody can make this node begin one.
// Design: docs/gossip.md, "Connections". Must not: let those that hold an exchange open keep everybody else waiting.
import { UpdateError } from "../errors.ts";

export interface FetchSlotsOptions {
  readonly atOnce: number;
  /** Of those of one peer; default: as many as there are. */
  readonly maxPerPeer?: number;
  /** An exchange takes as long as it takes; after this time it ends as soon as others wait for its slot. */
  readonly leashMs: number;
  pause(ms: number): Promise<void>;
}

/** Runs the work when it has a slot. @throws UpdateError E_TIMEOUT when too many wait; what the work throws, which its signal ends */
export type FetchSlots = <T>(work: (signal: AbortSignal) => Promise<T>, peer?: string) => Promise<T>;

/** Of a hundred peers, each may be asked when it appears and when it announces something. */
const MAX_WAITING = 256;

interface Slot {
  readonly peer: string | undefined;
  readonly untilMs: number;
  readonly stop: AbortController;
}

interface Waiting {
  readonly peer: string | undefined;
  readonly go: (slot: Slot) => void;
}

export function createFetchSlots({ atOnce, maxPerPeer = atOnce, leashMs, pause }: FetchSlotsOptions): FetchSlots {
  const running = new Set<Slot>(); // in order of their beginning
  const waiting = new Set<Waiting>(); // in order of their coming
  let looksAgain = false;

  /** Nobody makes room for himself: what he waits for is what he asked for before. */
  const hasEnough = (peer: string | undefined) =>
    peer !== undefined && [...running].filter((slot) => slot.peer === peer).length >= maxPerPeer;

  function begin(peer: string | undefined): Slot {
    const slot = { peer, untilMs: performance.now() + leashMs, stop: new AbortController() };
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

  /** Who has waited longest is first. */
  function serve(): void {
    for (const next of [...waiting]) {
      if (hasEnough(next.peer)) continue;
      if (running.size >= atOnce && !endOldest()) return;
      waiting.delete(next);
      next.go(begin(next.peer));
    }
  }

  /** @returns false when it is on its leash still; then there is another look at the end of that */
  function endOldest(): boolean {
    const [oldest] = running;
    if (oldest === undefined) return false;
    const leftMs = oldest.untilMs - performance.now();
    if (leftMs > 0) {
      lookAgainIn(leftMs);
      return false;
    }
    end(oldest);
    oldest.stop.abort(new UpdateError("E_TIMEOUT", "given up for the sake of other peers"));
    return true;
  }

  function lookAgainIn(ms: number): void {
    if (looksAgain) return;
    looksAgain = true;
    void pause(ms).then(() => {
      looksAgain = false;
      serve();
    });
  }

  /** @throws UpdateError E_TIMEOUT when too many wait */
  function wait(peer: string | undefined): Promise<Slot> {
    if (waiting.size >= MAX_WAITING) throw new UpdateError("E_TIMEOUT", "too many peers are being asked already");
    const { promise, resolve: go } = Promise.withResolvers<Slot>();
    waiting.add({ peer, go });
    serve();
    return promise;
  }

  return async (work, peer) => {
    const slot = running.size < atOnce && !hasEnough(peer) ? begin(peer) : await wait(peer);
    try {
      return await work(slot.stop.signal);
    } finally {
      end(slot);
      serve();
    }
  };
}
