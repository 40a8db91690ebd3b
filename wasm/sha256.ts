// SHA-256, for hosts that have none of their own, such as a browser page. AssemblyScript; compiled by
// build/wasm-modules.ts, used by src/hash/sha256.ts. The names are those of FIPS 180-4.
// Must not: import anything, allocate.
//
// Only the message schedule is computed with vectors: a v128 holds four words of it that follow each other. The rounds
// depend on one another and are scalar.

/** The message schedule of one block, each word with its constant added: W(t) + K(t), 64 words. */
const SCHEDULE: usize = 0x400;
/** The hash value H: 8 words, as numbers of this machine; `finish` leaves the digest in its place. */
export const STATE: usize = 0x600;
/** Where the caller puts bytes. */
export const INPUT: usize = 0x1000;

const BLOCK_BYTES: u32 = 64;

const K = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);

export function start(): void {
  store<u32>(STATE, 0x6a09e667, 0);
  store<u32>(STATE, 0xbb67ae85, 4);
  store<u32>(STATE, 0x3c6ef372, 8);
  store<u32>(STATE, 0xa54ff53a, 12);
  store<u32>(STATE, 0x510e527f, 16);
  store<u32>(STATE, 0x9b05688c, 20);
  store<u32>(STATE, 0x1f83d9ab, 24);
  store<u32>(STATE, 0x5be0cd19, 28);
}

/** Hashes the first `length` bytes of INPUT, a multiple of 64. */
export function update(length: u32): void {
  const end = INPUT + length;
  for (let block = INPUT; block < end; block += BLOCK_BYTES) compress(block);
}

/**
 * Hashes the last bytes and leaves the digest in STATE.
 * @param rest bytes in INPUT, fewer than 64; up to 128 bytes there are overwritten
 * @param length bytes of the whole message
 */
export function finish(rest: u32, length: u64): void {
  // FIPS 180-4, 5.1.1: a one bit, zeros, and the length in bits in the last eight bytes of a block.
  const padded: u32 = rest < 56 ? 64 : 128;
  memory.fill(INPUT + rest, 0, padded - rest);
  store<u8>(INPUT + rest, 0x80);
  store<u64>(INPUT + padded - 8, bswap(length << 3));
  update(padded);
  for (let i: u32 = 0; i < 32; i += 4) store<u32>(STATE + i, bswap(load<u32>(STATE + i)));
}

function compress(block: usize): void {
  let w0 = bigEndian(v128.load(block, 0)), w1 = bigEndian(v128.load(block, 16));
  let w2 = bigEndian(v128.load(block, 32)), w3 = bigEndian(v128.load(block, 48));
  for (let t: u32 = 0; t < 192; t += 16) {
    v128.store(SCHEDULE + t, i32x4.add(w0, v128.load(K + t)));
    const next = nextWords(w0, w1, w2, w3);
    w0 = w1, w1 = w2, w2 = w3, w3 = next;
  }
  v128.store(SCHEDULE, i32x4.add(w0, v128.load(K, 192)), 192);
  v128.store(SCHEDULE, i32x4.add(w1, v128.load(K, 208)), 208);
  v128.store(SCHEDULE, i32x4.add(w2, v128.load(K, 224)), 224);
  v128.store(SCHEDULE, i32x4.add(w3, v128.load(K, 240)), 240);

  let a = load<u32>(STATE, 0), b = load<u32>(STATE, 4), c = load<u32>(STATE, 8), d = load<u32>(STATE, 12);
  let e = load<u32>(STATE, 16), f = load<u32>(STATE, 20), g = load<u32>(STATE, 24), h = load<u32>(STATE, 28);
  // A round changes two of the eight words and renames all of them; after eight rounds the names are right again.
  for (let t: u32 = 0; t < 256; t += 32) {
    h = t1(e, f, g, h, t), d += h, h += t2(a, b, c);
    g = t1(d, e, f, g, t + 4), c += g, g += t2(h, a, b);
    f = t1(c, d, e, f, t + 8), b += f, f += t2(g, h, a);
    e = t1(b, c, d, e, t + 12), a += e, e += t2(f, g, h);
    d = t1(a, b, c, d, t + 16), h += d, d += t2(e, f, g);
    c = t1(h, a, b, c, t + 20), g += c, c += t2(d, e, f);
    b = t1(g, h, a, b, t + 24), f += b, b += t2(c, d, e);
    a = t1(f, g, h, a, t + 28), e += a, a += t2(b, c, d);
  }
  store<u32>(STATE, load<u32>(STATE, 0) + a, 0);
  store<u32>(STATE, load<u32>(STATE, 4) + b, 4);
  store<u32>(STATE, load<u32>(STATE, 8) + c, 8);
  store<u32>(STATE, load<u32>(STATE, 12) + d, 12);
  store<u32>(STATE, load<u32>(STATE, 16) + e, 16);
  store<u32>(STATE, load<u32>(STATE, 20) + f, 20);
  store<u32>(STATE, load<u32>(STATE, 24) + g, 24);
  store<u32>(STATE, load<u32>(STATE, 28) + h, 28);
}

@inline
function t1(e: u32, f: u32, g: u32, h: u32, t: u32): u32 {
  const sum1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
  const ch = g ^ (e & (f ^ g)); // (e & f) ^ (~e & g)
  return h + sum1 + ch + load<u32>(SCHEDULE + t);
}

@inline
function t2(a: u32, b: u32, c: u32): u32 {
  const sum0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
  const maj = (a & b) | (c & (a | b)); // (a & b) ^ (a & c) ^ (b & c)
  return sum0 + maj;
}

/** Four words of the schedule from the sixteen before. */
@inline
function nextWords(w0: v128, w1: v128, w2: v128, w3: v128): v128 {
  const w15 = v128.shuffle<u32>(w0, w1, 1, 2, 3, 4); // W(t - 15) of each
  const w7 = v128.shuffle<u32>(w2, w3, 1, 2, 3, 4);
  const sum = i32x4.add(i32x4.add(w0, w7), sigma0(w15));
  // Two at a time, because the third needs the first of these four as its W(t - 2).
  const low = i32x4.add(sum, sigma1(v128.shuffle<u32>(w3, i32x4.splat(0), 2, 3, 4, 4)));
  return i32x4.add(low, sigma1(v128.shuffle<u32>(i32x4.splat(0), low, 0, 0, 4, 5)));
}

@inline
function sigma0(x: v128): v128 {
  return v128.xor(v128.xor(rotate(x, 7), rotate(x, 18)), i32x4.shr_u(x, 3));
}

/** Zero for zero, so that lanes can be left out. */
@inline
function sigma1(x: v128): v128 {
  return v128.xor(v128.xor(rotate(x, 17), rotate(x, 19)), i32x4.shr_u(x, 10));
}

@inline
function rotate(x: v128, bits: i32): v128 {
  return v128.or(i32x4.shr_u(x, bits), i32x4.shl(x, 32 - bits));
}

@inline
function bigEndian(x: v128): v128 {
  return i8x16.shuffle(x, x, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
}
