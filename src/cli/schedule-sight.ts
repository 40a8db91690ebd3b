// At which height this node saw what governors have approved. Design: "Late or not" of docs/chain.md.
// Must not: ask the chain; what is kept of it is what the node knew.
import { createHeightStore } from "../chain/height-store.ts";
import { UpdateError } from "../errors.ts";
import type { TrustState } from "../trust/client.ts";
import { switchObstacles } from "../trust/effect.ts";
import { chainOf } from "../trust/epochs.ts";
import { judgementOf, recordSeen } from "../trust/schedule.ts";
import type { ChainIdentity } from "../trust/x-dchat.ts";
import type { Context } from "./context.ts";
import type { Session } from "./session.ts";

/**
 * Notes for each certificate that has become complete at which height it was not yet: that of the look before, or none
 * for a node that never looked. Then this look is over, at the height that is known now.
 * @param state what was learnt just now
 * @param by what one peer tells is seen, and is no look at the whole schedule
 * @returns the state with the notes, saved. Heights that do not read are told: learning goes on without them.
 * @throws UpdateError E_IO, E_DISK_FULL, E_LOCKED
 */
export async function noteSight(
  c: Context,
  s: Session,
  state: TrustState,
  by: "all-mirrors" | "one-peer" = "all-mirrors",
): Promise<TrustState> {
  const chain = chainOf(state);
  if (chain === undefined) return state;
  try {
    return await note(c, s, state, chain, by);
  } catch (e) {
    if (!(e instanceof UpdateError) || e.code !== "E_STATE_CORRUPT") throw e;
    c.out.warn(`${e.code}: ${e.message}`);
    return state;
  }
}

async function note(
  c: Context,
  { home, store }: Session,
  state: TrustState,
  chain: ChainIdentity,
  by: "all-mirrors" | "one-peer",
): Promise<TrustState> {
  const heights = createHeightStore(home.dir, chain);
  const { local } = state.schedule;
  const isNew = [...judgementOf(state).accepted.keys()].some((id) => local.get(id)?.completeSeenHeight === undefined);
  const next = isNew ? recordSeen(state, (await heights.load())?.lookedHeight ?? null) : state;
  if (isNew) await store.addSchedule(next.schedule, c);
  // What is withheld was not looked at; nor was what one peer does not know yet.
  if (by === "all-mirrors" && switchObstacles(next).length === 0) await heights.noteLook(c);
  return next;
}
