// One read of a run of pieces: cuts what a source sends into pieces, and knows how fast it comes.
// Design: "The download" of docs/architecture.md. Must not: decide who reads what, judge bytes.

import type { Artifact, RoomAt } from "../api.ts";
import { UpdateError } from "../errors.ts";
import { PIECE_BYTES } from "../hash/blake3-core.ts";
import { pieceLength } from "./held-pieces.ts";
import type { PieceBuffer } from "./piece-buffers.ts";
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
  onBytes(received: number): void;
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
  /** From its beginning to its first byte; 0 before that. */
  latencyMs = 0;
  /** Others may take what it holds. The engine's to set. */
  isStalled = false;
  /** Of pieces that have begun to come, by index. */
  readonly #buffers = new Map<number, PieceBuffer>();

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
    const roomAt = this.#roomIn(host);
    try {
      for await (
        const chunk of supplier.reader?.read(run.next, run.end - run.next, { signal, reusesChunks: true, roomAt }) ?? []
      ) {
        this.#count(chunk.length);
        host.onBytes(chunk.length);
        let rest = this.#place(chunk, host);
        while (rest !== undefined && rest.length > 0) {
          await this.#waitedForUs(this.#takeBuffer(host));
          rest = this.#place(rest, host);
        }
        if (rest === undefined) return;
        if (this.isEnding) host.onEnding();
        const wait = this.#heldBack(chunk.length, host);
        if (wait !== undefined) await this.#waitedForUs(wait);
      }
    } finally {
      for (const buffer of this.#buffers.values()) host.store.returnBuffer(buffer);
    }
    if (run.next < run.end) {
      throw new UpdateError("E_SIZE_MISMATCH", `${supplier.source.id} ended before the bytes it was asked for`, {
        source: supplier.source.id,
      });
    }
  }

  // What `receive` does for each chunk is in functions of their own, so that it is short: the memory a compiler needs for
  // one that waits grows with all that is in it (docs/decisions/0026).

  /**
   * Puts what came where it belongs, and gives away the pieces it completes.
   * @returns what there is no buffer for yet; undefined when nothing more is wanted
   */
  #place(chunk: Uint8Array, host: ReadingHost): Uint8Array | undefined {
    const { run } = this;
    let rest = chunk;
    while (rest.length > 0) {
      if (run.next >= run.end) return undefined; // it goes on behind what was asked for
      const buffer = this.#buffers.get(run.next);
      if (buffer === undefined && !host.plan.isDone(run.next)) return rest;
      const size = pieceLength(host.artifact.length, run.next);
      const part = rest.subarray(0, size - this.filled);
      const isThere = part.buffer === buffer?.buffer && part.byteOffset === this.filled;
      if (!isThere) buffer?.set(part, this.filled);
      this.filled += part.length;
      rest = rest.subarray(part.length);
      if (this.filled === size && !this.#complete(buffer, host)) return undefined;
    }
    return rest;
  }

  /** @returns false when others have the rest */
  #complete(buffer: PieceBuffer | undefined, { plan, onPiece }: ReadingHost): boolean {
    const { run } = this;
    this.filled = 0;
    this.#buffers.delete(run.next);
    if (buffer !== undefined) onPiece(run.next, buffer);
    plan.advance(run);
    return plan.missingCount > 0 && !plan.isRelieved(run);
  }

  /** @throws StoreFailure */
  async #takeBuffer({ store }: ReadingHost): Promise<void> {
    const { run: { next }, abort: { signal } } = this;
    try {
      // No other comes meanwhile: who waits for one keeps spare ones from being given.
      this.#buffers.set(next, await store.takeBuffer({ signal }));
    } catch (cause) {
      throw new StoreFailure("the piece store failed", { cause });
    }
  }

  /** What limits of ours make it wait for. */
  #heldBack(received: number, { limit }: ReadingHost): Promise<unknown> | undefined {
    const { supplier, abort: { signal } } = this;
    const sent = supplier.sentFor(received);
    const all = limit.take(sent, signal), own = supplier.limit.take(sent, signal);
    return all === undefined || own === undefined ? all ?? own : Promise.all([all, own]);
  }

  /** Bytes are best received where they belong: in the buffer of their piece, begun early where there are plenty. */
  #roomIn({ artifact, plan, store }: ReadingHost): RoomAt {
    const { run } = this;
    const first = run.next;
    return (offset) => {
      const index = first + Math.floor(offset / PIECE_BYTES);
      if (index >= run.end || index > run.next + 1) return undefined;
      let buffer = this.#buffers.get(index);
      if (buffer === undefined && !plan.isDone(index)) {
        buffer = store.takeSpareBuffer();
        if (buffer !== undefined) this.#buffers.set(index, buffer);
      }
      return buffer?.subarray(offset % PIECE_BYTES, pieceLength(artifact.length, index));
    };
  }

  #count(received: number): void {
    this.lastByteMs = performance.now();
    if (this.bytes === 0) this.supplier.firstByteAfter(this.latencyMs = this.lastByteMs - this.#startedMs);
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
      this.supplier.heldUp(this.lastByteMs - sinceMs);
    }
  }
}
