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

export function createFetchSlots({ atOnce, maxPerPeer = atOnce, leashMs, pause }: FetchSlotsOptions): FetchSlots {
  const running = new Set<Slot>(); // in order of their beginning
  const waiting = new Set<() => void>();

  /** Nobody makes room for himself: what he waits for is what he asked for before. */
  const hasEnough = (peer: string | undefined) =>
    peer !== undefined && [...running].filter((slot) => slot.peer === peer).length >= maxPerPeer;

  /** Who has waited longest looks first. */
  function wake(): void {
    for (const look of [...waiting]) look();
  }

  /** Until there may be room. @throws UpdateError E_TIMEOUT when too many wait */
  async function waitForRoom(isOwnFault: boolean): Promise<void> {
    const [oldest] = running;
    const leftMs = (oldest?.untilMs ?? 0) - performance.now();
    if (!isOwnFault && oldest !== undefined && leftMs <= 0) {
      running.delete(oldest);
      return oldest.stop.abort(new UpdateError("E_TIMEOUT", "given up for the sake of other peers"));
    }
    if (waiting.size >= MAX_WAITING) throw new UpdateError("E_TIMEOUT", "too many peers are being asked already");
    let look = () => {};
    const freed = new Promise<void>((resolve) => waiting.add(look = resolve));
    await (isOwnFault ? freed : Promise.race([freed, pause(leftMs)]));
    waiting.delete(look);
  }

  return async (work, peer) => {
    while (hasEnough(peer) || running.size >= atOnce) await waitForRoom(hasEnough(peer));
    const slot = { peer, untilMs: performance.now() + leashMs, stop: new AbortController() };
    running.add(slot);
    try {
      return await work(slot.stop.signal);
    } finally {
      running.delete(slot);
      wake();
    }
  };
}
