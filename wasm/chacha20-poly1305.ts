// AEAD_CHACHA20_POLY1305 of RFC 8439 for messages below 64 KiB, for hosts whose own cryptography lacks it. AssemblyScript;
// compiled by build/wasm-modules.ts, used by src/heavy/compiled-cipher.ts. Sections and names are those of the RFC.
// Design: docs/decisions/0027-cipher-core.md, with what else was tried.
// Must not: import anything, allocate, or let a branch or an address depend on what is secret.
//
// ChaCha20's state is a matrix of 4 × 4 words, and a v128 holds one row of it. So the four quarter rounds of a column
// round are one, written with vectors; for the diagonal round the rows are turned, and turned back. Two blocks are made
// in turn, so that one is worked on while the other waits for a result: eight rows, which the registers of every
// processor hold. The key stream falls on the text in strides of two blocks; beyond its end it falls on bytes that
// nobody reads, so there is no second path for a rest.
//
// Poly1305 sees no block that is not full, because what this AEAD authenticates is padded: additional data, text and
// their lengths lie behind each other in memory, each filled up with zeros to 16 bytes.

// Memory: two WebAssembly pages. Of a call there stay behind, until the next: key, one-time key, the last text.
/** Rows of the state that are not constant; the counter, four bytes before the nonce, is put in on the way. */
export const KEY: usize = 0x100;
const COUNTER_AND_NONCE: usize = 0x120;
export const NONCE: usize = 0x124;
/** Section 2.6: r, then s, 16 bytes each; the key stream that they are the beginning of goes on behind them. */
export const ONE_TIME_KEY: usize = 0x200;
/** 16 bytes: what Poly1305 gives. */
export const TAG: usize = 0x300;
/** Where a text begins, its tag behind it. Padded additional data ends here, and has room for 3 KiB. */
export const TEXT: usize = 0x1000;

/** Two blocks of ChaCha20. */
const STRIDE_BYTES: usize = 128;
/** A block of Poly1305. */
const BLOCK_BYTES: usize = 16;

/** Section 2.8: enciphers the text in place and puts its tag behind it. */
export function seal(aadBytes: usize, textBytes: usize): void {
  makeOneTimeKey();
  chacha20(TEXT, TEXT + textBytes, 1);
  authenticate(aadBytes, textBytes);
  v128.store(TEXT + textBytes, v128.load(TAG));
}

/**
 * Deciphers in place.
 * @param textBytes without the tag, which is behind them
 * @returns whether it is authentic; if not, nothing was deciphered
 */
export function open(aadBytes: usize, textBytes: usize): bool {
  const tag = v128.load(TEXT + textBytes); // its place is padding, and the lengths', while the right one is made
  makeOneTimeKey();
  authenticate(aadBytes, textBytes);
  // All 16 bytes at once: how long it takes says nothing about which of them differ.
  if (v128.any_true(v128.xor(tag, v128.load(TAG)))) return false;
  chacha20(TEXT, TEXT + textBytes, 1);
  return true;
}

/** Section 2.6: the beginning of block 0 of the key stream; texts begin at block 1. */
function makeOneTimeKey(): void {
  memory.fill(ONE_TIME_KEY, 0, STRIDE_BYTES);
  chacha20(ONE_TIME_KEY, ONE_TIME_KEY + STRIDE_BYTES, 0);
}

/** Section 2.8: the tag over padded additional data, padded ciphertext and the lengths of both. */
function authenticate(aadBytes: usize, textBytes: usize): void {
  const aad = TEXT - padded(aadBytes), lengths = TEXT + padded(textBytes);
  memory.fill(aad + aadBytes, 0, TEXT - (aad + aadBytes));
  memory.fill(TEXT + textBytes, 0, lengths - (TEXT + textBytes));
  store<u64>(lengths, aadBytes, 0);
  store<u64>(lengths, textBytes, 8);
  poly1305(aad, lengths + BLOCK_BYTES);
}

@inline
function padded(bytes: usize): usize {
  return (bytes + BLOCK_BYTES - 1) & ~(BLOCK_BYTES - 1);
}

/**
 * Section 2.4: xors the key stream onto the bytes from `at` to `end`, and onto what follows them up to a whole stride.
 * @param counter the number of the first block
 */
