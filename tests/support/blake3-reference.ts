// BLAKE3 straight from the paper: recursive, scalar, slow. It can do what no package shows: chaining values of parts
// of a file, at any counter. Its own test holds it against the official vectors.
// Must not: share anything with the core it judges.

const IV = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19] as const;
const PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8] as const;
const CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8;
const CHUNK_BYTES = 1024, BLOCK_BYTES = 64;

/**
 * The chaining value of a subtree, or the digest of a whole input.
 * @param firstChunk counter of its first chunk
 */
export function referenceValue(bytes: Uint8Array, firstChunk: bigint, isRoot: boolean): Uint8Array {
  const root = isRoot ? ROOT : 0;
  if (bytes.length <= CHUNK_BYTES) return toBytes(chunkValue(bytes, firstChunk, root));
  // The left subtree: the largest power of two of chunks that leaves at least one byte to the right.
  let left = CHUNK_BYTES;
  while (left * 2 < bytes.length) left *= 2;
  return referenceParent(
    referenceValue(bytes.subarray(0, left), firstChunk, false),
    referenceValue(bytes.subarray(left), firstChunk + BigInt(left / CHUNK_BYTES), false),
    isRoot,
  );
}

/** The parent of two chaining values. */
export function referenceParent(left: Uint8Array, right: Uint8Array, isRoot: boolean): Uint8Array {
  const block = Uint8Array.of(...left, ...right);
  return toBytes(compress([...IV], block, BLOCK_BYTES, 0n, PARENT | (isRoot ? ROOT : 0)));
}

function chunkValue(bytes: Uint8Array, counter: bigint, root: number): number[] {
  let value: number[] = [...IV];
  const blocks = Math.max(1, Math.ceil(bytes.length / BLOCK_BYTES));
  for (let i = 0; i < blocks; i++) {
    const part = bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
    const block = new Uint8Array(BLOCK_BYTES);
    block.set(part);
    const flags = (i === 0 ? CHUNK_START : 0) | (i === blocks - 1 ? CHUNK_END | root : 0);
    value = compress(value, block, part.length, counter, flags);
  }
  return value;
}

function compress(value: number[], block: Uint8Array, length: number, counter: bigint, flags: number): number[] {
  const view = new DataView(block.buffer, block.byteOffset, BLOCK_BYTES);
  let words = Array.from({ length: 16 }, (_, i) => view.getUint32(4 * i, true));
  const low = Number(counter & 0xffffffffn), high = Number(counter >> 32n);
  const v = [...value, ...IV.slice(0, 4), low, high, length, flags];
  const at = (list: readonly number[], i: number): number => list[i]!; // all indices are below 16
  const rotate = (x: number, bits: number): number => (x >>> bits) | (x << (32 - bits));
  const g = (a: number, b: number, c: number, d: number, x: number, y: number): void => {
    for (const [word, first, second] of [[x, 16, 12], [y, 8, 7]] as const) {
      v[a] = (at(v, a) + at(v, b) + word) | 0;
      v[d] = rotate(at(v, d) ^ at(v, a), first);
      v[c] = (at(v, c) + at(v, d)) | 0;
      v[b] = rotate(at(v, b) ^ at(v, c), second);
    }
  };
  for (let round = 0; round < 7; round++) {
    for (let i = 0; i < 4; i++) g(i, 4 + i, 8 + i, 12 + i, at(words, 2 * i), at(words, 2 * i + 1));
    for (let i = 0; i < 4; i++) {
      g(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, at(words, 8 + 2 * i), at(words, 9 + 2 * i));
    }
    words = PERMUTATION.map((from) => at(words, from));
  }
  return value.map((_, i) => at(v, i) ^ at(v, i + 8));
}

function toBytes(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(32);
  words.forEach((word, i) => new DataView(bytes.buffer).setUint32(4 * i, word, true));
  return bytes;
}
