// Long contents for pieces that cost nothing to make: each piece is full of its own number.
import { PIECE_BYTES } from "../../src/hash/blake3-core.ts";

/** One piece of a content of `length` bytes. */
export function indexedBytes(length: number, index: number): Uint8Array {
  return new Uint8Array(Math.min(PIECE_BYTES, length - index * PIECE_BYTES)).fill(index % 255 + 1);
}

/** The whole content. */
export function allIndexedBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += PIECE_BYTES) bytes.set(indexedBytes(length, at / PIECE_BYTES), at);
  return bytes;
}
