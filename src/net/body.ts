// The body of an answer, between the connection that fills it and the reader that empties it: bounded memory, and an
// end to silence and to dripping. Design: "time-outs for connecting, first byte and silence" of docs/architecture.md.
// Must not: know HTTP, count the time the reader takes against the sender.

import type { RoomAt } from "../api.ts";
import { UpdateError } from "../errors.ts";
import type { Deadlines } from "./deadlines.ts";
import { timedOut } from "./net-error.ts";
import type { Chunk } from "./receive-buffer.ts";

/** How long and how little is tolerated; part of a `NetworkPolicy`. */
export interface PaceLimits {
  readonly silenceTimeoutMs: number;
  readonly minBytesPerSecond: number;
  readonly rateWindowMs: number;
}

/** What the body asks of the connection. */
export interface Flow {
  pause(): void;
  resume(): void;
  /** Nobody wants the rest; harmless after the end. */
  cancel(): void;
}

export interface BodyOptions {
  /** Who sends, for messages. */
  readonly host: string;
  readonly limits: PaceLimits;
  readonly deadlines: Deadlines;
  readonly flow: Flow;
  /** The reader is done with a chunk when it asks for the next one: its memory is used again. */
  readonly reusesChunks: boolean;
  readonly roomAt: RoomAt | undefined;
}

export interface Body {
  /** For the connection. */
  push(chunk: Chunk): void;
  /** Where the next bytes belong. */
  room(): Uint8Array<ArrayBuffer> | undefined;
  end(): void;
  fail(e: UpdateError): void;
  /** For the reader; may be read once. Stopping early cancels. */
  readonly stream: AsyncIterable<Uint8Array>;
  /** Instead of reading, or of reading on. */
  discard(): void;
}

// Enough for a reader that is away for a moment; the memory of receive-buffer.ts is made for it.
const HIGH_WATER_BYTES = 128 * 1024;
const LOW_WATER_BYTES = 32 * 1024;

export function createBody({ host, limits, deadlines, flow, reusesChunks, roomAt }: BodyOptions): Body {
  const chunks: Chunk[] = [];
  let pushedBytes = 0;
  let waitingBytes = 0; // in memory of ours
  let paused = false;
  let ended = false;
  let failure: UpdateError | undefined;
  let wake: (something: boolean) => void = () => {};
  const silence = deadlines.create(() => wake(false));
  const pace = createPace(host, limits);

  /** Resolves at the next push, end or failure, or after the time-out: true if something came. */
  function arrival(): Promise<boolean> {
    return new Promise((resolve) => {
      silence.set(limits.silenceTimeoutMs);
      wake = resolve;
    });
  }

  function awake(): void {
    silence.unset();
    wake(true);
  }

  function take(): Chunk | undefined {
    const chunk = chunks.shift();
    if (chunk === undefined) return undefined;
    waitingBytes -= weight(chunk);
    if (paused && waitingBytes <= LOW_WATER_BYTES) {
      paused = false;
      flow.resume();
    }
    pace.count(chunk.bytes.length);
    return chunk;
  }

  async function wait(): Promise<Chunk | undefined> {
    for (;;) {
      const chunk = take();
      if (chunk !== undefined) return chunk;
      if (failure !== undefined) throw failure;
      if (ended) return undefined;
      const since = performance.now();
      if (!(await arrival())) throw timedOut(host, "no more bytes", limits.silenceTimeoutMs);
      pace.waited(performance.now() - since);
    }
  }

  function discard(): void {
    silence.end();
    for (const chunk of chunks.splice(0)) release(chunk);
    flow.cancel();
  }

  return {
    push(chunk) {
      if (typeof chunk.owner === "object") chunk.owner.held++;
      chunks.push(chunk);
      pushedBytes += chunk.bytes.length;
      waitingBytes += weight(chunk);
      if (!paused && waitingBytes >= HIGH_WATER_BYTES) {
        paused = true;
        flow.pause();
      }
      awake();
    },
    room: () => ended || failure !== undefined ? undefined : roomAt?.(pushedBytes),
    end() {
      ended = true;
      awake();
    },
    fail(e) {
      failure ??= e;
      awake();
    },
    stream: read({ take, wait, release: reusesChunks ? release : () => {}, discard }),
    discard,
  };
}

/** What a reader needs of a body. */
interface Chunks {
  /** What is there. */
  take(): Chunk | undefined;
  /** What comes; undefined at the end. */
  wait(): Promise<Chunk | undefined>;
  /** The reader is done with it. */
  release(chunk: Chunk): void;
  discard(): void;
}

// No closure: the body of each request would be kept until everything is collected (docs/decisions/0026).
async function* read({ take, wait, release, discard }: Chunks): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      const chunk = take() ?? await wait();
      if (chunk === undefined) return;
      try {
        yield chunk.bytes;
      } finally {
        release(chunk);
      }
    }
  } finally {
    discard();
  }
}

/** What it takes of our memory; the reader bounds its own. */
function weight({ bytes, owner }: Chunk): number {
  return owner === "reader" ? 0 : bytes.length;
}

function release({ owner }: Chunk): void {
  if (typeof owner === "object") owner.held--;
}

/** Watches the average rate over windows of waiting, so that a drip ends however regular it is. */
function createPace(host: string, limits: PaceLimits) {
  let bytes = 0;
  let waitedMs = 0;
  return {
    count(n: number): void {
      bytes += n;
    },
    waited(ms: number): void {
      waitedMs += ms;
      if (waitedMs < limits.rateWindowMs) return;
      const bytesPerSecond = Math.floor((bytes * 1000) / waitedMs);
      if (bytesPerSecond < limits.minBytesPerSecond) {
        throw new UpdateError(
          "E_TIMEOUT",
          `${host}: ${bytesPerSecond} bytes a second over ${limits.rateWindowMs / 1000} s, ` +
            `at least ${limits.minBytesPerSecond} are expected`,
        );
      }
      bytes = waitedMs = 0;
    },
  };
}
