// The curve edwards25519 in plain bigint arithmetic, written from RFC 8032 alone: a second opinion for tests.
// Simple on purpose, and not for secrets. Must not: share a line with the product's verifier or its library.
import { createHash } from "node:crypto";

export const P = 2n ** 255n - 19n;
/** Order of the base point. */
export const L = 2n ** 252n + 27742317777372353535851937790883648493n;

const mod = (a: bigint, m: bigint = P): bigint => ((a % m) + m) % m;

function power(base: bigint, exponent: bigint): bigint {
  let out = 1n;
  for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = mod(b * b)) if (e & 1n) out = mod(out * b);
  return out;
}

const inverse = (a: bigint): bigint => power(a, P - 2n);
const D = mod(-121665n * inverse(121666n));
const SQRT_MINUS_1 = power(2n, (P - 1n) / 4n);

export interface CurvePoint {
  readonly x: bigint;
  readonly y: bigint;
}

export const IDENTITY: CurvePoint = { x: 0n, y: 1n };

/** The complete addition law of the curve: it holds for all points, the identity and small orders included. */
export function add(a: CurvePoint, b: CurvePoint): CurvePoint {
  return affine(addProjective({ ...a, z: 1n }, { ...b, z: 1n }));
}

export function times(n: bigint, p: CurvePoint): CurvePoint {
  let out: Projective = { ...IDENTITY, z: 1n };
  for (let b: Projective = { ...p, z: 1n }, e = n; e > 0n; e >>= 1n, b = addProjective(b, b)) {
    if (e & 1n) out = addProjective(out, b);
  }
  return affine(out);
}

/** x/z and y/z are the coordinates: division once at the end instead of in every step. */
interface Projective extends CurvePoint {
  readonly z: bigint;
}

const affine = (p: Projective): CurvePoint => ({ x: mod(p.x * inverse(p.z)), y: mod(p.y * inverse(p.z)) });

function addProjective(p: Projective, q: Projective): Projective {
  const z = mod(p.z * q.z), zz = mod(z * z), xx = mod(p.x * q.x), yy = mod(p.y * q.y), e = mod(D * xx * yy);
  const f = zz - e, g = zz + e;
  return {
    x: mod(mod(z * f) * (mod((p.x + p.y) * (q.x + q.y)) - xx - yy)),
    y: mod(mod(z * g) * (yy + xx)),
    z: mod(f * g),
  };
}

export const same = (a: CurvePoint, b: CurvePoint): boolean => a.x === b.x && a.y === b.y;

/** The point of an affine y whose x has the given lowest bit; undefined when y is on no point. */
export function pointAt(y: bigint, xBit: bigint): CurvePoint | undefined {
  const u = mod(y * y - 1n), v = mod(D * y * y + 1n);
  const square = mod(u * inverse(v));
  let x = power(square, (P + 3n) / 8n);
  if (mod(x * x) !== square) x = mod(x * SQRT_MINUS_1);
  if (mod(x * x) !== square) return undefined;
  if (x === 0n && xBit === 1n) return undefined;
  return { x: (x & 1n) === xBit ? x : P - x, y: mod(y) };
}

export const BASE: CurvePoint = pointAt(mod(4n * inverse(5n)), 0n) ?? IDENTITY;

export function toBytes(n: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((n >> BigInt(8 * i)) & 0xffn));
}

export function fromBytes(bytes: Uint8Array): bigint {
  return bytes.reduceRight((n, b) => (n << 8n) | BigInt(b), 0n);
}

export function encode(p: CurvePoint): Uint8Array {
  return toBytes(p.y | ((p.x & 1n) << 255n));
}

/** The canonical decoding of RFC 8032 5.1.3; undefined for whatever it refuses. */
export function decode(bytes: Uint8Array): CurvePoint | undefined {
  const n = fromBytes(bytes), y = n & (2n ** 255n - 1n);
  return y < P ? pointAt(y, n >> 255n) : undefined;
}

/** SHA-512(R ‖ A ‖ M) mod L. */
export function challenge(r: Uint8Array, a: Uint8Array, message: Uint8Array): bigint {
  const digest = createHash("sha512").update(r).update(a).update(message).digest();
  return fromBytes(digest) % L;
}

/** The eight points whose order divides 8, in order of multiples of a generator of them. */
export function torsionPoints(): CurvePoint[] {
  for (let y = 2n;; y++) {
    const p = pointAt(y, 0n);
    const t = p && times(L, p);
    if (t !== undefined && !same(times(4n, t), IDENTITY)) {
      return Array.from({ length: 8 }, (_, i) => times(BigInt(i), t));
    }
  }
}

/** The product's rule, said once more: canonical encodings, order exactly L, S < L, the equation without cofactor. */
export function acceptedByRule(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== 64 || publicKey.length !== 32) return false;
  const rBytes = signature.slice(0, 32), s = fromBytes(signature.slice(32));
  const r = decode(rBytes), a = decode(publicKey);
  if (s >= L || r === undefined || a === undefined) return false;
  for (const p of [r, a]) if (same(p, IDENTITY) || !same(times(L, p), IDENTITY)) return false;
  return same(times(s, BASE), add(r, times(challenge(rBytes, publicKey, message), a)));
}

/** The looser equation with cofactor 8 that some verifiers use; for saying what a vector is about. */
export function acceptedByCofactoredEquation(
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  const r = decode(signature.slice(0, 32)), a = decode(publicKey);
  if (r === undefined || a === undefined) return false;
  const k = challenge(signature.slice(0, 32), publicKey, message);
  return same(times(8n * (fromBytes(signature.slice(32)) % L), BASE), times(8n, add(r, times(k, a))));
}
