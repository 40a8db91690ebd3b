// When a source is read twice at a time: what it brings, and who waits for whom, by a clock of the test's own.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Source } from "../../../src/api.ts";
import { UpdateError } from "../../../src/errors.ts";
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
    supplier.tick(nowMs);
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

test("one that turns out not to have single pieces gives the others; one that lacks many is asked no more", async () => {
  const memory = createMemorySource({ id: "a", priority: 1, bytes });
  const lacking = new Set<number>();
  const source: Source = {
    ...memory,
    async open(a, o) {
      return { ...await memory.open(a, o), have: () => ({ has: (piece) => !lacking.has(piece) }) };
    },
  };
  const supplier = createSupplier(source, artifact, { maxReads: 1, bytesPerSecond: undefined });
  await supplier.open({ signal: new AbortController().signal });
  const absent = new UpdateError("E_ABSENT", "damaged");
  for (let piece = 0; piece < 8; piece++) {
    lacking.add(piece);
    supplier.broke(absent, piece);
    assert.deepEqual([supplier.state, supplier.report.failures], ["ready", 0]);
  }
  lacking.add(8);
  supplier.broke(absent, 8);
  assert.equal(supplier.state, "out");
  await supplier.close();
});

test("one that says of a piece it claims to have that it is absent is asked no more", async () => {
  const supplier = createSupplier(createMemorySource({ id: "a", priority: 1, bytes }), artifact, {
    maxReads: 1,
    bytesPerSecond: undefined,
  });
  await supplier.open({ signal: new AbortController().signal });
  supplier.broke(new UpdateError("E_ABSENT", "not here"), 0);
  assert.equal(supplier.state, "out");
  await supplier.close();
});
