// Asking the chain, once or for as long as the node runs: an answer is judged, what it raises is on the disk, and only
// then somebody hears of it. Design: "What counts" of docs/chain.md.
// Must not: decide what a height means for the node.
import type { Opts } from "../api.ts";
import { asUpdateError, type UpdateError } from "../errors.ts";
import type { ChainIdentity } from "../trust/x-dchat.ts";
import type { ChainAdapter, ChainReading } from "./chain-clock.ts";
import { type ChainState, judgeAnswer } from "./chain-state.ts";
import type { HeightStore } from "./height-store.ts";

export interface ChainWatch {
  readonly adapter: ChainAdapter;
  readonly chain: ChainIdentity;
  readonly store: HeightStore;
  readonly stuckAfterMs: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A node that was off for a day is this far behind; from one answer to the next it is an hour of fast blocks. */
const LEAP_BLOCKS = 10_000;

/**
 * Asks once. Whatever is wrong with the chain is in the state.
 * @throws UpdateError E_STATE_CORRUPT, E_IO, E_DISK_FULL, E_LOCKED when the height cannot be kept; E_INTERRUPTED
 */
export async function readChain(w: ChainWatch, o: Opts): Promise<ChainState> {
  const memory = await w.store.load();
  const answer = await ask(w, memory?.height, o);
  const judged = judgeAnswer(answer, memory, {
    genesis: w.chain.genesis,
    nowMs: w.now(),
    stuckAfterMs: w.stuckAfterMs,
  });
  if (judged.memory !== undefined && judged.memory !== memory) await w.store.raise(judged.memory, o);
  return judged.state;
}

/** A leap is asked for twice, and the smaller answer counts: what is kept is kept for ever, and slips happen. */
async function ask(w: ChainWatch, known: number | undefined, o: Opts): Promise<ChainReading | UpdateError> {
  try {
    const first = await w.adapter.read(o);
    if (first.finalized - (known ?? 0) <= LEAP_BLOCKS) return first;
    const second = await w.adapter.read(o);
    return second.finalized < first.finalized ? second : first;
  } catch (e) {
    o.signal.throwIfAborted();
    return asUpdateError(e, "E_CHAIN");
  }
}

/** Asks now and then, until the signal ends it; the next question waits for the reader. */
export async function* watchChain(
  w: ChainWatch,
  o: Opts & { readonly intervalMs: number },
): AsyncGenerator<ChainState> {
  while (!o.signal.aborted) {
    const since = performance.now();
    yield await readChain(w, o);
    await pause(o.intervalMs - (performance.now() - since), o.signal);
  }
}

/** Ends early, and without an error, when the signal does. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted || ms <= 0) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
