// The largest height survives: other writers, damage, killed processes; and goes down on the operator's word alone.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createHeightStore } from "../../../src/chain/height-store.ts";
import { fails } from "../../support/fails.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const o = { signal: new AbortController().signal };
const chain = { kind: "evm", genesis: "0xabc", finality: "instant" } as const;
const at = (height: number) => ({
  height,
  hash: `0x${height}`,
  grownAtMs: Date.UTC(2026, 0, 1),
  blockTimeMs: 12_000,
  lookedHeight: undefined,
});

test("a height is there again, per chain, with what is known of it", async () => {
  const home = tempFolder("heights");
  const store = createHeightStore(home, chain);
  assert.equal(await store.load(), undefined);
  await store.raise(at(7), o);
  await createHeightStore(home, { ...chain, genesis: "other" }).raise(at(900), o);
  assert.deepEqual(await createHeightStore(home, chain).load(), at(7));
  assert.deepEqual(readdirSync(home).toSorted(), ["chain-heights.json"]);
});

test("a smaller height never replaces a larger one, whoever writes last", async () => {
  const store = createHeightStore(tempFolder("heights"), chain);
  await Promise.all([5, 90, 3, 89, 90, 12].map((height) => store.raise(at(height), o)));
  assert.equal((await store.load())?.height, 90);
});

test("a look is noted at the height of that moment, and raising keeps it", async () => {
  const store = createHeightStore(tempFolder("heights"), chain);
  await store.noteLook(o);
  assert.equal(await store.load(), undefined);
  await store.raise(at(7), o);
  await store.noteLook(o);
  await store.raise({ ...at(9), lookedHeight: 9 }, o);
  assert.deepEqual(await store.load(), { ...at(9), lookedHeight: 7 });
});

test("forgetting is for one chain", async () => {
  const home = tempFolder("heights"), store = createHeightStore(home, chain);
  const other = createHeightStore(home, { ...chain, kind: "simulated" });
  await store.raise(at(7), o);
  await other.raise(at(8), o);
  await store.forget(o);
  assert.equal(await store.load(), undefined);
  assert.equal((await other.load())?.height, 8);
});

test("a damaged file is an error and stays as it is", async () => {
  const home = tempFolder("heights"), store = createHeightStore(home, chain);
  await store.raise(at(7), o);
  const file = join(home, "chain-heights.json");
  const good = readFileSync(file, "utf8");
  const bad = [
    "",
    "{}",
    good.slice(0, -9),
    good.replace("7", "-7"),
    good.replace("7", "7.5"),
    good.replace("2026", "x"),
  ];
  for (const text of bad) {
    writeFileSync(file, text);
    await assert.rejects(store.load(), fails("E_STATE_CORRUPT"), text);
    await assert.rejects(store.raise(at(8), o), fails("E_STATE_CORRUPT"), text);
    assert.equal(readFileSync(file, "utf8"), text);
  }
});
