// Keeping a repository alive: refreshing, warnings before something runs out, pruning.
import assert from "node:assert/strict";
import { readdir, readFile, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { isJsonObject } from "../../src/trust/json.ts";
import { fails } from "../support/fails.ts";
import { createMaintainer, type Maintainer, publishedFiles } from "./maintainer.ts";
import { pinned, readAll, readBundleOf, releasesOf, versionsOf } from "./reader.ts";

const DAY_MS = 86_400_000;

async function withReleases(versions: string[], init = "--key k.pem"): Promise<Maintainer> {
  const m = createMaintainer();
  for (const key of new Set(init.match(/\w+(?=\.pem)/g))) await m.keygen(key);
  await m.run(`init repo --network testnet ${init}`);
  for (const version of versions) {
    await m.run(`add repo --version ${version} --platform linux-x64`, await m.file(`dchat-${version}`));
  }
  await m.run("publish repo", ...(init.match(/\w+\.pem/g) ?? []).flatMap((key) => ["--key", key]));
  return m;
}

const read = async (m: Maintainer) => {
  const files = await publishedFiles(m.path("repo"));
  return readAll(pinned(files), files, m.nowMs);
};

async function fieldOf(m: Maintainer, path: string, field: string): Promise<unknown> {
  const document = JSON.parse(await readFile(m.path("repo", path), "utf8"));
  assert.ok(isJsonObject(document.signed));
  return document.signed[field];
}

describe("refreshing", () => {
  test("signs the timestamp alone, with its key alone, until the snapshot is due", async () => {
    await using m = await withReleases(["1.0.0"], "--root-key r.pem --release-key t.pem --snapshot-key s.pem");
    m.nowMs += 10 * DAY_MS;
    await m.run("refresh repo --key s.pem");
    assert.deepEqual(versionsOf(await read(m)), { root: 1, targets: 1, snapshot: 1, timestamp: 2 });
    m.nowMs += 13 * DAY_MS; // 7 of the snapshot's 30 days are left
    await m.run("refresh repo --key s.pem");
    assert.deepEqual(versionsOf(await read(m)), { root: 1, targets: 1, snapshot: 2, timestamp: 3 });
    await m.run("refresh repo --snapshot --key s.pem");
    assert.deepEqual(versionsOf(await read(m)), { root: 1, targets: 1, snapshot: 3, timestamp: 4 });
    await assert.rejects(m.run("refresh repo --key t.pem"), fails("E_THRESHOLD", "timestamp 5 has 0 of 1"));
    readBundleOf(await publishedFiles(m.path("repo")), m.nowMs);
  });

  test("revives a repository whose timestamp and snapshot have expired", async () => {
    await using m = await withReleases(["1.0.0"]);
    m.nowMs += 40 * DAY_MS;
    await assert.rejects(read(m), fails("E_EXPIRED"));
    await m.run("refresh repo --key k.pem");
    assert.deepEqual(releasesOf(await read(m), m.nowMs), ["1.0.0 linux-x64"]);
  });

  test("of the list of artifacts revives it as well, and publishes what is staged", async () => {
    await using m = await withReleases(["1.0.0"]);
    m.nowMs += 200 * DAY_MS;
    await assert.rejects(m.run("refresh repo --key k.pem"), (e: Error) => {
      fails("E_EXPIRED")(e);
      return "hint" in e && /refresh --targets/.test(String(e.hint));
    });
    await m.run("refresh repo --targets --key k.pem");
    assert.deepEqual(versionsOf(await read(m)), { root: 1, targets: 2, snapshot: 2, timestamp: 2 });
  });

  test("of the root is a rotation that changes nothing else", async () => {
    await using m = await withReleases(["1.0.0"]);
    m.nowMs += 360 * DAY_MS;
    await m.run("rotate-root repo");
    await m.run("refresh repo --targets --key k.pem");
    assert.deepEqual(versionsOf(await read(m)), { root: 2, targets: 2, snapshot: 2, timestamp: 2 });
    m.nowMs += 100 * DAY_MS;
    await m.run("refresh repo --key k.pem");
    await read(m);
  });

  test("keeps the lifetimes a repository was given, until others are given", async () => {
    await using m = await withReleases(["1.0.0"], "--key k.pem --targets-expires-days 50 --root-expires-days 1000");
    await m.run("refresh repo --key k.pem --timestamp-expires-days 3");
    await m.run("refresh repo --key k.pem --snapshot");
    const expiry = async (path: string) =>
      Math.round((Date.parse(String(await fieldOf(m, path, "expires"))) - m.nowMs) / DAY_MS);
    assert.equal(await expiry("metadata/timestamp.json"), 3);
    assert.equal(await expiry("metadata/2.snapshot.json"), 30);
    assert.equal(await expiry("metadata/1.targets.json"), 50);
    assert.equal(await expiry("metadata/1.root.json"), 1000);
    await assert.rejects(m.run("refresh repo --key k.pem --timestamp-expires-days 0"), fails("E_USAGE"));
  });
});

describe("every release command", () => {
  test("warns in the last quarter of a lifetime, and names the command that renews it", async () => {
    await using m = await withReleases(["1.0.0"]);
    const warnings = async () => (await m.run("prune repo")).notes.split("\n").filter((line) => line !== "");
    assert.deepEqual(await warnings(), []);
    m.nowMs += 11 * DAY_MS;
    const [timestamp, ...others] = await warnings();
    assert.match(timestamp ?? "", /published timestamp expires at .*: renew it with `release refresh`/);
    assert.deepEqual(others, []);
    m.nowMs += 12 * DAY_MS;
    assert.match((await warnings()).join(), /snapshot expires.*`release refresh --snapshot`.*timestamp has expired/s);
    m.nowMs += 113 * DAY_MS;
    assert.match((await warnings()).join(), /targets expires.*`release refresh --targets`/);
    m.nowMs += 140 * DAY_MS;
    assert.match((await warnings()).join(), /root expires.*`release rotate-root`/);
  });
});

/** Makes files look as if they had been written that long ago. */
async function age(m: Maintainer, ms: number): Promise<void> {
  for (const entry of await readdir(m.path("repo"), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const time = new Date((await stat(file)).mtimeMs - ms);
    await utimes(file, time, time);
  }
}

const artifacts = async (m: Maintainer) => (await readdir(m.path("repo", "targets", "dchat"))).sort();

describe("pruning", () => {
  test("takes old releases out of the list, and their files away after the grace", async () => {
    await using m = await withReleases(["1.0.0", "1.1.0", "2.0.0-rc.1", "2.0.0"]);
    const pruned = await m.run("prune repo --keep 2");
    assert.deepEqual(pruned.json, { droppedVersions: ["1.1.0", "1.0.0"], stagedTargetsVersion: 2, removed: [] });
    assert.deepEqual((await artifacts(m)).length, 4);
    await m.run("publish repo --key k.pem");
    assert.deepEqual(releasesOf(await read(m), m.nowMs), ["2.0.0 linux-x64", "2.0.0-rc.1 linux-x64"]);
    assert.deepEqual((await m.run("prune repo")).json.removed, []);
    await age(m, DAY_MS - 60_000);
    assert.deepEqual((await m.run("prune repo")).json.removed, [], "a reader of the old list may still be at it");
    await age(m, 120_000);
    const removed = await m.run("prune repo");
    assert.equal(removed.json.removed.length, 4);
    assert.deepEqual(await artifacts(m), ["2.0.0", "2.0.0-rc.1"]);
    assert.deepEqual((await readdir(m.path("repo", "metadata"))).sort(), [
      "1.root.json",
      "2.snapshot.json",
      "2.targets.json",
      "timestamp.json",
    ]);
    assert.deepEqual(releasesOf(await read(m), m.nowMs), ["2.0.0 linux-x64", "2.0.0-rc.1 linux-x64"]);
    await m.run("publish repo --key k.pem");
  });

  test("by version drops that one, and refuses one that is not there", async () => {
    await using m = await withReleases(["1.0.0", "1.1.0"]);
    await assert.rejects(m.run("prune repo --version 9.9.9"), fails("E_USAGE", "9.9.9"));
    await assert.rejects(m.run("prune repo --keep 1 --version 1.0.0"), fails("E_USAGE", "exclude"));
    await m.run("prune repo --version 1.1.0");
    await m.run("publish repo --key k.pem");
    assert.deepEqual(releasesOf(await read(m), m.nowMs), ["1.0.0 linux-x64"]);
  });

  test("keeps what is staged, every root, and everything when nothing is old", async () => {
    await using m = await withReleases(["1.0.0"]);
    await m.run("rotate-root repo");
    await m.run("publish repo --key k.pem");
    await m.run("add repo --version 1.1.0 --platform linux-x64", await m.file("next"));
    await age(m, 1000 * DAY_MS);
    const { json } = await m.run("prune repo --keep 5");
    assert.deepEqual(json, { droppedVersions: [], stagedTargetsVersion: null, removed: [] });
    await m.run("publish repo --key k.pem");
    assert.deepEqual(releasesOf(await read(m), m.nowMs), ["1.1.0 linux-x64", "1.0.0 linux-x64"]);
    assert.equal((await read(m)).root.signed.version, 2);
  });

  test("counts the grace from when something newer took a file's place, not from when it was written", async () => {
    await using m = await withReleases(["1.0.0", "1.1.0"]);
    await age(m, 1000 * DAY_MS); // published long ago, replaced just now
    await m.run("prune repo --keep 1");
    await m.run("publish repo --key k.pem");
    assert.deepEqual((await m.run("prune repo")).json.removed, []);
    m.nowMs = Date.now();
    assert.equal((await m.run("prune repo --grace-hours 0")).json.removed.length, 3);
  });

  test("removes what an interrupted copy left and artifacts that were never published, once they are old", async () => {
    await using m = await withReleases(["1.0.0"]);
    await m.file("repo/targets/dchat/1.0.0/.half.0123456789ab.dchat-tmp");
    await m.file(`repo/targets/dchat/0.9.0/${"0".repeat(64)}.dchat-0.9.0-linux-x64`);
    assert.deepEqual((await m.run("prune repo")).json.removed, []);
    await age(m, 2 * DAY_MS);
    assert.equal((await m.run("prune repo")).json.removed.length, 2);
    assert.deepEqual(await artifacts(m), ["1.0.0"]);
  });
});
