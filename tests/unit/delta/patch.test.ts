import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Copy, readPatch, writePatch } from "../../../src/delta/patch.ts";
import { UpdateError } from "../../../src/errors.ts";
import { testBytes } from "../../support/artifact.ts";
import { fails } from "../../support/fails.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const OFFSET = 5000;
const base = testBytes(20_000, "base");

/** What a reader makes of a patch. */
function applied(patch: Uint8Array, length: number, from: Uint8Array = base): Uint8Array {
  const { copies, finish } = readPatch(patch, length, OFFSET, from.length);
  const piece = new Uint8Array(length);
  for (const { at, length, from: start } of copies) piece.set(from.subarray(start, start + length), at);
  finish(piece);
  return piece;
}

/** A piece of random copies, changed here and there, and of bytes of its own. */
function randomPiece(seed: string): { piece: Uint8Array; copies: Copy[] } {
  const random = seededRandom(seed);
  const piece = testBytes(1 + random.below(6000), seed);
  const copies: Copy[] = [];
  for (let at = random.below(200); at < piece.length; at += random.below(300)) {
    const length = Math.min(1 + random.below(700), piece.length - at);
    const from = random.below(base.length - length);
    copies.push({ at, length, from });
    piece.set(base.subarray(from, from + length), at);
    for (let i = random.below(50); i < length; i += 1 + random.below(60)) piece[at + i] = random.below(256);
    at += length;
  }
  return { piece, copies };
}

describe("a patch", () => {
  test("makes the piece it was made of, whatever is copied and changed", () => {
    for (let i = 0; i < 300; i++) {
      const { piece, copies } = randomPiece(`piece ${i}`);
      assert.deepEqual(applied(writePatch(piece, base, copies, OFFSET), piece.length), piece, `piece ${i}`);
    }
  });

  test("is a few bytes for a piece that did not change and for one that moved", () => {
    for (const from of [OFFSET, OFFSET - 77]) {
      const piece = base.slice(from, from + 4000);
      const patch = writePatch(piece, base, [{ at: 0, length: 4000, from }], OFFSET);
      assert.ok(patch.length < 10, `${patch.length}`);
      assert.deepEqual(applied(patch, 4000), piece);
    }
  });

  test("of nothing but new bytes needs no older file", () => {
    const piece = testBytes(3000, "new");
    assert.deepEqual(applied(writePatch(piece, base, [], OFFSET), 3000, new Uint8Array(0)), piece);
  });

  // Written by hand, for a piece of 10 bytes at offset 5000 of an older file of 20,000.
  const MALFORMED: [what: string, bytes: number[]][] = [
    ["nothing at all", []],
    ["new bytes beyond the piece", [11]],
    ["a copy of no bytes", [0, 0, 0]],
    ["a copy beyond the piece", [4, 7, 0]],
    ["a copy from before the older file", [0, 10, 0x91, 0x4e, 10, 0]], // 5,001 back
    ["a copy from behind the older file", [0, 10, 0x9e, 0xea, 0x01, 10, 0]], // 14,991 on
    ["changes beyond what is copied", [0, 10, 0, 8, 3, 1, 1, 1]],
    ["a change of nothing before the end", [0, 10, 0, 5, 0, 5, 0]],
    ["an empty run", [0, 10, 0, 0, 0, 10, 0]],
    ["fewer changes than it says", [0, 10, 0, 0, 10, 1, 1]],
    ["fewer new bytes than it says", [10, 1, 2, 3]],
    ["bytes that nobody asked for", [0, 10, 0, 10, 0, 1]],
    ["a number of two bytes that fits into one", [0x8a, 0x00, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
    ["a number without an end", [0x80, 0x80, 0x80, 0x80, 0x80, 0x80]],
    ["a number cut off", [0x80]],
  ];
  for (const [what, bytes] of MALFORMED) {
    test(`with ${what} is refused`, () => {
      assert.throws(() => readPatch(Uint8Array.from(bytes), 10, OFFSET, base.length), fails("E_MALFORMED"));
    });
  }

  test("at the very edges of the older file is taken", () => {
    assert.deepEqual(applied(Uint8Array.from([0, 10, 0x8f, 0x4e, 10, 0]), 10), base.slice(0, 10)); // 5,000 back
    assert.deepEqual(applied(Uint8Array.from([0, 10, 0x9c, 0xea, 0x01, 10, 0]), 10), base.slice(-10)); // 14,990 on
  });

  test("that was altered anywhere is refused, or makes as many bytes, out of the older file alone", () => {
    const random = seededRandom("altered");
    let refused = 0;
    for (let i = 0; i < 3000; i++) {
      const { piece, copies } = randomPiece(`altered ${i % 20}`);
      const patch = writePatch(piece, base, copies, OFFSET);
      const altered = random.chance(0.2)
        ? patch.slice(0, random.below(patch.length))
        : patch.with(random.below(patch.length), random.below(256));
      try {
        const read = readPatch(altered, piece.length, OFFSET, base.length);
        for (const { at, length, from } of read.copies) {
          assert.ok(at >= 0 && length > 0 && at + length <= piece.length);
          assert.ok(from >= 0 && from + length <= base.length);
        }
        assert.equal(applied(altered, piece.length).length, piece.length);
      } catch (e) {
        assert.ok(e instanceof UpdateError && e.code === "E_MALFORMED", `${e}`);
        refused++;
      }
    }
    assert.ok(refused > 600, `${refused}`);
  });
});
