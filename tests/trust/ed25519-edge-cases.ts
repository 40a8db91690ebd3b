// Ed25519 signatures on which verifiers disagree, made from scratch: the expected verdict of each is known from how it
// was made, not from running any verifier. Design: "Formats", Ed25519; docs/decisions/0002.
// Must not: import the product.
import {
  add,
  BASE,
  challenge,
  type CurvePoint,
  encode,
  IDENTITY,
  L,
  P,
  times,
  toBytes,
  torsionPoints,
} from "./edwards25519.ts";

export interface EdgeCase {
  readonly name: string;
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly accepted: boolean;
}

const text = (s: string) => new TextEncoder().encode(s);
const concat = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((p) => [...p]));

/** Any scalar will do; fixed ones make the cases the same everywhere. */
const SECRET = 0x1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdefn % L;
const NONCE = 0x0fedcba987654321fedcba987654321fedcba987654321fedcba9876543210n;

/** S for encodings of R = r·B + small and A = a·B + small that makes the equation hold in the prime-order part. */
function sign(rBytes: Uint8Array, aBytes: Uint8Array, message: Uint8Array, nonce = NONCE, secret = SECRET): bigint {
  return (nonce + challenge(rBytes, aBytes, message) * secret) % L;
}

/** Encodings of a point: the canonical one, and those with y + p or a sign bit on x = 0 where they exist. */
function encodings(p: CurvePoint): { name: string; bytes: Uint8Array; canonical: boolean }[] {
  const out = [{ name: "", bytes: encode(p), canonical: true }];
  const bit = (p.x & 1n) << 255n;
  if (p.y + P < 2n ** 255n) out.push({ name: " with y + p", bytes: toBytes((p.y + P) | bit), canonical: false });
  if (p.x === 0n) {
    out.push({ name: " with x = -0", bytes: toBytes(p.y | (1n << 255n)), canonical: false });
    if (p.y + P < 2n ** 255n) {
      out.push({ name: " with y + p and x = -0", bytes: toBytes((p.y + P) | (1n << 255n)), canonical: false });
    }
  }
  return out;
}

/** The message (of many) for which a torsion component vanishes from k·A, so that even loose equations hold. */
function messageWhere(holds: (message: Uint8Array) => boolean): Uint8Array {
  for (let i = 0;; i++) {
    const message = text(`message ${i}`);
    if (holds(message)) return message;
  }
}

