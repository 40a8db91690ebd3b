// When a source is read twice at a time: what it brings, and who waits for whom, by a clock of the test's own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSupplier } from "../../../src/fetch/supplier.ts";
import { artifactOf, testBytes } from "../../support/artifact.ts";
import { createMemorySource } from "../../support/memory-source.ts";

const MIB = 1 << 20;
const bytes = testBytes(MIB);
const artifact = await artifactOf(bytes);

/** Reads of a source after a second of one read that brought so much, and waited for us so long. */
function readsAfter(mib: number, heldUpMs = 0): number {
  let nowMs = 0;
  const source = createMemorySource({ id: "a", priority: 1, bytes });
  const supplier = createSupplier(source, artifact, { maxReads: 4, bytesPerSecond: undefined }, () => nowMs);
  supplier.readBegins();
  for (let i = 0; i < 10; i++) {
    nowMs += 100;
    supplier.gotBytes(mib * MIB / 10);
    if (i === 5) supplier.heldUp(heldUpMs);
    supplier.tick(nowMs, true);
  }
  return supplier.readTarget;
}

test("a second read is tried", () => assert.equal(readsAfter(20), 2));

test("none is tried where one fills a link of a gigabit", () => {
  assert.deepEqual([readsAfter(99), readsAfter(101)], [2, 1]);
});

test("none is tried where the source waits for us", () => {
  assert.deepEqual([readsAfter(20, 90), readsAfter(20, 110)], [2, 1]);
});
