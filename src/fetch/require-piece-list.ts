// The proof of a piece list: it merges to the signed digest. Design: "Where the bytes go" of docs/architecture.md.
// Must not: import what the store's worker does not need.

import { bytesToHex } from "@noble/hashes/utils.js";
import type { Artifact } from "../api.ts";
import { UpdateError } from "../errors.ts";
import type { Blake3Core } from "../hash/blake3-core.ts";
import { pieceListBytes, rootOfPieces } from "../hash/piece-tree.ts";

/**
 * @param list 32 bytes a piece; none for a file of one piece
 * @throws UpdateError E_SIZE_MISMATCH, E_HASH_MISMATCH
 */
export function requirePieceList(
  core: Blake3Core,
  list: Uint8Array,
  { length, blake3 }: Pick<Artifact, "length" | "blake3">,
): void {
  const wanted = pieceListBytes(length);
  if (list.length !== wanted) {
    throw new UpdateError("E_SIZE_MISMATCH", `a piece list of ${list.length} bytes; this artifact's has ${wanted}`);
  }
  if (wanted > 0 && bytesToHex(rootOfPieces(core, list)) !== blake3) {
    throw new UpdateError("E_HASH_MISMATCH", "a piece list that does not merge to the signed BLAKE3");
  }
}
