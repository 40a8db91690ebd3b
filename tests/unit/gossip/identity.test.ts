import assert from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadIdentity } from "../../../src/gossip/identity.ts";
import { fails } from "../../support/fails.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const folder = tempFolder("identity");
after(() => rmSync(folder, { recursive: true, force: true }));
const o = { signal: new AbortController().signal };
let count = 0;
const fresh = () => join(folder, String(count++), "identity.pem");
const onUnix = { skip: process.platform === "win32" ? "Windows has other rights" : false };

test("the key is made once, stays, and is the owner's alone", onUnix, async () => {
  const file = fresh();
  const key = await loadIdentity(file, o);
  assert.equal(key.length, 64);
  assert.deepEqual(await loadIdentity(file, o), key);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.match(readFileSync(file, "utf8"), /^-----BEGIN PRIVATE KEY-----\n/);
  assert.deepEqual(readdirSync(join(file, "..")), ["identity.pem"], "nothing is left beside it");
});

test("who starts at the same time gets the same key", async () => {
  const file = fresh();
  const [a, ...others] = await Promise.all([1, 2, 3, 4].map(() => loadIdentity(file, o)));
  for (const other of others) assert.deepEqual(other, a);
});

test("a key that others can read is refused, not used", onUnix, async () => {
  const file = fresh();
  await loadIdentity(file, o);
  chmodSync(file, 0o640);
  await assert.rejects(loadIdentity(file, o), fails("E_STATE_CORRUPT", "can be read by others"));
});

test("what is no such key is refused and left alone", async () => {
  const file = fresh();
  await loadIdentity(file, o);
  writeFileSync(file, "something else");
  await assert.rejects(loadIdentity(file, o), fails("E_STATE_CORRUPT", "is no Ed25519 key"));
  assert.equal(readFileSync(file, "utf8"), "something else");
});
