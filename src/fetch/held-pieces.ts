// A set of an artifact's pieces that knows how many bytes they are.
// Design: "The download" of docs/architecture.md. Must not: know what is in them.

import type { PieceSet } from "../api.ts";
import { PIECE_BYTES } from "../hash/blake3-core.ts";

export interface HeldPieces extends PieceSet {
  readonly count: number;
  readonly bytes: number;
  add(index: number): void;
  delete(index: number): void;
  clear(): void;
}

/** Bytes of a piece of an artifact of `length` bytes. */
export function pieceLength(length: number, index: number): number {
  return Math.min(PIECE_BYTES, length - index * PIECE_BYTES);
}

/** @param length of the artifact, in bytes */
export function createHeldPieces(length: number): HeldPieces {
  const held = new Set<number>();
  let bytes = 0;
  return {
    get count() {
      return held.size;
    },
    get bytes() {
      return bytes;
    },
    has: (index) => held.has(index),
    add(index) {
      if (held.has(index)) return;
      held.add(index);
      bytes += pieceLength(length, index);
    },
    delete(index) {
      if (held.delete(index)) bytes -= pieceLength(length, index);
    },
    clear() {
      held.clear();
      bytes = 0;
    },
  };
}
