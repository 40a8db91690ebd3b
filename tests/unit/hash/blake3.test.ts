// BLAKE3 of streams: official vectors, every edge of the tree against hash-wasm, splits at random. Both kernels.
import { blake3 as oracle } from "hash-wasm";
import assert from "node:assert/strict";
import { test } from "node:test";
import { createBlake3 } from "../../../src/hash/blake3.ts";
import { blake3Vectors, sequence } from "../../support/blake3-vectors.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const KERNELS = ["unrolled", "looped"] as const;
type Kernel = (typeof KERNELS)[number];

const CHUNK = 1024, BLOCK = 64, PIECE = 1 << 20;

async function digest(parts: Iterable<Uint8Array>, kernel: Kernel): Promise<string> {
  const hash = await createBlake3({ kernel });
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function* chunksOf(bytes: Uint8Array, length: number): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

/** Every edge of the tree up to three pieces and a bit, with the lengths next to it. */
function edges(): number[] {
  const found = new Set([0]);
  const around = (length: number) => [length - 1, length, length + 1].forEach((n) => n > 0 && found.add(n));
  for (let blocks = 1; blocks <= 2 * CHUNK / BLOCK; blocks++) around(blocks * BLOCK);
  for (let chunks = 1; chunks <= 17; chunks++) around(chunks * CHUNK);
  for (let chunks = 32; chunks <= 2048; chunks *= 2) {
    around(chunks * CHUNK);
    around((chunks - 1) * CHUNK);
    around((chunks + 1) * CHUNK);
  }
  for (const pieces of [1, 2, 3]) {
    around(pieces * PIECE);
    around(pieces * PIECE + BLOCK);
    around(pieces * PIECE + CHUNK);
  }
  return [...found];
}

for (const kernel of KERNELS) {
  test(`${kernel}: every official vector holds, whatever the chunks`, async (t) => {
    const vectors = blake3Vectors();
    if (vectors === undefined) return t.skip("the official vectors are not on this machine");
    assert.equal(vectors.length, 35);
    for (const { length, digest: expected } of vectors) {
      const input = sequence(length);
      for (const chunk of [Infinity, 1000, 1]) {
        if (chunk === 1 && length > 5000) continue;
        assert.equal(await digest(chunksOf(input, Math.min(chunk, length)), kernel), expected, `${length} by ${chunk}`);
      }
    }
  });

  test(`${kernel}: lengths around every block, chunk, piece and power of two equal hash-wasm's`, async () => {
    const input = sequence(3 * PIECE + 2 * CHUNK);
    for (const length of edges()) {
      const bytes = input.subarray(0, length);
      assert.equal(await digest([bytes], kernel), await oracle(bytes), `${length} bytes`);
    }
  });

  test(`${kernel}: the digest does not depend on how the bytes are split`, async () => {
    const random = seededRandom(`splits ${kernel}`);
    for (let i = 0; i < 25; i++) {
      const bytes = sequence(random.below(random.pick([100, 5000, 200_000, 3 * PIECE])));
      const cuts = [0, ...Array.from({ length: random.below(9) }, () => random.below(bytes.length + 1)), bytes.length];
      cuts.sort((a, b) => a - b);
      const parts = cuts.slice(1).map((cut, j) => bytes.subarray(cuts[j], cut));
      assert.equal(await digest(parts, kernel), await oracle(bytes), `cut at ${cuts}`);
    }
  });
}

test("a buffer may be used again as soon as update returns", async () => {
  const hash = await createBlake3();
  const buffer = new Uint8Array(700);
  for (const part of chunksOf(sequence(7000), 700)) {
    buffer.set(part);
    hash.update(buffer);
  }
  assert.equal(hash.digest(), await oracle(sequence(7000)));
});

test("hashes that run at the same time do not mix", async () => {
  const [a, b] = await Promise.all([createBlake3(), createBlake3()]);
  for (const part of chunksOf(sequence(3 * PIECE), 300_000)) {
    a.update(part);
    b.update(part.slice().reverse());
  }
  const other = await createBlake3();
  for (const part of chunksOf(sequence(3 * PIECE), 300_000)) other.update(part.slice().reverse());
  assert.equal(a.digest(), await oracle(sequence(3 * PIECE)));
  assert.equal(b.digest(), other.digest());
});

test("a digest can be asked for again, and nothing can be added after it", async () => {
  const hash = await createBlake3();
  hash.update(sequence(PIECE + 1));
  const first = hash.digest();
  assert.equal(hash.digest(), first);
  assert.equal(hash.pieces().length, 64);
  assert.throws(() => hash.update(sequence(1)), /has ended/);
});
