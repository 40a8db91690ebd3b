// Finds what a new file has in common with an older one, in the way of bsdiff: stretches that are nearly the same count,
// because a program whose code moved differs from the older one in a few bytes of every address.
// Design: decision 0013. Pure. Must not: be exact; any answer is right that covers the file, a better one is smaller.

/** A stretch of the new file; `from` is its place in the older one, undefined for bytes of its own. */
export interface Stretch {
  readonly at: number;
  readonly length: number;
  readonly from: number | undefined;
}

/** Files up to this size are compared; both are held in memory, with an index of at most as many bytes. */
export const MAX_COMPARED_BYTES = 512 * 2 ** 20;

// What equal bytes are found by: shorter ones find more by chance than they gain.
const SEED_BYTES = 24;
/** Of the older file, every so many positions are in the index. A match of `SEED_BYTES` + 7 bytes cannot be missed. */
const STRIDE = 8;
/** Slots of 4 bytes; 2²⁵ are 128 MiB. */
const MAX_INDEX_BITS = 25;
/** Going on as before is right while so many of the next bytes are equal: addresses differ, the code is the same. */
const LOOK_AHEAD_BYTES = 32;
const LOOK_AHEAD_EQUAL = 24;
/** A search for another place ends when going on as before turns out to be exact for so long. */
const RESUME_BYTES = 24;
/** A place must have so many equal bytes more than going on as before: a jump costs about as many. */
const JUMP_GAIN = 8;
/** After so many bytes without a stretch the caller gets a turn. */
const TURN_BYTES = 1 << 18;

const MULTIPLIER = 0x08104225;
const OLDEST_MULTIPLIER = Array.from({ length: SEED_BYTES }).reduce<number>((m) => Math.imul(m, MULTIPLIER), 1);

/** The hash of the seed at `at`; the seed is inside the file. */
function seedHash(bytes: Uint8Array, at: number): number {
  let hash = 0;
  for (let i = at; i < at + SEED_BYTES; i++) hash = (Math.imul(hash, MULTIPLIER) + bytes[i]!) | 0;
  return hash;
}

/** The hash of the seed behind the one at `at`. */
function rollHash(hash: number, bytes: Uint8Array, at: number): number {
  return (Math.imul(hash, MULTIPLIER) + bytes[at + SEED_BYTES]! - Math.imul(OLDEST_MULTIPLIER, bytes[at]!)) | 0;
}

interface SeedIndex {
  readonly slots: Int32Array;
  readonly shift: number;
}

function slotOf(hash: number, shift: number): number {
  return Math.imul(hash ^ (hash >>> 15), 0x9e3779b1) >>> shift;
}

function* indexSeeds(base: Uint8Array): Generator<undefined, SeedIndex> {
  const bits = Math.min(MAX_INDEX_BITS, Math.max(10, Math.ceil(Math.log2(base.length / STRIDE + 1))));
  const shift = 32 - bits;
  const slots = new Int32Array(2 ** bits).fill(-1);
  if (base.length < SEED_BYTES) return { slots, shift };
  let hash = seedHash(base, 0);
  for (let at = 0;; at++) {
    if (at % STRIDE === 0) {
      const slot = slotOf(hash, shift);
      if (slots[slot]! < 0) slots[slot] = at; // the first of equal ones
    }
    if (at % TURN_BYTES === 0) yield undefined;
    if (at + SEED_BYTES >= base.length) return { slots, shift };
    hash = rollHash(hash, base, at);
  }
}

/**
 * All stretches of `bytes`, in order, without gaps; undefined now and then, so that the caller can let others run.
 * @param base the older file; both at most `MAX_COMPARED_BYTES`
 */
export function* findCopies(base: Uint8Array, bytes: Uint8Array): Generator<Stretch | undefined> {
  const index = yield* indexSeeds(base);
  let open = { at: 0, from: 0 }; // the copy that is being followed
  let at = 0;
  let turnAt = TURN_BYTES;
  while (at < bytes.length) {
    at = followCopy(base, bytes, open.from - open.at, at);
    if (at >= turnAt) {
      turnAt = at + TURN_BYTES;
      yield undefined;
    }
    if (at >= bytes.length) break;
    const found = searchFrom(base, bytes, index, open, at);
    at = found.at;
    if (found.from === undefined) continue;
    const next = { at: found.start, from: found.from };
    const ends = closeCopy(base, bytes, open, next);
    yield* stretchesOf(open, ends.openEnd, ends.nextStart);
    open = { at: ends.nextStart, from: next.from - (next.at - ends.nextStart) };
  }
  const { openEnd } = closeCopy(base, bytes, open, { at: bytes.length, from: base.length });
  yield* stretchesOf(open, openEnd, bytes.length);
}

