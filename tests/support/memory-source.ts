// A source of pieces that is nothing but memory, and behaves as a test wants: the reference that the shared suite is
// tried on, and what the engine's tests are made of.
// Must not: be timed by anything but its own `bytesPerSecond` and `latencyMs`.

import { setImmediate as turn } from "node:timers/promises";
import type { Artifact, PieceReader, Source, SourceKind } from "../../src/api.ts";
import { asUpdateError, UpdateError } from "../../src/errors.ts";
import { PIECE_BYTES } from "../../src/hash/blake3-core.ts";
import { pieceCount } from "../../src/hash/piece-tree.ts";

/** What is left out is as an honest source would have it, as fast as memory. */
export interface MemoryBehaviour {
  /** Of the source as a whole, however many reads run. */
  readonly bytesPerSecond?: number;
  /** Before the first byte of each read. */
  readonly latencyMs?: number;
  /** It has nothing any more: each read is told so. */
  readonly absent?: boolean;
  /** Pieces in which one bit is another. */
  readonly liesAt?: (piece: number) => boolean;
  /** The connection ends after so many bytes, counted over all reads; from then on nobody answers. */
  readonly diesAfterBytes?: number;
  /** Nothing more comes after so many bytes, counted over all reads. */
  readonly silentAfterBytes?: number;
  /** Of these reads, counted from 0 since it was made, nothing comes after the first chunk. */
  readonly freezesRead?: (n: number) => boolean;
  /** What was asked for is followed by bytes without an end. */
  readonly endless?: boolean;
  /** It ends after so many bytes of the file, as if that were all. */
  readonly fileBytes?: number;
  /** It cannot read from anywhere but the beginning, and tells so when it is first asked. */
  readonly sequential?: boolean;
}

export interface MemorySourceOptions {
  readonly id: string;
  /** "peer" when left out. */
  readonly kind?: SourceKind;
  readonly priority: number;
  readonly bytes: Uint8Array;
  /** The only artifact it has; any that is asked for when left out. */
  readonly artifact?: Artifact;
  /** None when left out. A wrong one is a lie. */
  readonly list?: Uint8Array;
  /** The pieces it has at first; all of them when left out. */
  readonly pieces?: readonly number[];
  readonly behaviour?: MemoryBehaviour;
}

export interface MemorySource extends Source {
  /** From now on, reads that run included; bytes given before count no more. */
  behave(b: MemoryBehaviour): void;
  /** It has these pieces too, and says so to whoever listens. */
  grow(pieces: Iterable<number>): void;
  /** Every read that was asked for, in order. */
  readonly reads: readonly { readonly first: number; readonly count: number }[];
  /** Bytes it gave in all. */
  readonly givenBytes: number;
  /** Reads that run now, and the most there were at a time. */
  readonly running: number;
  readonly mostRunning: number;
  /** Readers that were opened and not closed. */
  readonly openReaders: number;
}

// As a socket gives them.
const CHUNK_BYTES = 1 << 16;
// Of a slow source, so that it gives something at least that often.
const CHUNKS_PER_SECOND = 50;

