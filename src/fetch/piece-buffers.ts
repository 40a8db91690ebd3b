// The buffers that pieces arrive in: a bounded number, used again and again.
// Design: "Where the bytes go" of docs/architecture.md: memory stays flat whatever the size of the file.
// Must not: hold more memory than its bound.

import type { Opts } from "../api.ts";
import { asUpdateError, type UpdateError } from "../errors.ts";
import { PIECE_BYTES } from "../hash/blake3-core.ts";

export type PieceBuffer = Uint8Array<ArrayBuffer>;

export interface PieceBuffers {
  /**
   * Waits while all are out, or too many are being proven; first come, first served.
   * @throws UpdateError E_INTERRUPTED on abort; what `fail` was given
   */
  take(o: Opts): Promise<PieceBuffer>;
  /** One to be filled ahead of need: undefined unless there are plenty. */
  takeSpare(): PieceBuffer | undefined;
  /** Unused after all. */
  giveBack(buffer: PieceBuffer): void;
  /** How many are being proven. */
  readonly inProof: number;
  /** One that was taken is full now and is being proven. */
  startProof(): void;
  endProof(buffer: PieceBuffer): void;
  /** From now on nobody gets one. */
  fail(e: UpdateError): void;
}

interface Waiter {
  readonly give: (buffer: PieceBuffer) => void;
  readonly fail: (e: unknown) => void;
}

/**
 * @param max how many there may be
 * @param maxInProof while so many are being proven nobody gets another
 */
export function createPieceBuffers(max: number, maxInProof: number): PieceBuffers {
  // One that is filled and one ahead of it, beside those in proof: with one source that is all there ever are.
  const maxSpare = Math.min(max / 2, maxInProof + 2);
  const free: PieceBuffer[] = [];
  const waiting: Waiter[] = [];
  let made = 0;
  let inProof = 0;
  let failure: UpdateError | undefined;

  function next(): PieceBuffer | undefined {
    if (inProof >= maxInProof) return undefined;
    // The one that was used last: some of it may still be in the processor's cache.
    const buffer = free.pop();
    if (buffer !== undefined || made === max) return buffer;
    made++;
    return new Uint8Array(PIECE_BYTES);
  }

  function wait(signal: AbortSignal): Promise<PieceBuffer> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        waiting.splice(waiting.indexOf(waiter), 1);
        reject(asUpdateError(signal.reason, "E_INTERRUPTED"));
      };
      const forget = () => signal.removeEventListener("abort", onAbort);
      const waiter: Waiter = {
        give(buffer) {
          forget();
          resolve(buffer);
        },
        fail(e) {
          forget();
          reject(e);
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      waiting.push(waiter);
    });
  }

  function giveBack(buffer: PieceBuffer): void {
    free.push(buffer);
    while (waiting.length > 0) {
      const given = next();
      if (given === undefined) return;
      waiting.shift()?.give(given);
    }
  }

  return {
    async take({ signal }) {
      if (failure !== undefined) throw failure;
      if (signal.aborted) throw asUpdateError(signal.reason, "E_INTERRUPTED");
      return next() ?? await wait(signal);
    },
    takeSpare() {
      const out = made - free.length;
      return failure !== undefined || waiting.length > 0 || out >= maxSpare ? undefined : next();
    },
    giveBack,
    get inProof() {
      return inProof;
    },
    startProof() {
      inProof++;
    },
    endProof(buffer) {
      inProof--;
      giveBack(buffer);
    },
    fail(e) {
      failure ??= e;
      for (const { fail } of waiting.splice(0)) fail(failure);
    },
  };
}