interface Place {
  readonly at: number;
  readonly from: number;
}

function* stretchesOf(open: Place, openEnd: number, end: number): Generator<Stretch> {
  if (openEnd > open.at) yield { at: open.at, length: openEnd - open.at, from: open.from };
  if (end > openEnd) yield { at: openEnd, length: end - openEnd, from: undefined };
}

/** How far the open copy is right, or nearly so. */
function followCopy(base: Uint8Array, bytes: Uint8Array, shift: number, start: number): number {
  let at = start;
  for (;;) {
    while (at < bytes.length && bytes[at] === base[at + shift]) at++;
    if (at + LOOK_AHEAD_BYTES > bytes.length || at + shift + LOOK_AHEAD_BYTES > base.length || at + shift < 0) {
      return at;
    }
    let equal = 0;
    for (let i = at; i < at + LOOK_AHEAD_BYTES; i++) if (bytes[i] === base[i + shift]) equal++;
    if (equal < LOOK_AHEAD_EQUAL) return at;
    at += LOOK_AHEAD_BYTES;
  }
}

/** Where to go on from: `start` and `from` are set when another place of the older file is better. */
type Found =
  | { readonly at: number; readonly start: number; readonly from: number }
  | { readonly at: number; readonly from: undefined };

function searchFrom(
  base: Uint8Array,
  bytes: Uint8Array,
  { slots, shift }: SeedIndex,
  open: Place,
  start: number,
): Found {
  const along = open.from - open.at;
  let at = Math.max(start - SEED_BYTES + 1, open.at); // every seed that has the differing byte in it
  if (at + SEED_BYTES > bytes.length) return { at: bytes.length, from: undefined };
  let exact = 0;
  for (let hash = seedHash(bytes, at);; hash = rollHash(hash, bytes, at), at++) {
    const candidate = slots[slotOf(hash, shift)]!; // a slot of the table
    if (candidate >= 0 && candidate - at !== along) {
      const found = betterPlace(base, bytes, open, { at, from: candidate });
      if (found !== undefined) return found;
    }
    if (at >= start) {
      exact = bytes[at] === base[at + along] ? exact + 1 : 0;
      if (exact >= RESUME_BYTES) return { at: at + 1, from: undefined };
    }
    if (at + SEED_BYTES >= bytes.length) return { at: bytes.length, from: undefined };
  }
}

function betterPlace(base: Uint8Array, bytes: Uint8Array, open: Place, { at, from }: Place): Found | undefined {
  let end = at;
  for (const shift = from - at; end < bytes.length && bytes[end] === base[end + shift];) end++;
  if (end - at < SEED_BYTES) return undefined; // another seed with the same hash
  let start = at;
  while (start > open.at && from - at + start > 0 && bytes[start - 1] === base[from - at + start - 1]) start--;
  const along = open.from - open.at;
  let equal = JUMP_GAIN;
  for (let i = start; i < end; i++) if (bytes[i] === base[i + along]) equal++;
  return end - start > equal ? { at: end, start, from: from - at + start } : undefined;
}

/** Where the open copy ends and how far the next one reaches back, so that most bytes are right. */
function closeCopy(
  base: Uint8Array,
  bytes: Uint8Array,
  open: Place,
  next: Place,
): { openEnd: number; nextStart: number } {
  let forward = bestLength(
    Math.min(next.at - open.at, base.length - open.from),
    (i) => bytes[open.at + i] === base[open.from + i],
  );
  let backward = next.at === bytes.length
    ? 0
    : bestLength(Math.min(next.at - open.at, next.from), (i) => bytes[next.at - 1 - i] === base[next.from - 1 - i]);
  const overlap = open.at + forward - (next.at - backward);
  if (overlap > 0) {
    // Each byte of the overlap goes to the copy that has it right; the best place for the border is kept.
    let score = 0, best = 0, border = 0;
    const start = next.at - backward;
    for (let i = 0; i < overlap; i++) {
      if (bytes[start + i] === base[open.from + (start - open.at) + i]) score++;
      if (bytes[start + i] === base[next.from - backward + i]) score--;
      if (score > best) {
        best = score;
        border = i + 1;
      }
    }
    forward += border - overlap;
    backward -= border;
  }
  return { openEnd: open.at + forward, nextStart: next.at - backward };
}

/** The length with the most equal bytes over different ones. */
function bestLength(limit: number, isEqual: (i: number) => boolean): number {
  let equal = 0, best = 0, length = 0;
  for (let i = 0; i < limit; i++) {
    if (isEqual(i)) equal++;
    const score = 2 * equal - (i + 1);
    if (score > best) {
      best = score;
      length = i + 1;
    }
  }
  return length;
}
