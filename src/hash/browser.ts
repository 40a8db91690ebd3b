// The hashing core for a web page: no builtin module, no file, no worker. esbuild with build/hashing-core.ts makes one
// script of it. Design: "The hashing core" of docs/architecture.md.
// Must not: export what needs a runtime's own modules.
export { type Blake3, createBlake3 } from "./blake3.ts";
export { PIECE_BYTES, VALUE_BYTES } from "./blake3-core.ts";
export { createDualDigest, type DualDigest } from "./dual-digest.ts";
export { createPieceTree, pieceCount, pieceListBytes, type PieceTree } from "./piece-tree.ts";
export { createSha256, createWasmSha256, type Sha256 } from "./sha256.ts";
