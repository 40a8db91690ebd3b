// Who is asked for the piece list, for how long, and who is blamed. "The download" of docs/architecture.md.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PieceReader, Source } from "../../../src/api.ts";
import { findPieceList } from "../../../src/fetch/piece-list.ts";
import { createSupplier } from "../../../src/fetch/supplier.ts";
import { pieceListOf, testBytes } from "../../support/artifact.ts";
import { createMemorySource } from "../../support/memory-source.ts";
import { signal, STORE_HOSTS, storePlace } from "../../support/piece-stores.ts";

const bytes = testBytes(3 << 20), list = await pieceListOf(bytes);
const LIMITS = { maxReads: 1, bytesPerSecond: undefined };

/** Sources that never answer when they are asked for the list, and how many of them are asked now, and were at most. */
function createSilence() {
  let now = 0, most = 0;
  const silent = (id: string): Source => ({
    id,
    kind: "https",
    priority: 1,
    async open(a, o) {
      const reader: PieceReader = await createMemorySource({ id, priority: 1, bytes }).open(a, o);
      const pieceList: PieceReader["pieceList"] = ({ signal }) => {
        most = Math.max(most, ++now);
        return new Promise((_, reject) =>
          signal.addEventListener("abort", () => {
            now--;
            reject(signal.reason);
          })
        );
      };
      return { ...reader, pieceList };
    },
  });
  const sources = (count: number) => Array.from({ length: count }, (_, i) => silent(`silent ${i}`));
  return { sources, now: () => now, most: () => most };
}

/** @returns how long it took, and who was blamed */
async function find(sources: readonly Source[], isThere = true): Promise<{ ms: number; liars: string[] }> {
  const place = await storePlace(bytes, STORE_HOSTS["this thread"]!); // it has both
  const store = await place.open();
  const suppliers = sources.map((s) => createSupplier(s, place.artifact, LIMITS));
  const startMs = performance.now();
  await findPieceList({ store, suppliers, signal, onEvent: () => {} });
  const ms = performance.now() - startMs;
  assert.equal(store.isListed, isThere);
  await store.close();
  await place.remove();
  return { ms, liars: suppliers.filter((s) => s.report.lies > 0).map((s) => s.source.id) };
}

const good = createMemorySource({ id: "good", priority: 1, bytes, list });
const liar = createMemorySource({ id: "liar", priority: 1, bytes, list: list.with(0, list[0]! ^ 1) });

test("ten silent sources before one that has the list cost seconds, and nobody but the liar is blamed", async () => {
  const silence = createSilence();
  const [first, ...others] = silence.sources(10);
  const { ms, liars } = await find([first!, liar, ...others, good]);
  assert.ok(ms < 6_000, `${ms} ms; they would be silent for ever`);
  assert.deepEqual(liars, ["liar"]);
  assert.deepEqual([silence.now(), silence.most()], [0, 10]); // all of them stayed asked, and none still is
});

test("a source that answers slowly is still heard while others are asked", async () => {
  const silence = createSilence();
  const slow: Source = {
    ...good,
    id: "slow",
    async open(a, o) {
      const reader = await good.open(a, o);
      return { ...reader, pieceList: () => new Promise((resolve) => setTimeout(() => resolve(list), 1_500)) };
    },
  };
  assert.ok((await find([slow, ...silence.sources(6)])).ms < 10_000);
  assert.equal(silence.now(), 0);
});

test("so many are asked at once, whoever was asked first makes room", { timeout: 60_000 }, async () => {
  const silence = createSilence();
  await find([...silence.sources(20), good]);
  assert.deepEqual([silence.now(), silence.most()], [0, 16]);
});

test(
  "where nobody has a list, one that never answers does not keep the download from beginning",
  { timeout: 60_000 },
  async () => {
    const silence = createSilence(), bare = createMemorySource({ id: "bare", priority: 1, bytes });
    assert.ok((await find([...silence.sources(1), bare], false)).ms < 30_000);
    assert.equal(silence.now(), 0);
  },
);
