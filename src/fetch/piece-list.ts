// The piece list of an artifact, from whoever has it. Design: "The download" of docs/architecture.md: it needs no
// signature, because only the right one merges to the signed digest. Must not: read pieces.

import type { Opts } from "../api.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import type { DownloadEvent } from "./download-event.ts";
import type { PieceStore } from "./piece-store.ts";
import type { Supplier } from "./supplier.ts";

export interface FindPieceListOptions extends Opts {
  readonly store: PieceStore;
  /** In the order in which they are asked. */
  readonly suppliers: readonly Supplier[];
  readonly onEvent: (e: DownloadEvent) => void;
}

// By then one that is far away has answered, its TLS included. It is not waited for alone any longer.
const FIRST_ALONE_MS = 500;
// Where one is silent others may be: each further one costs less.
const NEXT_MS = 250;
// The last of them: longer than a mirror may take for its first byte, so that one that hangs has failed by then. Without
// a list it works too, and whoever drips must not keep it from beginning.
const LAST_MS = 20_000;
// Asked at once. Whoever has to make room has had at least four seconds.
const MAX_ASKED = 16;

// Whoever cannot be asked for the list cannot be asked for pieces either.
const NOT_THERE = new Set(["E_UNREACHABLE", "E_TIMEOUT"]);

/**
 * Gives the store a proven piece list if anybody has one.
 * Suppliers are asked one after another, the next one when the last has failed or is slow; those before stay asked, and
 * the first list that is proven ends it, or some time without one after the last was asked.
 * @throws what the store throws; E_INTERRUPTED
 */
export async function findPieceList({ store, suppliers, signal, onEvent }: FindPieceListOptions): Promise<void> {
  if (store.isListed) return;
  const enough = new AbortController();
  const stop = () => enough.abort(signal.reason);
  signal.addEventListener("abort", stop);
  let fatal: unknown;

  async function ask(supplier: Supplier, asking: AbortSignal): Promise<void> {
    const source = supplier.source.id;
    if (supplier.state === "new") {
      onEvent({ type: "source", id: source });
      const problem = await supplier.open({ signal }); // goes on when another one answers first
      if (problem !== undefined && !signal.aborted) onEvent({ type: "failed", source, error: problem });
    }
    try {
      const list = await supplier.reader?.pieceList({ signal: asking });
      if (list === undefined || asking.aborted) return;
      await store.setPieceList(list);
      enough.abort();
    } catch (e) {
      if (asking.aborted) return;
      const error = asUpdateError(e);
      const { code } = error;
      if (error.retry !== "elsewhere") throw error;
      if (code === "E_HASH_MISMATCH") {
        const lie = new UpdateError(code, `${source} gave a wrong piece list: ${error.message}`, { source });
        supplier.lied(lie);
        onEvent({ type: "refused", source, error: lie });
      } else if (NOT_THERE.has(code)) {
        onEvent({ type: "failed", source, error: supplier.broke(error) });
      } // any other answer, a page that says "not found" with status 200 among them, says nothing about the artifact itself
    }
  }

  try {
    const answers: Promise<void>[] = [], asked = new Set<AbortController>();
    for (const supplier of suppliers) {
      if (enough.signal.aborted) break;
      for (const oldest of asked) {
        if (asked.size < MAX_ASKED) break;
        asked.delete(oldest);
        oldest.abort();
      }
      const own = new AbortController();
      asked.add(own);
      const answer = ask(supplier, AbortSignal.any([enough.signal, own.signal])).catch((e) => {
        fatal ??= e;
        enough.abort();
      }).finally(() => asked.delete(own));
      await Promise.race([answer, after(answers.push(answer) === 1 ? FIRST_ALONE_MS : NEXT_MS, enough.signal)]);
    }
    await Promise.race([Promise.all(answers), after(LAST_MS, enough.signal)]);
  } finally {
    signal.removeEventListener("abort", stop);
    enough.abort();
  }
  if (fatal !== undefined) throw fatal;
  signal.throwIfAborted();
}

/** Resolves after a time; at once when the signal is aborted. */
function after(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    if (signal.aborted) done();
    else signal.addEventListener("abort", done);
  });
}
