import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findCopies, type Stretch } from "../../../src/publish/find-copies.ts";
import { testBytes } from "../../support/artifact.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const bytes = testBytes(200_000);

/** All stretches; fails unless they cover the file and lie within the older one. */
function stretches(base: Uint8Array, of: Uint8Array): Stretch[] {
  const found = [...findCopies(base, of)].filter((s) => s !== undefined);
  let at = 0;
  for (const s of found) {
    assert.equal(s.at, at);
    assert.ok(s.length > 0);
    if (s.from !== undefined) assert.ok(s.from >= 0 && s.from + s.length <= base.length);
    at += s.length;
  }
  assert.equal(at, of.length);
  return found;
}

/** Bytes that have to be transferred: new ones, and those in which a copy differs. */
function different(base: Uint8Array, of: Uint8Array): number {
  return stretches(base, of).reduce((sum, { at, length, from }) => {
    if (from === undefined) return sum + length;
    let changed = 0;
    for (let i = 0; i < length; i++) if (of[at + i] !== base[from + i]) changed++;
    return sum + changed;
  }, 0);
}

describe("what two files have in common", () => {
  test("is everything when they are equal", () => {
    assert.deepEqual(stretches(bytes, bytes), [{ at: 0, length: bytes.length, from: 0 }]);
  });

  test("is all but what was put in, taken out or moved", () => {
    const inserted = Buffer.concat([bytes.subarray(0, 70_001), testBytes(333, "new"), bytes.subarray(70_001)]);
    assert.ok(different(bytes, inserted) < 400);
    assert.ok(different(inserted, bytes) < 64);
    const moved = Buffer.concat([bytes.subarray(120_000), bytes.subarray(0, 120_000)]);
    assert.ok(different(bytes, moved) < 64);
  });

  test("is code whose addresses are others", () => {
    const next = Buffer.concat([bytes.subarray(0, 999), testBytes(50, "new"), bytes.subarray(999)]);
    for (let i = 2000; i < next.length; i += 16) next[i] = next[i]! + 1;
    assert.ok(different(bytes, next) < next.length / 16 + 200);
  });

  test("is found in files of zeros, of repeats, and of no bytes", () => {
    const zeros = new Uint8Array(50_000);
    assert.equal(different(zeros, zeros.subarray(0, 40_000)), 0);
    const repeats = Uint8Array.from({ length: 50_000 }, (_, i) => i % 7);
    assert.ok(different(repeats, repeats.subarray(3)) < 64);
    assert.deepEqual(stretches(new Uint8Array(0), bytes), [{ at: 0, length: bytes.length, from: undefined }]);
    assert.deepEqual(stretches(bytes, new Uint8Array(0)), []);
    for (const length of [1, 23, 24, 25, 48]) assert.ok(different(bytes, bytes.slice(5, 5 + length)) <= length);
  });

  test("covers the file whatever was done to it", () => {
    for (let i = 0; i < 60; i++) {
      const random = seededRandom(`edits ${i}`);
      const parts: Uint8Array[] = [];
      while (parts.length < 12) {
        const start = random.below(bytes.length);
        const part = bytes.slice(start, start + random.below(9000));
        for (let k = 0; k < part.length; k += 1 + random.below(400)) part[k] = random.below(256);
        parts.push(random.chance(0.3) ? testBytes(random.below(500), `${i}`) : part);
      }
      stretches(bytes.subarray(0, random.below(bytes.length)), Buffer.concat(parts));
    }
  });

  test("gives others a turn", () => {
    assert.ok([...findCopies(bytes, testBytes(2 << 20, "other"))].includes(undefined));
  });
});
