// The buffers that pieces arrive in: a bounded number, used again and again.
// Design: "Where the bytes go" of docs/architecture.md: memory stays flat whatever the size of the file.
// Must not: hold more memory than its bound.

import type { Opts } from "../api.ts";
import { asUpdateError, type UpdateError } from "../errors.ts";
import { PIECE_BYTES } from "../hash/blake3-core.ts";

export type PieceBuffer = Uint8Array<ArrayBuffer>;

export interface PieceBuffers {
  /**
   * Waits while all are out; first come, first served.
   * @throws UpdateError E_INTERRUPTED on abort; what `fail` was given
   */
  take(o: Opts): Promise<PieceBuffer>;
  give(buffer: PieceBuffer): void;
  /** From now on nobody gets one. */
  fail(e: UpdateError): void;
}

/** @param max how many there may be */
export function createPieceBuffers(max: number): PieceBuffers {
  const free: PieceBuffer[] = [];
  const waiting: { readonly give: (b: PieceBuffer) => void; readonly fail: (e: unknown) => void }[] = [];
  let made = 0;
  let failure: UpdateError | undefined;

  /** The one that was used last: some of it may still be in the processor's cache. */
  function next(): PieceBuffer | undefined {
    const buffer = free.pop();
    if (buffer !== undefined || made === max) return buffer;
    made++;
    return new Uint8Array(PIECE_BYTES);
  }

  function wait(signal: AbortSignal): Promise<PieceBuffer> {
    return new Promise((resolve, reject) => {
      const waiter = { give, fail };
      function give(buffer: PieceBuffer): void {
        signal.removeEventListener("abort", onAbort);
        resolve(buffer);
      }
      function fail(e: unknown): void {
        signal.removeEventListener("abort", onAbort);
        reject(e);
      }
      function onAbort(): void {
        waiting.splice(waiting.indexOf(waiter), 1);
        reject(asUpdateError(signal.reason, "E_INTERRUPTED"));
      }
      signal.addEventListener("abort", onAbort, { once: true });
      waiting.push(waiter);
    });
  }

  return {
    async take({ signal }) {
      if (failure !== undefined) throw failure;
      if (signal.aborted) throw asUpdateError(signal.reason, "E_INTERRUPTED");
      return next() ?? await wait(signal);
    },
    give(buffer) {
      const first = waiting.shift();
      if (first !== undefined) first.give(buffer);
      else free.push(buffer);
    },
    fail(e) {
      failure ??= e;
      for (const { fail } of waiting.splice(0)) fail(failure);
    },
  };
}
