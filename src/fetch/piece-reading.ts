// One read of a run of pieces: cuts what a source sends into pieces, and knows how fast it comes.
// Design: "The download" of docs/architecture.md. Must not: decide who reads what, judge bytes.

import type { Artifact } from "../api.ts";
import { UpdateError } from "../errors.ts";
import { PIECE_BYTES } from "../hash/blake3-core.ts";
import type { PiecePlan, Run } from "./piece-plan.ts";
import type { PieceStore } from "./piece-store.ts";
import type { RateLimit } from "./rate-limit.ts";
import type { Supplier } from "./supplier.ts";

/** What a read works with, and whom it tells. */
export interface ReadingHost {
  readonly artifact: Artifact;
  readonly plan: PiecePlan;
  readonly store: PieceStore;
  /** For all reads together. */
  readonly limit: RateLimit;
  onBytes(): void;
  /** The next read should be asked for now. */
  onEnding(): void;
  /** @param buffer the piece at its beginning; the host's from now on */
  onPiece(index: number, buffer: Uint8Array<ArrayBuffer>): void;
}

/** The disk or the hashing thread failed, as `cause` tells: no other source can help. */
export class StoreFailure extends Error {}

// A read is followed by the next one before it has ended: so long before.
const OVERLAP_MS = 20;

export class PieceReading {
  readonly supplier: Supplier;
  readonly run: Run;
  readonly abort = new AbortController();
  readonly #startedMs = performance.now();
  #waitedForUsMs = 0;
  #isWaitingForUs = false;
  /** Bytes of the piece it is busy with. */
  filled = 0;
  bytes = 0;
  lastByteMs = this.#startedMs;
  /** Others may take what it holds. The engine's to set. */
  isStalled = false;

  constructor(supplier: Supplier, run: Run) {
    this.supplier = supplier;
    this.run = run;
  }

  /** Time since it began, without that in which the source waited for us. */
  get elapsedMs(): number {
    return performance.now() - this.#startedMs - this.#waitedForUsMs;
  }

  /** How long nothing has come that could have. */
  silentMs(nowMs: number): number {
    return this.#isWaitingForUs ? 0 : nowMs - this.lastByteMs;
  }

  get isEnding(): boolean {
    if (this.run.end - this.run.next > 1) return false;
    return (PIECE_BYTES - this.filled) * 1000 <= (this.supplier.readRate ?? 0) * OVERLAP_MS;
  }

  /** How long it will take for what it has claimed. */
  estimateMs(): number {
    if (this.bytes === 0) return this.elapsedMs; // as if half of its time were over
    const leftBytes = (this.run.claimEnd - this.run.next) * PIECE_BYTES - this.filled;
    return leftBytes * this.elapsedMs / this.bytes;
  }

  /**
   * Reads to the end of the run, or until others have or bring the rest.
   * @throws StoreFailure; what the source throws; UpdateError E_SIZE_MISMATCH when it ends early
   */
  async receive(host: ReadingHost): Promise<void> {
    const { supplier, run, abort: { signal } } = this;
    const { plan, store } = host;
    let buffer: Uint8Array<ArrayBuffer> | undefined;
    try {
      for await (
        let chunk of supplier.reader?.read(run.next, run.end - run.next, { signal, reusesChunks: true }) ?? []
      ) {
        const received = chunk.length;
        this.#count(received);
        host.onBytes();
        while (chunk.length > 0) {
          if (run.next >= run.end) return; // it goes on behind what was asked for
          const size = Math.min(PIECE_BYTES, host.artifact.length - run.next * PIECE_BYTES);
          if (buffer === undefined && !plan.isDone(run.next)) {
            buffer = await this.#waitedForUs(orStoreFailure(store.takeBuffer({ signal })));
          }
          const part = chunk.subarray(0, size - this.filled);
          buffer?.set(part, this.filled);
          this.filled += part.length;
          chunk = chunk.subarray(part.length);
          if (this.filled < size) continue;
          this.filled = 0;
          if (buffer !== undefined) host.onPiece(run.next, buffer);
          buffer = undefined;
          plan.advance(run);
          if (plan.missingCount === 0 || plan.isRelieved(run)) return;
        }
        if (this.isEnding) host.onEnding();
        const sent = supplier.sentFor(received);
        for (const wait of [host.limit.take(sent, signal), supplier.limit.take(sent, signal)]) {
          if (wait !== undefined) await this.#waitedForUs(wait);
        }
      }
    } finally {
      if (buffer !== undefined) store.returnBuffer(buffer);
    }
    if (run.next < run.end) {
      throw new UpdateError("E_SIZE_MISMATCH", `${supplier.source.id} ended before the bytes it was asked for`, {
        source: supplier.source.id,
      });
    }
  }

  #count(received: number): void {
    this.lastByteMs = performance.now();
    if (this.bytes === 0) this.supplier.firstByteAfter(this.lastByteMs - this.#startedMs);
    this.bytes += received;
    this.supplier.gotBytes(received);
  }

  async #waitedForUs<T>(wait: Promise<T>): Promise<T> {
    const sinceMs = performance.now();
    this.#isWaitingForUs = true;
    try {
      return await wait;
    } finally {
      this.#isWaitingForUs = false;
      this.lastByteMs = performance.now();
      this.#waitedForUsMs += this.lastByteMs - sinceMs;
    }
  }
}

function orStoreFailure<T>(work: Promise<T>): Promise<T> {
  return work.catch((cause) => {
    throw new StoreFailure("the piece store failed", { cause });
  });
}