export function createMemorySource(o: MemorySourceOptions): MemorySource {
  const { id, bytes } = o;
  const total = pieceCount(bytes.length);
  const held = new Set(o.pieces ?? Array.from({ length: total }, (_, i) => i));
  const reads: { first: number; count: number }[] = [];
  let b = o.behaviour ?? {};
  let givenBytes = 0;
  let givenBefore = 0; // when the behaviour was set
  let freeAtMs = 0; // when the line has sent what it was given
  let running = 0, mostRunning = 0, openReaders = 0;
  let news = Promise.withResolvers<void>();

  const error = (code: "E_ABSENT" | "E_UNREACHABLE" | "E_HTTP_STATUS", what: string) =>
    new UpdateError(code, `${id} ${what}`, { source: id });

  /** How many bytes may still be given before what the behaviour has in store happens. */
  const allowance = () =>
    Math.min(b.diesAfterBytes ?? Infinity, b.silentAfterBytes ?? Infinity) + givenBefore - givenBytes;

  /** The next time that what it has or how it behaves changes. */
  const event = (signal: AbortSignal) => settled(signal, (done) => void news.promise.then(done));

  function tell(): void {
    news.resolve();
    news = Promise.withResolvers();
  }

  /** Waits for the one line that all reads share; a turn for others at least, as with a socket. */
  async function line(byteCount: number, signal: AbortSignal): Promise<void> {
    if (b.bytesPerSecond === undefined) return await turn();
    const nowMs = performance.now();
    freeAtMs = Math.max(freeAtMs, nowMs) + (byteCount * 1000) / b.bytesPerSecond;
    await pause(freeAtMs - nowMs, signal);
  }

  async function* give(
    first: number,
    count: number,
    reader: { isSequential: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const n = reads.length - 1;
    if (b.latencyMs !== undefined) await pause(b.latencyMs, signal);
    if (b.absent === true) throw error("E_ABSENT", "does not have it");
    if (b.sequential === true) {
      reader.isSequential = true;
      if (first > 0) throw error("E_HTTP_STATUS", "reads from the beginning only");
    }
    const end = Math.min((first + count) * PIECE_BYTES, bytes.length, b.fileBytes ?? Infinity);
    for (let at = first * PIECE_BYTES; b.endless === true || at < end;) {
      signal.throwIfAborted();
      if (at > first * PIECE_BYTES && b.freezesRead?.(n) === true) {
        await event(signal);
        continue;
      }
      if (allowance() <= 0) {
        if (b.diesAfterBytes !== undefined && givenBytes - givenBefore >= b.diesAfterBytes) {
          throw error("E_UNREACHABLE", "is gone: connection lost");
        }
        await event(signal); // such as another behaviour
        continue;
      }
      const piece = Math.floor(at / PIECE_BYTES);
      if (at < end && !held.has(piece)) throw error("E_ABSENT", `does not have piece ${piece}`);
      const most = Math.min(CHUNK_BYTES, Math.ceil((b.bytesPerSecond ?? Infinity) / CHUNKS_PER_SECOND), allowance());
      const pieceEnd = Math.min((piece + 1) * PIECE_BYTES, at < end ? end : Infinity);
      const length = Math.min(most, pieceEnd - at);
      const chunk = at < end ? bytes.slice(at, at + length) : new Uint8Array(length);
      if (at % PIECE_BYTES === 0 && b.liesAt?.(piece) === true) chunk[0] = (chunk[0] ?? 0) ^ 1;
      await line(length, signal);
      givenBytes += length;
      at += length;
      yield chunk;
    }
  }

  async function* read(
    first: number,
    count: number,
    reader: { isSequential: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    reads.push({ first, count });
    mostRunning = Math.max(mostRunning, ++running);
    try {
      signal.throwIfAborted();
      yield* give(first, count, reader, signal);
    } catch (e) {
      throw signal.aborted ? asUpdateError(signal.reason, "E_INTERRUPTED") : e;
    } finally {
      running--;
    }
  }

  function open(): PieceReader {
    const closing = new AbortController();
    const reader = { isSequential: false };
    openReaders++;
    return {
      get isSequential() {
        return reader.isSequential;
      },
      have: () => new Set(held),
      async *changed({ signal }) {
        const either = AbortSignal.any([signal, closing.signal]);
        for (let known = held.size; known < total;) {
          if (held.size === known) await event(either).catch(() => {});
          if (signal.aborted) throw asUpdateError(signal.reason, "E_INTERRUPTED");
          if (closing.signal.aborted) return;
          if (held.size === known) continue;
          known = held.size;
          yield new Set(held);
        }
      },
      read: (first, count, { signal }) => read(first, count, reader, AbortSignal.any([signal, closing.signal])),
      pieceList({ signal }) {
        if (signal.aborted) return Promise.reject(asUpdateError(signal.reason, "E_INTERRUPTED"));
        const has = o.list !== undefined && b.absent !== true;
        return has ? Promise.resolve(o.list.slice()) : Promise.reject(error("E_ABSENT", "has no piece list"));
      },
      close() {
        if (!closing.signal.aborted) openReaders--;
        closing.abort(new UpdateError("E_INTERRUPTED", `${id}: closed`));
        return Promise.resolve();
      },
    };
  }

  return {
    id,
    kind: o.kind ?? "peer",
    priority: o.priority,
    open(a, { signal }) {
      if (signal.aborted) return Promise.reject(asUpdateError(signal.reason, "E_INTERRUPTED"));
      const isOther = o.artifact !== undefined && a.sha256 !== o.artifact.sha256;
      return isOther ? Promise.reject(error("E_ABSENT", "does not have it")) : Promise.resolve(open());
    },
    behave(next) {
      b = next;
      givenBefore = givenBytes;
      tell();
    },
    grow(pieces) {
      for (const piece of pieces) held.add(piece);
      tell();
    },
    reads,
    get givenBytes() {
      return givenBytes;
    },
    get running() {
      return running;
    },
    get mostRunning() {
      return mostRunning;
    },
    get openReaders() {
      return openReaders;
    },
  };
}

/** @throws the signal's reason */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout>;
  return settled(signal, (done) => void (timer = setTimeout(done, ms))).finally(() => clearTimeout(timer));
}

/** Resolves when `start` calls what it is given; rejects with the signal's reason. */
function settled(signal: AbortSignal, start: (done: () => void) => void): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort);
    start(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
  });
}