export function chacha20(at: usize, end: usize, counter: u32): void {
  const constants = i32x4(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);
  const key0 = v128.load(KEY), key1 = v128.load(KEY, 16);
  for (; at < end; at += STRIDE_BYTES, counter += 2) {
    const last0 = i32x4.replace_lane(v128.load(COUNTER_AND_NONCE), 0, counter);
    const last1 = i32x4.replace_lane(v128.load(COUNTER_AND_NONCE), 0, counter + 1);
    let a0 = constants, b0 = key0, c0 = key1, d0 = last0;
    let a1 = constants, b1 = key0, c1 = key1, d1 = last1;

    for (let i = 0; i < 10; i++) {
      // Section 2.1, on all four columns of both blocks.
      a0 = i32x4.add(a0, b0), d0 = rotate16(v128.xor(d0, a0));
      a1 = i32x4.add(a1, b1), d1 = rotate16(v128.xor(d1, a1));
      c0 = i32x4.add(c0, d0), b0 = rotate12(v128.xor(b0, c0));
      c1 = i32x4.add(c1, d1), b1 = rotate12(v128.xor(b1, c1));
      a0 = i32x4.add(a0, b0), d0 = rotate8(v128.xor(d0, a0));
      a1 = i32x4.add(a1, b1), d1 = rotate8(v128.xor(d1, a1));
      c0 = i32x4.add(c0, d0), b0 = rotate7(v128.xor(b0, c0));
      c1 = i32x4.add(c1, d1), b1 = rotate7(v128.xor(b1, c1));

      // The rows turned, so that the diagonals stand in columns.
      b0 = turn1(b0), c0 = turn2(c0), d0 = turn3(d0);
      b1 = turn1(b1), c1 = turn2(c1), d1 = turn3(d1);

      a0 = i32x4.add(a0, b0), d0 = rotate16(v128.xor(d0, a0));
      a1 = i32x4.add(a1, b1), d1 = rotate16(v128.xor(d1, a1));
      c0 = i32x4.add(c0, d0), b0 = rotate12(v128.xor(b0, c0));
      c1 = i32x4.add(c1, d1), b1 = rotate12(v128.xor(b1, c1));
      a0 = i32x4.add(a0, b0), d0 = rotate8(v128.xor(d0, a0));
      a1 = i32x4.add(a1, b1), d1 = rotate8(v128.xor(d1, a1));
      c0 = i32x4.add(c0, d0), b0 = rotate7(v128.xor(b0, c0));
      c1 = i32x4.add(c1, d1), b1 = rotate7(v128.xor(b1, c1));

      b0 = turn3(b0), c0 = turn2(c0), d0 = turn1(d0);
      b1 = turn3(b1), c1 = turn2(c1), d1 = turn1(d1);
    }

    xor(at, i32x4.add(a0, constants)), xor(at + 16, i32x4.add(b0, key0));
    xor(at + 32, i32x4.add(c0, key1)), xor(at + 48, i32x4.add(d0, last0));
    xor(at + 64, i32x4.add(a1, constants)), xor(at + 80, i32x4.add(b1, key0));
    xor(at + 96, i32x4.add(c1, key1)), xor(at + 112, i32x4.add(d1, last1));
  }
}

@inline
function xor(at: usize, row: v128): void {
  v128.store(at, v128.xor(v128.load(at), row));
}

