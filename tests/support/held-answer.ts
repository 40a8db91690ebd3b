// An honest answer that stops before some byte until it is told to go on: it holds a transfer at a known moment.
import { type Answer, writeHead } from "./lying-mirror.ts";

export interface HeldAnswer {
  readonly answer: Answer;
  /** Whoever was stopped gets the rest, and whoever asks from now on gets all at once. */
  release(): void;
}

/** @param before the first byte of the whole body that is held back */
export function heldAnswer(before: number): HeldAnswer {
  let release = () => {};
  const released = new Promise<void>((resolve) => release = resolve);
  return {
    release: () => release(),
    answer: async (q) => {
      const body = q.honest ?? new Uint8Array();
      const { first, end } = writeHead(q, body.length);
      const held = Math.min(Math.max(first, before), end);
      q.response.flushHeaders();
      if (held > first) q.response.write(body.subarray(first, held));
      if (held < end) {
        await released;
        q.response.write(body.subarray(held, end));
      }
      q.response.end();
    },
  };
}
