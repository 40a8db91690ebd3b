// A set of an artifact's pieces that knows how many bytes they are.
// Design: "The download" of docs/architecture.md. Must not: know what is in them.

import type { PieceSet } from "../api.ts";
import { PIECE_BYTES } from "../hash/blake3-core.ts";
import { pieceCount } from "../hash/piece-tree.ts";

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
  const marks = new Uint8Array(pieceCount(length)); // a byte a piece: a set of numbers takes dozens
  let count = 0;
  let bytes = 0;
  return {
    get count() {
      return count;
    },
    get bytes() {
      return bytes;
    },
    has: (index) => marks[index] === 1,
    add(index) {
      if (marks[index] !== 0) return;
      marks[index] = 1;
      count++;
      bytes += pieceLength(length, index);
    },
    delete(index) {
      if (marks[index] !== 1) return;
      marks[index] = 0;
      count--;
      bytes -= pieceLength(length, index);
    },
    clear() {
      marks.fill(0);
      count = bytes = 0;
    },
  };
}