export function edgeCases(): EdgeCase[] {
  const cases: EdgeCase[] = [];
  const push = (
    name: string,
    publicKey: Uint8Array,
    message: Uint8Array,
    r: Uint8Array,
    s: bigint,
    accepted: boolean,
  ) => cases.push({ name, publicKey, message, signature: concat(r, toBytes(s)), accepted });

  const torsion = torsionPoints();
  const A = encode(times(SECRET, BASE)), R = encode(times(NONCE, BASE));
  const M = text("an ordinary message");
  const S = sign(R, A, M);

  push("an ordinary signature", A, M, R, S, true);
  push("an ordinary signature of the empty message", A, text(""), R, sign(R, A, text("")), true);
  push("an ordinary signature of another message", A, text("an ordinary message."), R, S, false);
  push("S + 1", A, M, R, S + 1n, false);
  push("-S", A, M, R, L - S, false);
  for (let m = 1n; S + m * L < 2n ** 256n; m++) push(`S + ${m}L`, A, M, R, S + m * L, false);
  push("S of all bits", A, M, R, 2n ** 256n - 1n, false);
  push("S with only the top bit besides", A, M, R, S + 2n ** 255n, false);

  for (const [name, s] of [["0", 0n], ["1", 1n], ["L - 1", L - 1n]] as const) {
    push(`S = ${name} on an ordinary R and A`, A, M, R, s, false);
  }
  push("S = 0 with R = identity and A = identity", encode(IDENTITY), M, encode(IDENTITY), 0n, false);

  for (const [i, t] of torsion.entries()) {
    const order = [1, 8, 4, 8, 2, 8, 4, 8][i] ?? 0;
    for (const e of encodings(t)) {
      const label = `order ${order} (${i})${e.name}`;
      // With A of small order the signature needs no secret: S·B = R up to torsion, for any message.
      const vanishing = messageWhere((m) => (challenge(R, e.bytes, m) * BigInt(i)) % 8n === 0n);
      push(`A of ${label}, equation holds`, e.bytes, vanishing, R, NONCE, false);
      const other = messageWhere((m) => (challenge(R, e.bytes, m) * BigInt(i)) % 8n !== 0n || i === 0);
      push(`A of ${label}, equation holds only with cofactor`, e.bytes, other, R, NONCE, false);
      // R of small order: r = 0 in the prime-order part.
      push(`R of ${label}`, A, M, e.bytes, sign(e.bytes, A, M, 0n), false);
      for (const [j, u] of torsion.entries()) {
        if (j % 3 !== 0) continue;
        push(`A of ${label}, R of small order (${j})`, e.bytes, M, encode(u), 0n, false);
      }
    }
    if (i === 0) continue;
    const mixedA = encode(add(times(SECRET, BASE), t)), mixedR = encode(add(times(NONCE, BASE), t));
    const vanishing = messageWhere((m) => (challenge(R, mixedA, m) * BigInt(i)) % 8n === 0n);
    push(`A of mixed order (${i}), equation holds`, mixedA, vanishing, R, sign(R, mixedA, vanishing), false);
    const other = messageWhere((m) => (challenge(R, mixedA, m) * BigInt(i)) % 8n !== 0n);
    push(`A of mixed order (${i}), only with cofactor`, mixedA, other, R, sign(R, mixedA, other), false);
    push(`R of mixed order (${i}), only with cofactor`, A, M, mixedR, sign(mixedR, A, M), false);
    // The torsion of R and of k·A cancel: the equation without cofactor holds although both are of mixed order.
    const cancelling = messageWhere((m) => (BigInt(i) + challenge(mixedR, mixedA, m) * BigInt(i)) % 8n === 0n);
    push(
      `A and R of mixed order (${i}) that cancel`,
      mixedA,
      cancelling,
      mixedR,
      sign(mixedR, mixedA, cancelling),
      false,
    );
  }

  // A y of p - 1 … p + 18 has two spellings; what is not on the curve is refused for that, the rest for its spelling.
  for (let y = P; y < 2n ** 255n; y++) {
    push(`A with y = p + ${y - P}`, toBytes(y), M, R, NONCE, false);
    push(`R with y = p + ${y - P}`, A, M, toBytes(y), sign(toBytes(y), A, M, 0n), false);
  }
  push("A not on the curve", toBytes(2n), M, R, S, false);
  push("R not on the curve", A, M, toBytes(2n), S, false);

  // Ordinary keys and nonces are accepted whatever their bits.
  for (let i = 1n; i <= 24n; i++) {
    const secret = (SECRET * i * i) % L, nonce = (NONCE * i * i * i) % L;
    const a = encode(times(secret, BASE)), r = encode(times(nonce, BASE)), m = text(`ordinary ${i}`);
    push(`ordinary signature ${i}`, a, m, r, sign(r, a, m, nonce, secret), true);
  }
  for (const [name, n] of [["1", 1n], ["L - 1", L - 1n], ["2", 2n]] as const) {
    const point = encode(times(n, BASE));
    push(`A = ${name}·B`, point, M, R, sign(R, point, M, NONCE, n), true);
    push(`R = ${name}·B`, A, M, point, sign(point, A, M, n), true);
  }

  const ordinary = concat(R, toBytes(S));
  for (const length of [0, 31, 32, 63, 65, 96, 128]) {
    const signature = Uint8Array.from({ length }, (_, i) => ordinary[i] ?? 0);
    cases.push({ name: `a signature of ${length} bytes`, publicKey: A, message: M, signature, accepted: false });
  }
  for (const length of [0, 31, 33, 64]) {
    const publicKey = Uint8Array.from({ length }, (_, i) => A[i] ?? 0);
    cases.push({ name: `a key of ${length} bytes`, publicKey, message: M, signature: ordinary, accepted: false });
  }
  return cases;
}
