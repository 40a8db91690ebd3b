// Work with a peer, such as fetching from it, that waits for its slot.
// Design: docs/gossip.md, "Connections". Must not: know what the work is.
import { UpdateError } from "../errors.ts";
import { createSlots, type Slot, type SlotsOptions } from "./slots.ts";

/** Runs the work when it has a slot. @throws UpdateError E_TIMEOUT when too many wait; what the work throws, which its signal ends */
export type FetchSlots = <T>(work: (signal: AbortSignal, slot: Slot) => Promise<T>, peer?: string) => Promise<T>;

/** Identities cost nothing: a crowd that stalls delays an honest peer by this time for each slot. Some round trips. */
const CROWD_MS = 1_000;

export function createFetchSlots(o: SlotsOptions): FetchSlots {
  const slots = createSlots({ crowdMs: CROWD_MS, ...o });
  return async (work, peer) => {
    const slot = await slots.take(peer);
    if (slot === undefined) throw new UpdateError("E_TIMEOUT", "too many peers are being asked already");
    try {
      return await work(slot.stop.signal, slot);
    } finally {
      slots.free(slot);
    }
  };
}
