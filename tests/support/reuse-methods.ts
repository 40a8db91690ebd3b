// Other ways to fetch less of a new version, for tests/bench/delta.ts: what each would have to fetch, its list included,
// and in how many ranges. The reasons why none of them was taken are in decision 0013.
// Must not: be used by the product.

import { createHash } from "node:crypto";

export interface Fetched {
  readonly bytes: number;
  readonly ranges: number;
}

/** What a list of chunks needs for one: 16 bytes of digest and 2 of length. */
const LIST_ENTRY_BYTES = 18;
/** A gap that is no longer than this is fetched along: it costs less than a request. */
const JOIN_BYTES = 16 * 1024;

/** Pieces of 1 MiB that are the same at the same place. */
export function samePieces(base: Uint8Array, bytes: Uint8Array, size = 1 << 20): Fetched {
  const missing: Range[] = [];
  for (let start = 0; start < bytes.length; start += size) {
    const end = Math.min(start + size, bytes.length);
    if (Buffer.compare(bytes.subarray(start, end), base.subarray(start, end)) !== 0) missing.push({ start, end });
  }
  return fetched(missing, 0);
}

/** Chunks cut where the content says so (FastCDC), wherever they are in the older file. @param average bytes, 2ⁿ */
export function contentChunks(base: Uint8Array, bytes: Uint8Array, average: number): Fetched {
  const known = new Set<string>();
  for (const { start, end } of cut(base, average)) known.add(digest(base, start, end));
  const chunks = cut(bytes, average);
  const missing = chunks.filter(({ start, end }) => !known.has(digest(bytes, start, end)));
  return fetched(missing, chunks.length * LIST_ENTRY_BYTES);
}

/** Blocks of the new file, found at any place of the older one by a rolling checksum, as rsync and zsync do. */
export function rollingBlocks(base: Uint8Array, bytes: Uint8Array, size: number): Fetched {
  const count = Math.ceil(bytes.length / size);
  const whole = Math.floor(bytes.length / size);
  const bits = 22;
  const first = new Int32Array(2 ** bits).fill(-1), next = new Int32Array(count).fill(-1);
  const slotOf = (hash: number) => Math.imul(hash, 0x9e3779b1) >>> (32 - bits);
  const sums = new Int32Array(count);
  const found = new Uint8Array(count);
  for (let block = 0; block < whole; block++) {
    sums[block] = sumOf(bytes, block * size, size);
    const slot = slotOf(sums[block]!);
    next[block] = first[slot]!;
    first[slot] = block;
  }
  let oldest = 1;
  for (let i = 0; i < size; i++) oldest = Math.imul(oldest, MULTIPLIER);
  for (let at = 0, sum = sumOf(base, 0, size); at + size <= base.length; at++) {
    for (let block = first[slotOf(sum)]!; block >= 0; block = next[block]!) {
      if (sums[block] !== sum || found[block] === 1) continue;
      const there = bytes.subarray(block * size, (block + 1) * size);
      if (Buffer.compare(base.subarray(at, at + size), there) === 0) found[block] = 1;
    }
    sum = (Math.imul(sum, MULTIPLIER) + (base[at + size] ?? 0) - Math.imul(oldest, base[at]!)) | 0;
  }
  const missing = Array.from({ length: count }, (_, i) => ({
    start: i * size,
    end: Math.min((i + 1) * size, bytes.length),
  })).filter((_, i) => found[i] === 0);
  return fetched(missing, count * LIST_ENTRY_BYTES);
}

interface Range {
  readonly start: number;
  readonly end: number;
}

function fetched(missing: readonly Range[], listBytes: number): Fetched {
  let bytes = listBytes, ranges = 0, end = -Infinity;
  for (const range of missing) {
    const isNear = range.start - end <= JOIN_BYTES;
    if (!isNear) ranges++;
    bytes += range.end - (isNear ? end : range.start);
    end = range.end;
  }
  return { bytes, ranges };
}

const MULTIPLIER = 0x08104225;

function sumOf(bytes: Uint8Array, start: number, size: number): number {
  let sum = 0;
  for (let i = start; i < start + size; i++) sum = (Math.imul(sum, MULTIPLIER) + (bytes[i] ?? 0)) | 0;
  return sum;
}

const digest = (bytes: Uint8Array, start: number, end: number): string =>
  createHash("md5").update(bytes.subarray(start, end)).digest("base64");

const GEAR = Uint32Array.from({ length: 256 }, (_, i) => createHash("md5").update(`${i}`).digest().readUInt32LE());

/** Normalised chunking: a stricter rule before the average length, a looser one after it. */
function cut(bytes: Uint8Array, average: number): Range[] {
  const bits = Math.log2(average);
  const strict = ~0 << (31 - bits), loose = ~0 << (33 - bits);
  const chunks: Range[] = [];
  for (let start = 0; start < bytes.length;) {
    const limit = Math.min(start + 4 * average, bytes.length);
    let end = Math.min(start + average / 4, limit);
    for (let hash = 0; end < limit;) {
      hash = ((hash << 1) + GEAR[bytes[end++]!]!) | 0;
      if ((hash & (end - start < average ? strict : loose)) === 0) break;
    }
    chunks.push({ start, end });
    start = end;
  }
  return chunks;
}
