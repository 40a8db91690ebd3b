// Chaining values of pieces and the tree above them, against a BLAKE3 written straight from the paper.
import { blake3 as oracle } from "hash-wasm";
import assert from "node:assert/strict";
import { test } from "node:test";
import { createBlake3 } from "../../../src/hash/blake3.ts";
import { createPieceTree, pieceCount, pieceListBytes } from "../../../src/hash/piece-tree.ts";
import { referenceParent, referenceValue } from "../../support/blake3-reference.ts";
import { blake3Vectors, sequence } from "../../support/blake3-vectors.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const PIECE = 1 << 20, VALUE = 32;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** The root above a piece list, by the definition: the left subtree is the largest complete one. */
function referenceRoot(list: Uint8Array, isRoot = true): Uint8Array {
  const count = list.length / VALUE;
  if (count === 1) return list;
  let left = 1;
  while (left * 2 < count) left *= 2;
  const cut = left * VALUE;
  return referenceParent(referenceRoot(list.subarray(0, cut), false), referenceRoot(list.subarray(cut), false), isRoot);
}

test("the reference gives the official digests", (t) => {
  const vectors = blake3Vectors();
  if (vectors === undefined) return t.skip("the official vectors are not on this machine");
  for (const { length, digest } of vectors) assert.equal(hex(referenceValue(sequence(length), 0n, true)), digest);
});

for (const kernel of ["unrolled", "looped"] as const) {
  test(`${kernel}: a piece's chaining value counts its chunks from its place in the file, beyond 32 bits too`, async () => {
    const tree = await createPieceTree({ kernel });
    // A counter of chunks has 32 bits up to the piece 2²², which starts at 4 TiB.
    for (const index of [0, 1, 4095, 4096, 2 ** 22 - 1, 2 ** 22, 2 ** 22 + 1, 2 ** 31, 2 ** 32 - 1]) {
      for (const length of [1, 64, 1024, 1025, 7 * 1024 + 100]) {
        const bytes = sequence(length);
        const expected = referenceValue(bytes, BigInt(index) * 1024n, false);
        assert.equal(hex(tree.pieceValue(bytes, index)), hex(expected), `${length} bytes at piece ${index}`);
      }
    }
    const whole = sequence(PIECE);
    assert.equal(hex(tree.pieceValue(whole, 2 ** 23 + 5)), hex(referenceValue(whole, (2n ** 23n + 5n) * 1024n, false)));
  });

  test(`${kernel}: values of pieces, found in any order, merge to the digest of the whole`, async () => {
    const tree = await createPieceTree({ kernel });
    const random = seededRandom(`pieces ${kernel}`);
    const sizes = [PIECE + 1, 2 * PIECE, 2 * PIECE + 1024, 3 * PIECE - 1, 4 * PIECE, 5 * PIECE + 1025];
    for (let i = 0; i < 4; i++) sizes.push(PIECE + 1 + random.below(7 * PIECE));
    for (const size of sizes) {
      const bytes = sequence(size);
      const list = new Uint8Array(pieceListBytes(size));
      for (const i of random.sample([...Array(pieceCount(size)).keys()], pieceCount(size))) {
        list.set(tree.pieceValue(bytes.subarray(i * PIECE, (i + 1) * PIECE), i), i * VALUE);
      }
      assert.equal(tree.rootOf(list), await oracle(bytes), `${size} bytes`);
      const stream = await createBlake3({ kernel });
      stream.update(bytes);
      assert.deepEqual(stream.pieces(), list, `the list of a stream of ${size} bytes`);
    }
  });
}

test("any number of values merges as the definition says", async () => {
  const tree = await createPieceTree();
  const random = seededRandom("lists");
  const counts = [2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 1023, 1024, 1025, 1026, 2047, 2048, 2049, 3000, 5121];
  for (const count of counts) {
    const list = Uint8Array.from({ length: count * VALUE }, () => random.below(256));
    assert.equal(tree.rootOf(list), hex(referenceRoot(list)), `${count} values`);
  }
});

test("one wrong bit in a list gives another digest", async () => {
  const tree = await createPieceTree();
  const list = sequence(5 * VALUE);
  const root = tree.rootOf(list);
  for (let i = 0; i < list.length; i += 7) assert.notEqual(tree.rootOf(list.with(i, list[i]! ^ 1)), root);
});

test("what is no piece and no list is refused", async () => {
  const tree = await createPieceTree();
  assert.throws(() => tree.pieceValue(new Uint8Array(0), 0), RangeError);
  assert.throws(() => tree.pieceValue(new Uint8Array(PIECE + 1), 0), RangeError);
  for (const length of [0, 32, 33, 95]) assert.throws(() => tree.rootOf(new Uint8Array(length)), RangeError);
});

test("a file of one piece has no list; every other has 32 bytes for each MiB begun", () => {
  const expected: [length: number, count: number, bytes: number][] = [
    [0, 1, 0],
    [1, 1, 0],
    [PIECE, 1, 0],
    [PIECE + 1, 2, 64],
    [8 * 1024 * PIECE, 8192, 262_144],
  ];
  for (const [length, count, bytes] of expected) {
    assert.equal(pieceCount(length), count);
    assert.equal(pieceListBytes(length), bytes);
  }
});
