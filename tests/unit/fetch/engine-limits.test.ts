// What the engine is patient with: limits that the operator has set, and time in which it could not run.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fetchPieces } from "../../../src/fetch/piece-engine.ts";
import { createRateLimit } from "../../../src/fetch/rate-limit.ts";
import { createSupplier } from "../../../src/fetch/supplier.ts";
import { testBytes } from "../../support/artifact.ts";
import { createMemorySource } from "../../support/memory-source.ts";
import { signal, STORE_HOSTS, storePlace } from "../../support/piece-stores.ts";

const bytes = testBytes(200_000);

/** A chunk of the source is 64 KiB: at this rate each has to wait for longer than the engine has patience. */
const LIMIT = 100_000;
const HOPELESS_MS = 300;

test("a source that waits for a limit of ours is not taken for one that brings nothing", async () => {
  for (const isWhole of [true, false]) {
    const place = await storePlace(bytes, STORE_HOSTS["this thread"]!); // it has both
    const store = await place.open();
    const limits = { maxReads: 1, bytesPerSecond: isWhole ? undefined : LIMIT };
    const supplier = createSupplier(createMemorySource({ id: "m", priority: 1, bytes }), place.artifact, limits);
    const limit = createRateLimit(isWhole ? LIMIT : undefined);
    const o = { artifact: place.artifact, store, suppliers: [supplier], strategy: "parallel", limit, signal } as const;
    await fetchPieces({ ...o, hopelessMs: HOPELESS_MS, onEvent: () => {} });
    assert.equal(store.heldBytes, bytes.length);
    await place.remove();
  }
});

test("after the process was stopped for long, a download goes on where it was and blames nobody", async () => {
  const place = await storePlace(bytes, STORE_HOSTS["this thread"]!);
  const store = await place.open();
  const source = createMemorySource({ id: "m", priority: 1, bytes, behaviour: { bytesPerSecond: 100_000 } });
  const supplier = createSupplier(source, place.artifact, { maxReads: 1, bytesPerSecond: undefined });
  const stop = setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500), 500);
  const o = { artifact: place.artifact, store, suppliers: [supplier], strategy: "parallel", signal } as const;
  await fetchPieces({ ...o, limit: createRateLimit(undefined), hopelessMs: 1_000, onEvent: () => {} });
  clearTimeout(stop);
  assert.deepEqual([store.heldBytes, supplier.report.failures], [bytes.length, 0]);
  await place.remove();
});

test("what is on this disk has no part in a limit of the network", async () => {
  const place = await storePlace(bytes, STORE_HOSTS["this thread"]!), store = await place.open();
  const cache = createMemorySource({ id: "cache", kind: "cache", priority: 1, bytes });
  const supplier = createSupplier(cache, place.artifact, { maxReads: 1, bytesPerSecond: 1 });
  const o = {
    artifact: place.artifact,
    store,
    suppliers: [supplier],
    strategy: "parallel",
    onEvent: () => {},
  } as const;
  await fetchPieces({ ...o, limit: createRateLimit(1), signal: AbortSignal.timeout(20_000) });
  assert.equal(store.heldBytes, bytes.length);
  await place.remove();
});
