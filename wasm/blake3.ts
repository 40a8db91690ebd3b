// BLAKE3 (hash mode, 32 bytes out) over pieces of 1 MiB. AssemblyScript; compiled by build/wasm-modules.ts, used by
// src/hash/blake3-core.ts. Design: "The hashing core" of docs/architecture.md. The names are those of the BLAKE3 paper.
// Must not: import anything, allocate, keep any state between calls but the bytes its caller put into memory.
//
// One primitive does all the work: `hash4` hashes four inputs of the same shape at once. Four chunks that follow each
// other, four parents that follow each other, the last chunk, the root: it is always the same code. Where there are
// fewer than four inputs the other lanes hash whatever lies there in memory, and nobody reads what they give. So there
// is no second, scalar path that could be wrong on its own.
//
// The layout is "one word, four inputs": a v128 holds the same 32-bit word of four compressions, lane i that of input
// i. State word 3 of all four inputs is one variable `v3`, and a G function on four inputs is G written with vectors:
//
//             lane 0         lane 1         lane 2         lane 3
//   v0      v[0] of in 0   v[0] of in 1   v[0] of in 2   v[0] of in 3
//   …           …              …              …              …
//   v15    v[15] of in 0  v[15] of in 1  v[15] of in 2  v[15] of in 3
//
// A message block lies the other way round in memory, 16 words of one input after each other, so four blocks are
// transposed word by word into MESSAGE before they are compressed, and the four results back into four values.

// Memory: 34 WebAssembly pages. Reading and writing may overshoot by the unused lanes, never into what is in use:
// three chunks behind what is in INPUT, three values behind VALUES.
/** Message words m0 … m15 of four blocks, transposed. */
const MESSAGE: usize = 0x200;
/** Chaining values, 32 bytes each: of the chunks of a piece, of parents, or what the caller wants merged. */
export const VALUES: usize = 0x400;
/** Where the caller puts the bytes of one piece, or those of several parts of pieces. */
export const INPUT: usize = 0x10000;

const BLOCK_BYTES: u32 = 64;
const CHUNK_BYTES: u32 = 1024;
const CHUNK_BLOCKS: u32 = 16;
const VALUE_BYTES: u32 = 32;

// Flags of the compression function.
const CHUNK_START: u32 = 1;
const CHUNK_END: u32 = 2;
const PARENT: u32 = 4;
const ROOT: u32 = 8;

// The initial chaining value, which is SHA-256's.
const IV0: u32 = 0x6a09e667;
const IV1: u32 = 0xbb67ae85;
const IV2: u32 = 0x3c6ef372;
const IV3: u32 = 0xa54ff53a;
const IV4: u32 = 0x510e527f;
const IV5: u32 = 0x9b05688c;
const IV6: u32 = 0x1f83d9ab;
const IV7: u32 = 0x5be0cd19;

/**
 * Hashes one subtree: a piece, or a part of one that is a subtree too; its chaining value is then the first of VALUES.
 * @param input where its bytes are: at INPUT or behind
 * @param length of them: 1 to 2²⁰, or 0 when the whole input is empty
 * @param firstChunk the counter of its first chunk: a multiple of the chunks that a complete subtree of its height has.
 *   A float, which holds 53 bits of it, because JavaScript has no other number of that size that is fast
 * @param isRoot whether it is the whole input: the value is then the digest
 */
export function hashSubtree(input: usize, length: u32, firstChunk: f64, isRoot: bool): void {
  const counter = <u64> firstChunk;
  const high = <u32> (counter >> 32);
  const low = <u32> counter;
  const root: u32 = isRoot ? ROOT : 0;
  const chunkEnd = CHUNK_END | (length <= CHUNK_BYTES ? root : 0);

  let chunks = length / CHUNK_BYTES;
  for (let i: u32 = 0; i < chunks; i += 4) {
    const chunk = input + i * CHUNK_BYTES;
    // No carry out of the low word: a subtree does not cross such an edge.
    const counters = i32x4.add(i32x4.splat(low + i), i32x4(0, 1, 2, 3));
    const value = VALUES + i * VALUE_BYTES;
    hash4(chunk, CHUNK_BYTES, CHUNK_BLOCKS, BLOCK_BYTES, counters, high, CHUNK_START, chunkEnd, value);
  }

  const rest = length % CHUNK_BYTES;
  if (rest > 0 || length == 0) {
    // A chunk that is not full: its last block is padded with zeros and says how many bytes it has.
    const blocks = max((rest + BLOCK_BYTES - 1) / BLOCK_BYTES, 1);
    const lastLength = rest - (blocks - 1) * BLOCK_BYTES;
    memory.fill(input + length, 0, BLOCK_BYTES - lastLength);
    const chunk = input + chunks * CHUNK_BYTES;
    const counters = i32x4.splat(low + chunks);
    const value = VALUES + chunks * VALUE_BYTES;
    hash4(chunk, CHUNK_BYTES, blocks, lastLength, counters, high, CHUNK_START, chunkEnd, value);
    chunks++;
  }
  merge(chunks, root);
}

/**
 * Merges the first `count` of VALUES, at most 1024, as siblings from left to right; the result is then the first of
 * them. One value is left as it is.
 * @param isRoot whether they are the whole input: the result is then the digest
 */
export function mergeValues(count: u32, isRoot: bool): void {
  merge(count, isRoot ? ROOT : 0);
}

/**
 * Level by level: neighbours are paired, and a last one without a partner goes up as it is. That is BLAKE3's tree,
 * where every left subtree is the largest complete one that leaves something to the right.
 */
