// A stream between two peers as bytes to read and write, with back-pressure and a limit on silence in both directions.
// Design: docs/formats.md, "Peer protocol". The library's own iteration over a stream has an unbounded queue, and its
// own wait for a drain works once a stream: both are done here by the stream's events.
// Must not: know what the bytes mean.
import type { Stream } from "@libp2p/interface";
import { underDeadline } from "../abortable.ts";
import { UpdateError } from "../errors.ts";
import type { MuxedStream } from "../heavy/muxed-stream.ts";

export interface ByteStreamOptions {
  /** Aborted, the stream is reset. */
  readonly signal: AbortSignal;
  /** The longest wait for a byte to come; and for bytes to go, beside the time that they take at the least pace. */
  readonly idleMs: number;
}

export interface ByteStream {
  /** Exactly `count` bytes. @throws UpdateError E_UNREACHABLE when the stream ends before, E_TIMEOUT */
  read(count: number): Promise<Uint8Array>;
  /**
   * Exactly `count` bytes, as they come.
   * @param reusesChunks the reader is done with a chunk when it asks for the next one
   * @throws UpdateError E_UNREACHABLE when the stream ends before, E_TIMEOUT
   */
  chunks(count: number, reusesChunks?: boolean): AsyncGenerator<Uint8Array>;
  /**
   * Waits until the peer takes them; their memory is the caller's again then.
   * @param withinMs for all of them: a peer that takes one by one does not get more of it
   * @throws UpdateError E_UNREACHABLE, E_TIMEOUT
   */
  write(bytes: Uint8Array, withinMs?: number): Promise<void>;
  /** Waits so long, in milliseconds. @throws UpdateError E_UNREACHABLE as soon as the stream has ended */
  pause(ms: number): Promise<void>;
  /** Nothing more will be written. */
  end(): Promise<void>;
  /** Drops whatever is under way. Never throws. */
  abort(): void;
}

/** A peer that takes less holds what others want. */
const LEAST_BYTES_PER_SECOND = 16 << 10;

/** Time for bytes at the least pace, in milliseconds. */
export const leastPaceMs = (bytes: number): number => bytes * 1000 / LEAST_BYTES_PER_SECOND;

/** So much may wait to be read before the peer is asked to pause; one piece of an artifact. */
const PAUSE_ABOVE_BYTES = 1 << 20;

export function createByteStream(stream: Stream, o: ByteStreamOptions): ByteStream {
  const waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let closed = false;
  let broken: unknown;
  /** Who reads and who writes may wait at the same time. */
  const sleeping = new Set<() => void>();
  const wake = () => sleeping.forEach((resolve) => resolve());
  const owner: Stream & Partial<Pick<MuxedStream, "giveBack">> = stream; // those of our own connections have memory of theirs

  stream.addEventListener("message", ({ data }) => {
    for (const chunk of data instanceof Uint8Array ? [data] : data) waiting.push(chunk);
    waitingBytes += data.byteLength;
    if (waitingBytes > PAUSE_ABOVE_BYTES && stream.readStatus === "readable") stream.pause();
    wake();
  });
  stream.addEventListener("remoteCloseWrite", () => wake());
  stream.addEventListener("close", ({ error }) => {
    closed = true;
    broken = error;
    o.signal.removeEventListener("abort", abort);
    wake();
  });
  stream.addEventListener("drain", () => wake());
  if (stream.status === "open") o.signal.addEventListener("abort", abort); // else nothing would take it away again
  if (o.signal.aborted) abort();

  function abort(): void {
    stream.abort(new Error("given up")); // the peer sees a reset and no reason
  }

  /** Until one of the stream's events. @returns false when none came in time */
  async function event(withinMs: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const wakeUp = () => resolve(true);
    sleeping.add(wakeUp);
    const timer = setTimeout(() => resolve(false), Math.max(0, withinMs));
    const isInTime = await promise;
    clearTimeout(timer);
    sleeping.delete(wakeUp);
    return isInTime;
  }

  /** Asked of the stream and not of its events: a quick peer has ended before anybody listened. */
  const isAtEnd = () => closed || (stream.remoteWriteStatus === "closed" && stream.readBufferLength === 0);

  function gone(): UpdateError {
    return new UpdateError("E_UNREACHABLE", "the peer ended the stream", { cause: broken });
  }

  async function take(max: number): Promise<Taken> {
    for (;;) {
      const chunk = waiting.shift();
      if (chunk === undefined) {
        o.signal.throwIfAborted();
        if (isAtEnd()) throw gone();
        if (await event(o.idleMs)) continue;
        throw new UpdateError("E_TIMEOUT", `the peer sent nothing for ${o.idleMs / 1000} s`);
      }
      const bytes = chunk.length > max ? chunk.subarray(0, max) : chunk;
      if (bytes !== chunk) waiting.unshift(chunk.subarray(max));
      waitingBytes -= bytes.length;
      if (waitingBytes < PAUSE_ABOVE_BYTES / 2 && stream.readStatus === "paused") stream.resume();
      return { bytes, isWhole: bytes === chunk };
    }
  }

  const source: ChunkSource = { take, giveBack: (chunk) => owner.giveBack?.(chunk) };
  const chunks: ByteStream["chunks"] = (count, reusesChunks = false) => chunksOf(source, count, reusesChunks);

  return {
    chunks,
    abort,
    async read(count) {
      const bytes = new Uint8Array(count);
      let at = 0;
      for await (const chunk of chunks(count, true)) {
        bytes.set(chunk, at);
        at += chunk.length;
      }
      return bytes;
    },
    async write(bytes, withinMs = o.idleMs + leastPaceMs(bytes.length)) {
      o.signal.throwIfAborted();
      if (stream.writeStatus !== "writable") throw gone();
      stream.send(bytes);
      const endMs = performance.now() + withinMs;
      while (stream.writeBufferLength > 0) {
        if (!await event(endMs - performance.now())) throw new UpdateError("E_TIMEOUT", "the peer takes too little");
        o.signal.throwIfAborted();
        if (stream.writeStatus !== "writable") throw gone();
      }
    },
    async pause(ms) {
      const endMs = performance.now() + ms;
      while (!closed && await event(endMs - performance.now()));
      if (closed) throw gone();
    },
    end: () => underDeadline(o.idleMs, gone, o.signal, (signal) => stream.close({ signal })),
  };
}

interface Taken {
  readonly bytes: Uint8Array;
  /** A chunk as it came, and not a part of one. */
  readonly isWhole: boolean;
}

interface ChunkSource {
  /** What comes next, at most so many bytes. */
  take(max: number): Promise<Taken>;
  giveBack(chunk: Uint8Array): void;
}

// No closure: every stream would be kept until everything is collected (docs/decisions/0026-short-lives.md).
async function* chunksOf(source: ChunkSource, count: number, reusesChunks: boolean): AsyncGenerator<Uint8Array> {
  for (let left = count; left > 0;) {
    const { bytes, isWhole } = await source.take(left);
    left -= bytes.length;
    yield bytes;
    if (reusesChunks && isWhole) source.giveBack(bytes);
  }
}
