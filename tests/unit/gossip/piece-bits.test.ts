import assert from "node:assert/strict";
import { test } from "node:test";
import { bitBytes, decodeBits, encodeBits, hasAll } from "../../../src/gossip/piece-bits.ts";

test("a set of pieces comes back as it was, whatever its size", () => {
  for (const count of [1, 7, 8, 9, 64, 65]) {
    for (const pieces of [[], [0], [count - 1], [0, count - 1], Array.from({ length: count }, (_, i) => i)]) {
      const set = new Set(pieces);
      const bits = encodeBits(set, count);
      assert.equal(bits.length, bitBytes(count));
      const back = decodeBits(bits);
      for (let i = 0; i < count; i++) assert.equal(back.has(i), set.has(i), `${i} of ${count}`);
      assert.equal(hasAll(back, count), set.size === count);
    }
  }
});

test("piece 0 is the highest bit of the first byte", () => {
  assert.deepEqual(encodeBits(new Set([0, 9]), 10), Uint8Array.of(0x80, 0x40));
});

test("what lies beyond the bits is not there", () => assert.equal(decodeBits(Uint8Array.of(0xff)).has(8), false));
