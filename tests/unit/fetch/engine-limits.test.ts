// What a limit that the operator has set does to the patience of the engine.
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
