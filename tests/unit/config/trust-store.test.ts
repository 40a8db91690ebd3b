// Trust on disk only goes forward, survives damage loudly, and keeps whole sets. Through both stores.
import assert from "node:assert/strict";
import { readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { createFolderTrustStore, createHomeTrustStore } from "../../../src/config/trust-store.ts";
import { UpdateError } from "../../../src/errors.ts";
import { quoteRole } from "../../../src/fetch/refresh.ts";
import { isComplete, pinRoot } from "../../../src/trust/client.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { strictClock, updated } from "../../support/trust-client.ts";
import { createTufRepository } from "../../support/tuf-repository.ts";

const folder = tempFolder("trust-store");
after(() => rm(folder, { recursive: true, force: true }));
const o = { signal: new AbortController().signal };
let count = 0;
const fresh = () => join(folder, String(count++));

function twoStates(seed: string) {
  const repo = createTufRepository({ seed });
  const clock = strictClock(repo.nowMs);
  const older = updated(pinRoot(repo.pinnedRoot), repo.files(), clock);
  repo.publish();
  return { repo, clock, older, newer: updated(older, repo.files(), clock) };
}

test("the home's file gives back what was saved, and an older state never replaces a newer one", async () => {
  const { older, newer } = twoStates("home");
  const store = createHomeTrustStore(join(fresh(), "state.json"));
  assert.equal(await store.load(), undefined);
  await store.save(newer, "complete", o);
  await store.save(older, "complete", o);
  const loaded = await store.load();
  assert.equal(loaded?.timestamp?.signed.version, newer.timestamp?.signed.version);
  assert.equal(loaded !== undefined && isComplete(loaded), true);
});

test("an incomplete state changes the home's file only by its roots", async () => {
  const { repo, clock, newer } = twoStates("incomplete");
  const store = createHomeTrustStore(join(fresh(), "state.json"));
  await store.save(newer, "complete", o);
  repo.publishRoot();
  repo.publish();
  const next = updated(newer, repo.files(), clock);
  await store.save({ ...next, targets: new Map() }, "incomplete", o);
  const loaded = await store.load();
  assert.equal(loaded?.root.signed.version, 2);
  assert.equal(loaded?.rootChain.length, 2);
  assert.equal(loaded?.timestamp?.signed.version, newer.timestamp?.signed.version);
  assert.equal(loaded?.targets.size, 1);
});

test("after a rotation of the timestamp key the home's file keeps nothing the old key signed", async () => {
  const { repo, clock, newer } = twoStates("rotated");
  const store = createHomeTrustStore(join(fresh(), "state.json"));
  await store.save(newer, "complete", o);
  repo.rotate("timestamp");
  repo.publish();
  const next = updated(newer, repo.files(), clock);
  await store.save({ ...next, timestamp: undefined, snapshot: undefined, targets: new Map() }, "incomplete", o);
  const loaded = await store.load();
  assert.equal(loaded?.root.signed.version, 2);
  assert.equal(loaded?.timestamp, undefined);
});

test("a damaged file is an error, not a new beginning", async () => {
  const file = fresh();
  const store = createHomeTrustStore(file);
  for (const damage of ["", "{", '{"format":"dchat-trust-1","roots":[],"targets":{}}', '{"format":"other"}']) {
    await writeFile(file, damage);
    await assert.rejects(store.load(), (e) => e instanceof UpdateError && e.code === "E_STATE_CORRUPT", damage);
    await assert.rejects(store.load(), { hint: /pin the root again with `init --force`/ });
  }
  await truncate(file, 65 << 20); // more than is ever written
  await assert.rejects(store.load(), { code: "E_STATE_CORRUPT", hint: /init --force/ });
});

test("the folder keeps plain names, also for delegated roles with strange ones", async () => {
  const repo = createTufRepository({ seed: "folder" });
  for (const name of ["../up", "a/b", "?"]) repo.delegate({ name });
  repo.addTarget("x", new Uint8Array([1]), { role: "?" });
  repo.publish();
  const state = updated(pinRoot(repo.pinnedRoot), repo.files(), strictClock(repo.nowMs), "nowhere");
  const dir = fresh();
  const store = createFolderTrustStore(dir, quoteRole);
  await store.save(state, "complete", o);
  assert.deepEqual((await readdir(dir)).sort(), [
    "%3F.json",
    "..%2Fup.json",
    "a%2Fb.json",
    "root.json",
    "snapshot.json",
    "targets.json",
    "timestamp.json",
  ]);
  assert.deepEqual(new Uint8Array(await readFile(join(dir, "timestamp.json"))), repo.bytes("timestamp"));
  assert.deepEqual([...(await store.load())?.targets.keys() ?? []].sort(), ["../up", "?", "a/b", "targets"]);
});

test("the folder deletes what a rotated key signed, and keeps the newer of two states", async () => {
  const { repo, older, newer } = twoStates("folder rotation");
  const dir = fresh();
  const store = createFolderTrustStore(dir, quoteRole);
  await store.save(newer, "complete", o);
  await store.save(older, "complete", o);
  assert.equal((await store.load())?.timestamp?.signed.version, newer.timestamp?.signed.version);
  repo.rotate("snapshot");
  const rotated = { ...newer, ...pinRoot(repo.bytes("root")) };
  await store.save(rotated, "incomplete", o);
  assert.deepEqual((await readdir(dir)).sort(), ["root.json", "targets.json"]);
});
