// The body of an answer, between the connection that fills it and the reader that empties it: bounded memory, and an
// end to silence and to dripping. Design: "time-outs for connecting, first byte and silence" of docs/architecture.md.
// Must not: know HTTP, count the time the reader takes against the sender.

import { UpdateError } from "../errors.ts";
import { timedOut } from "./net-error.ts";

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

export interface Body {
  /** For the connection. */
  push(chunk: Uint8Array): void;
  end(): void;
  fail(e: UpdateError): void;
  /** For the reader; may be read once. Stopping early cancels. */
  readonly stream: AsyncIterable<Uint8Array>;
}

// Two pieces wait at most; the connection starts again when the reader has only half of one left.
const HIGH_WATER_BYTES = 2 << 20;
const LOW_WATER_BYTES = 1 << 19;

export function createBody(host: string, limits: PaceLimits, flow: Flow): Body {
  const chunks: Uint8Array[] = [];
  let waitingBytes = 0;
  let paused = false;
  let ended = false;
  let failure: UpdateError | undefined;
  let wake: () => void = () => {};

  // One timer a body, pushed on: some runtimes keep a timer that was cleared until it would have been due, and a body has
  // as many waits as chunks.
  let timer: ReturnType<typeof setTimeout> | undefined;
  let dueMs: number | undefined; // when silence is too long; undefined while nobody waits
  let giveUp: () => void = () => {};

  function watch(ms: number): void {
    timer = setTimeout(() => {
      timer = undefined;
      if (dueMs === undefined) return;
      const leftMs = dueMs - performance.now();
      if (leftMs > 0) watch(leftMs);
      else giveUp();
    }, ms);
  }

  /** Resolves at the next push, end or failure, or after the time-out: true if something came. */
  function arrival(): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (something: boolean) => {
        dueMs = undefined;
        resolve(something);
      };
      dueMs = performance.now() + limits.silenceTimeoutMs;
      giveUp = () => settle(false);
      wake = () => settle(true);
      if (timer === undefined) watch(limits.silenceTimeoutMs);
    });
  }

  async function* read(): AsyncGenerator<Uint8Array> {
    const pace = createPace(host, limits);
    try {
      for (;;) {
        const chunk = chunks.shift();
        if (chunk !== undefined) {
          waitingBytes -= chunk.length;
          if (paused && waitingBytes <= LOW_WATER_BYTES) {
            paused = false;
            flow.resume();
          }
          pace.count(chunk.length);
          yield chunk;
        } else if (failure !== undefined) {
          throw failure;
        } else if (ended) {
          return;
        } else {
          const since = performance.now();
          if (!(await arrival())) throw timedOut(host, "no more bytes", limits.silenceTimeoutMs);
          pace.waited(performance.now() - since);
        }
      }
    } finally {
      clearTimeout(timer);
      chunks.length = 0;
      flow.cancel();
    }
  }

  return {
    push(chunk) {
      chunks.push(chunk);
      waitingBytes += chunk.length;
      if (!paused && waitingBytes >= HIGH_WATER_BYTES) {
        paused = true;
        flow.pause();
      }
      wake();
    },
    end() {
      ended = true;
      wake();
    },
    fail(e) {
      failure ??= e;
      wake();
    },
    stream: read(),
  };
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
