// The part of BLAKE3's tree above the pieces: from the chaining values of 1 MiB pieces to the digest of the file.
// Design: "The hashing core" of docs/architecture.md. A piece list is those values, 32 bytes each, in order.
// Must not: know where pieces come from. Usable in a browser page.
import { bytesToHex } from "@noble/hashes/utils.js";
import { type Blake3Core, MERGE_VALUES, PIECE_BYTES, VALUE_BYTES } from "./blake3-core.ts";
import { type KernelName, loadBlake3Core } from "./load-core.ts";

/** Pieces of a file of `length` bytes; an empty file is one empty piece. */
export function pieceCount(length: number): number {
  return Math.max(1, Math.ceil(length / PIECE_BYTES));
}

/** Bytes of the piece list of a file of `length` bytes; 0 for a file of one piece, which has none. */
export function pieceListBytes(length: number): number {
  const count = pieceCount(length);
  return count === 1 ? 0 : count * VALUE_BYTES;
}

export interface PieceTree {
  /**
   * The chaining value of one piece, in any order. A file of one piece has none: its digest is what proves it.
   * @param bytes the whole piece: `PIECE_BYTES`, or fewer for the last one
   * @param index its place in the file
   * @returns 32 bytes
   */
  pieceValue(bytes: Uint8Array, index: number): Uint8Array;
  /**
   * The digest of the file that has this piece list, as 64 lowercase hex digits.
   * @throws RangeError for anything but two or more values
   */
  rootOf(pieceList: Uint8Array): string;
}

/** @throws UpdateError E_INTERNAL when the hashing core does not work on this host */
export async function createPieceTree(o: { kernel?: KernelName } = {}): Promise<PieceTree> {
  const core = await loadBlake3Core(o.kernel);
  return {
    pieceValue(bytes, index) {
      if (bytes.length === 0 || bytes.length > PIECE_BYTES) throw new RangeError(`a piece of ${bytes.length} bytes`);
      core.input.set(bytes);
      return core.hashPiece(bytes.length, index, false).slice();
    },
    rootOf: (pieceList) => bytesToHex(rootOfPieces(core, pieceList)),
  };
}

/**
 * Merges a piece list on a core that the caller has.
 * @returns 32 bytes inside the core, until its next call
 */
export function rootOfPieces(core: Blake3Core, pieceList: Uint8Array): Uint8Array {
  if (pieceList.length < 2 * VALUE_BYTES || pieceList.length % VALUE_BYTES !== 0) {
    throw new RangeError(`a piece list of ${pieceList.length} bytes`);
  }
  // As many values as the core takes at once are a complete subtree, like the chunks of a piece: the same tree again.
  let values = pieceList;
  while (values.length > MERGE_VALUES * VALUE_BYTES) values = mergeNeighbours(core, values, MERGE_VALUES);
  return core.mergeValues(values, true);
}

/**
 * Merges values in groups of neighbours that are not the whole file.
 * @param count values a group, a power of two up to `MERGE_VALUES`; the last group may have fewer
 * @returns 32 bytes a group
 */
export function mergeNeighbours(core: Blake3Core, values: Uint8Array, count: number): Uint8Array {
  const step = count * VALUE_BYTES;
  const parents = new Uint8Array(Math.ceil(values.length / step) * VALUE_BYTES);
  for (let i = 0; i * step < values.length; i++) {
    parents.set(core.mergeValues(values.subarray(i * step, (i + 1) * step), false), i * VALUE_BYTES);
  }
  return parents;
}
