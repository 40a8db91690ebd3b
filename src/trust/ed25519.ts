// The one rule by which an Ed25519 signature is accepted. Design: "Formats", Ed25519; docs/decisions/0002.
// Verifiers disagree on odd encodings and orders, and two nodes that disagree have forked: all that is judged here, by
// noble's arithmetic, the same on every runtime. What is left has one answer, and the host may work it out.
// Must not: sign, hold keys, leave a question to the host that it could answer in its own way.
import { Point } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import { nativeEd25519, type VerifyEquation } from "./native-ed25519.ts";

/** Order of the base point (RFC 8032, L). */
const L = Point.CURVE().n;
const SCALAR_BITS = L.toString(2).length;

/** A root names tens of keys; the bound keeps a flood of strange keys from growing the memory. */
const MAX_REMEMBERED_KEYS = 256;
const remembered = new Map<string, Point>();

/**
 * True iff A and R are canonical encodings of points of prime order L, S < L, and [S]B = R + [k]A (RFC 8032 5.1.7).
 * For such points the cofactored and the cofactorless equation agree.
 * @param signature 64 bytes, R then S
 * @param publicKey 32 bytes, A
 */
export const verifyEd25519: (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array) => boolean =
  createEd25519(nativeEd25519);

/** @param findNative called when the first signature is verified; tests give others */
export function createEd25519(findNative: () => VerifyEquation | undefined) {
  let native: VerifyEquation | undefined;
  let isSought = false;

  function ask(...question: Parameters<VerifyEquation>): boolean | undefined {
    if (!isSought) native = findNative();
    isSought = true;
    return native?.(...question);
  }

  return (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean => {
    if (signature.length !== 64 || publicKey.length !== 32) return false;
    const rBytes = signature.subarray(0, 32);
    const s = littleEndian(signature.subarray(32));
    if (s >= L || isIdentity(rBytes)) return false;
    const a = publicPoint(publicKey);
    if (a === undefined) return false;
    // R = [S]B − [k]A. B has order L and so has A: what is equal to this has too, so R need not be asked for its order.
    // Bytes that are equal to its encoding are canonical.
    return ask(signature, message, publicKey) ?? equationHolds(rBytes, s, a, publicKey, message);
  };
}

/** The encoding of the identity: y = 1, and no sign. Other spellings of it are not canonical. */
function isIdentity(point: Uint8Array): boolean {
  return point.every((byte, i) => byte === (i === 0 ? 1 : 0));
}

/** By noble's arithmetic. */
function equationHolds(rBytes: Uint8Array, s: bigint, a: Point, publicKey: Uint8Array, message: Uint8Array): boolean {
  const r = point(rBytes);
  if (r === undefined) return false;
  const k = littleEndian(sha512.create().update(rBytes).update(publicKey).update(message).digest()) % L;
  return sumOfMultiples(s, Point.BASE, k, a.negate()).equals(r);
}

/**
 * [m]P + [n]Q, both with the same doublings (Straus). Not noble's `multiply`: for B that first makes a table of thousands
 * of points, which takes longer than the few signatures of a command. Nothing is secret here, so it may take as long as
 * the numbers say.
 * @param m below L, as `n`
 */
function sumOfMultiples(m: bigint, p: Point, n: bigint, q: Point): Point {
  const bits = (x: bigint) => x.toString(2).padStart(SCALAR_BITS, "0");
  const [mBits, nBits, both] = [bits(m), bits(n), p.add(q)];
  let sum = Point.ZERO;
  for (let i = 0; i < SCALAR_BITS; i++) {
    sum = sum.double();
    if (mBits[i] === "1") sum = sum.add(nBits[i] === "1" ? both : p);
    else if (nBits[i] === "1") sum = sum.add(q);
  }
  return sum;
}

/** True iff the 32 bytes can be a public key at all under the rule above. */
export function isEd25519PublicKey(publicKey: Uint8Array): boolean {
  return publicKey.length === 32 && publicPoint(publicKey) !== undefined;
}

function publicPoint(bytes: Uint8Array): Point | undefined {
  const id = bytes.join();
  const known = remembered.get(id);
  if (known !== undefined) return known;
  const point = primeOrderPoint(bytes);
  if (point !== undefined) {
    if (remembered.size >= MAX_REMEMBERED_KEYS) remembered.clear();
    remembered.set(id, point);
  }
  return point;
}

function primeOrderPoint(bytes: Uint8Array): Point | undefined {
  const found = point(bytes);
  return found?.isTorsionFree() === true ? found : undefined;
}

/** Any point but the identity. */
function point(bytes: Uint8Array): Point | undefined {
  try {
    const found = Point.fromBytes(bytes, false); // RFC 8032 decoding: refuses y >= p and the sign bit on x = 0
    return found.is0() ? undefined : found;
  } catch {
    return undefined;
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  let hex = "";
  for (const b of bytes) hex = b.toString(16).padStart(2, "0") + hex;
  return BigInt(`0x${hex}`);
}