function merge(count: u32, root: u32): void {
  while (count > 1) {
    const pairs = count / 2;
    const last = VALUES + (count - 1) * VALUE_BYTES;
    // Taken now, because unused lanes may write over it.
    const lastLow = v128.load(last, 0);
    const lastHigh = v128.load(last, 16);
    const lastFlags = count == 2 ? root : 0;
    for (let i: u32 = 0; i < pairs; i += 4) {
      // In place: a parent is written below its children, after all four pairs were read.
      const children = VALUES + i * BLOCK_BYTES;
      hash4(children, BLOCK_BYTES, 1, BLOCK_BYTES, i32x4.splat(0), 0, PARENT, lastFlags, VALUES + i * VALUE_BYTES);
    }
    if (count % 2 == 1) {
      v128.store(VALUES + pairs * VALUE_BYTES, lastLow, 0);
      v128.store(VALUES + pairs * VALUE_BYTES, lastHigh, 16);
    }
    count = pairs + count % 2;
  }
}

/**
 * Hashes four inputs of `blocks` blocks, `stride` bytes apart, into four chaining values one after another.
 * @param lastLength bytes of the last block; the others have 64
 * @param counters the low words of the four counters; they share the high word
 * @param firstFlags flags of the first block; none between
 * @param lastFlags flags of the last block, which may be the first
 */
function hash4(
  input: usize,
  stride: usize,
  blocks: u32,
  lastLength: u32,
  counters: v128,
  counterHigh: u32,
  firstFlags: u32,
  lastFlags: u32,
  output: usize,
): void {
  let h0 = i32x4.splat(IV0), h1 = i32x4.splat(IV1), h2 = i32x4.splat(IV2), h3 = i32x4.splat(IV3);
  let h4 = i32x4.splat(IV4), h5 = i32x4.splat(IV5), h6 = i32x4.splat(IV6), h7 = i32x4.splat(IV7);

  let flags = firstFlags;
  let length = BLOCK_BYTES;
  for (; blocks > 0; blocks--, input += BLOCK_BYTES) {
    if (blocks == 1) {
      flags |= lastFlags;
      length = lastLength;
    }
    transpose(input, stride, 0);
    transpose(input, stride, 16);
    transpose(input, stride, 32);
    transpose(input, stride, 48);

    let v0 = h0, v1 = h1, v2 = h2, v3 = h3, v4 = h4, v5 = h5, v6 = h6, v7 = h7;
    let v8 = i32x4.splat(IV0), v9 = i32x4.splat(IV1), v10 = i32x4.splat(IV2), v11 = i32x4.splat(IV3);
    let v12 = counters, v13 = i32x4.splat(counterHigh), v14 = i32x4.splat(length), v15 = i32x4.splat(flags);

    ROUNDS; // the build writes the seven rounds here: build/blake3-rounds.ts

    h0 = v128.xor(v0, v8), h1 = v128.xor(v1, v9), h2 = v128.xor(v2, v10), h3 = v128.xor(v3, v11);
    h4 = v128.xor(v4, v12), h5 = v128.xor(v5, v13), h6 = v128.xor(v6, v14), h7 = v128.xor(v7, v15);
    flags = 0;
  }

  untranspose(h0, h1, h2, h3, output);
  untranspose(h4, h5, h6, h7, output + 16);
}

/** Words of four inputs at byte `at` of the block, `at` + 4, + 8 and + 12: 4 × 4 words, rows to columns. */
@inline
function transpose(input: usize, stride: usize, at: usize): void {
  const a = v128.load(input + at);
  const b = v128.load(input + stride + at);
  const c = v128.load(input + 2 * stride + at);
  const d = v128.load(input + 3 * stride + at);
  const ab01 = v128.shuffle<u32>(a, b, 0, 4, 1, 5); // a0 b0 a1 b1
  const cd01 = v128.shuffle<u32>(c, d, 0, 4, 1, 5);
  const ab23 = v128.shuffle<u32>(a, b, 2, 6, 3, 7); // a2 b2 a3 b3
  const cd23 = v128.shuffle<u32>(c, d, 2, 6, 3, 7);
  const words = MESSAGE + 4 * at; // 16 bytes a word instead of 4
  v128.store(words, v128.shuffle<u64>(ab01, cd01, 0, 2), 0); // a0 b0 c0 d0
  v128.store(words, v128.shuffle<u64>(ab01, cd01, 1, 3), 16);
  v128.store(words, v128.shuffle<u64>(ab23, cd23, 0, 2), 32);
  v128.store(words, v128.shuffle<u64>(ab23, cd23, 1, 3), 48);
}

/** The same back: four words of four values, which are 32 bytes apart. */
@inline
function untranspose(w0: v128, w1: v128, w2: v128, w3: v128, output: usize): void {
  const w01ab = v128.shuffle<u32>(w0, w1, 0, 4, 1, 5);
  const w23ab = v128.shuffle<u32>(w2, w3, 0, 4, 1, 5);
  const w01cd = v128.shuffle<u32>(w0, w1, 2, 6, 3, 7);
  const w23cd = v128.shuffle<u32>(w2, w3, 2, 6, 3, 7);
  v128.store(output, v128.shuffle<u64>(w01ab, w23ab, 0, 2), 0);
  v128.store(output, v128.shuffle<u64>(w01ab, w23ab, 1, 3), 32);
  v128.store(output, v128.shuffle<u64>(w01cd, w23cd, 0, 2), 64);
  v128.store(output, v128.shuffle<u64>(w01cd, w23cd, 1, 3), 96);
}