// Each word rotated to the left. Whole bytes are moved, because shifts of vectors take JavaScriptCore four instructions.
@inline
function rotate16(x: v128): v128 {
  return i8x16.shuffle(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
}

@inline
function rotate12(x: v128): v128 {
  return v128.or(i32x4.shl(x, 12), i32x4.shr_u(x, 20));
}

@inline
function rotate8(x: v128): v128 {
  return i8x16.shuffle(x, x, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);
}

@inline
function rotate7(x: v128): v128 {
  return v128.or(i32x4.shl(x, 7), i32x4.shr_u(x, 25));
}

// A row turned to the left by so many words.
@inline
function turn1(row: v128): v128 {
  return v128.shuffle<u32>(row, row, 1, 2, 3, 0);
}

@inline
function turn2(row: v128): v128 {
  return v128.shuffle<u32>(row, row, 2, 3, 0, 1);
}

@inline
function turn3(row: v128): v128 {
  return v128.shuffle<u32>(row, row, 3, 0, 1, 2);
}

/**
 * Section 2.5 over whole blocks, with ONE_TIME_KEY, into TAG.
 *
 * Numbers are words of 32 bits, each in 64, and for the accumulator a fifth one that holds what is beyond 2¹²⁸. What a
 * product has beyond 2¹³⁰ comes back to its beginning five times, since 2¹³⁰ is 5 modulo the prime. Word j of a product
 * is the sum of h(i)·r(j − i); where that is r(j − i + 4), 2¹²⁸ too high, a quarter of r is 2¹³⁰ too high: so it is
 * 5·r/4, whole because the clamp has cleared the two lowest bits of r1, r2 and r3.
 */
export function poly1305(at: usize, end: usize): void {
  const r0 = <u64> (load<u32>(ONE_TIME_KEY, 0) & 0x0fffffff);
  const r1 = <u64> (load<u32>(ONE_TIME_KEY, 4) & 0x0ffffffc);
  const r2 = <u64> (load<u32>(ONE_TIME_KEY, 8) & 0x0ffffffc);
  const r3 = <u64> (load<u32>(ONE_TIME_KEY, 12) & 0x0ffffffc);
  const q1 = 5 * (r1 >> 2), q2 = 5 * (r2 >> 2), q3 = 5 * (r3 >> 2);
  // Only the fifth word meets r0 beyond 2¹²⁸; the two bits that are lost here stay there.
  const q0 = 5 * (r0 >> 2), low0 = r0 & 3;

  let h0: u64 = 0, h1: u64 = 0, h2: u64 = 0, h3: u64 = 0, h4: u64 = 0;
  for (; at < end; at += BLOCK_BYTES) {
    // The block and a one behind it. Words below 2³³ now, and h4 at most 5.
    h0 += load<u32>(at, 0), h1 += load<u32>(at, 4), h2 += load<u32>(at, 8), h3 += load<u32>(at, 12), h4 += 1;

    // r is below 2²⁸ and q below 5/4 of that: each sum is below 2³³ · 2²⁸ · (1 + 3 · 5/4) + 2³², less than 2⁶⁴.
    const p0 = h0 * r0 + h1 * q3 + h2 * q2 + h3 * q1 + h4 * q0;
    const p1 = h0 * r1 + h1 * r0 + h2 * q3 + h3 * q2 + h4 * q1;
    const p2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * q3 + h4 * q2;
    const p3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * q3;
    const p4 = h4 * low0 + (p3 >> 32);

    // Carries, once through: words below 2³² again, and h4 at most 4.
    h0 = low(p0) + 5 * (p4 >> 2);
    h1 = low(p1) + (p0 >> 32) + (h0 >> 32);
    h2 = low(p2) + (p1 >> 32) + (h1 >> 32);
    h3 = low(p3) + (p2 >> 32) + (h2 >> 32);
    h4 = (p4 & 3) + (h3 >> 32);
    h0 = low(h0), h1 = low(h1), h2 = low(h2), h3 = low(h3);
  }

  // How often h holds the prime: as often as h + 5 holds 2¹³⁰. It is taken off by adding five and dropping what is above.
  const primes = (h4 + ((h3 + ((h2 + ((h1 + ((h0 + 5) >> 32)) >> 32)) >> 32)) >> 32)) >> 2;
  h0 += 5 * primes + load<u32>(ONE_TIME_KEY, 16);
  h1 += (h0 >> 32) + load<u32>(ONE_TIME_KEY, 20);
  h2 += (h1 >> 32) + load<u32>(ONE_TIME_KEY, 24);
  h3 += (h2 >> 32) + load<u32>(ONE_TIME_KEY, 28);
  store<u32>(TAG, <u32> h0, 0);
  store<u32>(TAG, <u32> h1, 4);
  store<u32>(TAG, <u32> h2, 8);
  store<u32>(TAG, <u32> h3, 12);
}

@inline
function low(x: u64): u64 {
  return x & 0xffffffff;
}
