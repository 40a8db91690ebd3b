// An honest answer that stops before some byte until it is told to go on: it holds a transfer at a known moment.
import type { Answer } from "./lying-mirror.ts";

export interface HeldAnswer {
  readonly answer: Answer;
  /** Whoever was stopped gets the rest, and whoever asks from now on gets all at once. */
  release(): void;
}

/** @param before the first byte of the body that is held back */
export function heldAnswer(before: number): HeldAnswer {
  let release = () => {};
  const released = new Promise<void>((resolve) => release = resolve);
  return {
    release: () => release(),
    answer: async ({ honest = new Uint8Array(), from, response }) => {
      response.writeHead(from > 0 ? 206 : 200, {
        "content-length": honest.length - from,
        ...(from > 0 ? { "content-range": `bytes ${from}-${honest.length - 1}/${honest.length}` } : {}),
      });
      response.flushHeaders();
      if (before > from) response.write(honest.subarray(from, before));
      await released;
      response.write(honest.subarray(Math.max(from, before)));
      response.end();
    },
  };
}
