// A small body as one array. Design: "Length limits before parsing" of docs/architecture.md.
// Must not: hold more than it was allowed to.

import type { UpdateError } from "../errors.ts";

/** @throws the given error as soon as there are more than `maxBytes`; what the body throws */
export async function readBounded(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
  error: () => UpdateError,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > maxBytes) throw error();
    chunks.push(chunk);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
