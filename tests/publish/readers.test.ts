// What readers see while a maintainer publishes: the folder is recorded after every single write, and readers look at
// every moment and at every pair of moments (slow ones, whose next question comes after more writes).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { publish, type PublishReport } from "../../src/publish/publish.ts";
import { createRepositoryFiles, type RepositoryFiles } from "../../src/publish/repository.ts";
import type { TrustState } from "../../src/trust/client.ts";
import { createMaintainer, type Maintainer, publishedFiles } from "./maintainer.ts";
import {
  type Files,
  pinned,
  readAll,
  readBundleOf,
  readRest,
  readRoots,
  readTimestamp,
  releasesOf,
  versionsOf,
} from "./reader.ts";

/** Publishes and records what readers could have got after each write, the first moment being before it. */
async function recordPublish(
  m: Maintainer,
  keys: string[],
  what: "staged" | "refresh" = "staged",
): Promise<{ moments: Files[]; report: PublishReport }> {
  const inner = createRepositoryFiles(m.path("repo"));
  const moments: Files[] = [await publishedFiles(inner.folder)];
  const look = async () => {
    const files = await publishedFiles(inner.folder);
    // What happens in staging/ changes nothing that readers see.
    if (!isDeepStrictEqual(files, moments.at(-1))) moments.push(files);
  };
  const recording: RepositoryFiles = {
    ...inner,
    write: (path, bytes) => inner.write(path, bytes).then(look),
    remove: (path) => inner.remove(path).then(look),
  };
  const report = await publish(recording, {
    what,
    signers: await m.signer(...keys),
    nowMs: m.nowMs,
    lifetimes: {},
    renew: new Set(what === "refresh" ? ["timestamp"] as const : []),
    signal: AbortSignal.timeout(60_000),
  });
  return { moments, report };
}

/** @param from states readers had before: each, and one who knows only the first root, must get through */
function assertAlwaysReadable(moments: readonly Files[], nowMs: number, from: readonly TrustState[] = []): void {
  const last = moments.length - 1;
  moments.forEach((files, i) => {
    if (files.has("bundle.json")) readBundleOf(files, nowMs);
    if (!files.has("metadata/timestamp.json")) return;
    for (const state of [pinned(files), ...from]) {
      readAll(state, files, nowMs);
      // A slow reader: roots now, the timestamp at a later moment, the rest at the end.
      const roots = readRoots(state, files);
      for (let j = i; j <= last; j++) {
        const later = moments[j];
        const final = moments[last];
        assert.ok(later !== undefined && final !== undefined);
        readRest(readTimestamp(roots, later, nowMs), final, nowMs);
      }
    }
  });
}

async function withRelease(init: string, keys: string[]): Promise<Maintainer> {
  const m = createMaintainer();
  for (const key of new Set(init.match(/\w+(?=\.pem)/g))) await m.keygen(key);
  await m.run(`init repo --network testnet ${init}`);
  await m.run("add repo --version 1.0.0 --platform linux-x64", await m.file("dchat"));
  await m.run("publish repo", ...keys.flatMap((k) => ["--key", `${k}.pem`]));
  return m;
}

const ALL_ROLES = "--root-key r.pem --release-key t.pem --snapshot-key s.pem --timestamp-key c.pem";

describe("a reader at any moment", () => {
  test("of the first publication sees nothing or all of it", async () => {
    await using m = createMaintainer();
    await m.keygen("k");
    await m.run("init repo --network testnet --key k.pem");
    await m.run("add repo --version 1.0.0 --platform linux-x64", await m.file("dchat"));
    const { moments, report } = await recordPublish(m, ["k"]);
    assert.deepEqual(report.written, [
      "metadata/1.targets.json",
      "metadata/1.snapshot.json",
      "metadata/1.root.json",
      "metadata/timestamp.json",
      "bundle.json",
    ]);
    assertAlwaysReadable(moments, m.nowMs);
    assert.deepEqual(releasesOf(readBundleOf(moments.at(-1) ?? new Map(), m.nowMs), m.nowMs), ["1.0.0 linux-x64"]);
  });

  test("of the next release sees the old list or the new one", async () => {
    await using m = await withRelease("--key k.pem", ["k"]);
    const before = await publishedFiles(m.path("repo"));
    const state = readAll(pinned(before), before, m.nowMs);
    await m.run("add repo --version 1.1.0 --platform linux-x64", await m.file("dchat2"));
    const { moments, report } = await recordPublish(m, ["k"]);
    assert.equal(report.hadGap, false);
    assertAlwaysReadable(moments, m.nowMs, [state]);
    const seen = new Set(moments.map((f) => releasesOf(readAll(state, f, m.nowMs), m.nowMs).join()));
    assert.deepEqual([...seen], ["1.0.0 linux-x64", "1.1.0 linux-x64,1.0.0 linux-x64"]);
  });

  test("of a refresh sees the old timestamp or the new one, and no staged release", async () => {
    await using m = await withRelease("--key k.pem", ["k"]);
    const before = await publishedFiles(m.path("repo"));
    const state = readAll(pinned(before), before, m.nowMs);
    await m.run("add repo --version 1.1.0 --platform linux-x64", await m.file("dchat2"));
    const { moments, report } = await recordPublish(m, ["k"], "refresh");
    assert.deepEqual(report.written, ["metadata/timestamp.json", "bundle.json"]);
    assertAlwaysReadable(moments, m.nowMs, [state]);
    const after = readAll(state, moments.at(-1) ?? new Map(), m.nowMs);
    assert.deepEqual(versionsOf(after), { root: 1, targets: 1, snapshot: 1, timestamp: 2 });
    // The staged release is still there to be published.
    const { report: next } = await recordPublish(m, ["k"]);
    assert.deepEqual(next.versions, { root: 1, targets: 2, snapshot: 2, timestamp: 3 });
  });

  const rotations: [role: string, options: string, keys: string[], written: string[]][] = [
    ["root", "--root-key r2.pem", ["r"], ["metadata/2.root.json", "bundle.json"]],
    ["timestamp", "--timestamp-key c2.pem", ["r", "c", "c2"], [
      "metadata/timestamp.json",
      "metadata/2.root.json",
      "bundle.json",
    ]],
    ["snapshot", "--snapshot-key s2.pem", ["r", "s", "s2", "c"], [
      "metadata/2.snapshot.json",
      "metadata/timestamp.json",
      "metadata/2.root.json",
      "bundle.json",
    ]],
    ["release", "--release-key t2.pem", ["r", "t", "t2", "s", "c"], [
      "metadata/2.targets.json",
      "metadata/2.snapshot.json",
      "metadata/timestamp.json",
      "metadata/2.root.json",
      "bundle.json",
    ]],
    [
      "every",
      "--root-key r2.pem --release-key t2.pem --snapshot-key s2.pem --timestamp-key c2.pem",
      ["r", "t", "s", "c", "t2", "s2", "c2"],
      [
        "metadata/2.targets.json",
        "metadata/2.snapshot.json",
        "metadata/timestamp.json",
        "metadata/2.root.json",
        "bundle.json",
      ],
    ],
    ["no", "--release-threshold 1", ["r"], ["metadata/2.root.json", "bundle.json"]],
  ];
  for (const [role, options, keys, written] of rotations) {
    test(`of a new root with other keys for ${role} role sees a valid repository, when the old keys sign too`, async () => {
      await using m = await withRelease(ALL_ROLES, ["r", "t", "s", "c"]);
      const before = await publishedFiles(m.path("repo"));
      const state = readAll(pinned(before), before, m.nowMs);
      for (const name of options.match(/\w+(?=\.pem)/g) ?? []) await m.keygen(name);
      await m.run(`rotate-root repo ${options}`);
      const { moments, report } = await recordPublish(m, keys);
      assert.deepEqual(report.written, written);
      assert.equal(report.hadGap, false);
      assertAlwaysReadable(moments, m.nowMs, [state]);
      const after = readAll(state, moments.at(-1) ?? new Map(), m.nowMs);
      assert.equal(after.root.signed.version, 2);
      assert.deepEqual(releasesOf(after, m.nowMs), ["1.0.0 linux-x64"]);
    });
  }

  test("of two new roots in a row, from any of the three, sees a valid repository", async () => {
    await using m = await withRelease("--key k.pem", ["k"]);
    const before = await publishedFiles(m.path("repo"));
    const first = readAll(pinned(before), before, m.nowMs);
    await m.keygen("k2");
    await m.keygen("k3");
    await m.run("rotate-root repo --key k2.pem");
    const one = await recordPublish(m, ["k", "k2"]);
    const second = readAll(first, one.moments.at(-1) ?? new Map(), m.nowMs);
    await m.run("rotate-root repo --key k3.pem");
    const two = await recordPublish(m, ["k2", "k3"]);
    assert.deepEqual([one.report.hadGap, two.report.hadGap], [false, false]);
    assertAlwaysReadable(two.moments, m.nowMs, [first, second]);
  });

  test("of a new root whose old timestamp key is lost finds its way once it is complete, and the gap is told", async () => {
    await using m = await withRelease(ALL_ROLES, ["r", "t", "s", "c"]);
    const before = await publishedFiles(m.path("repo"));
    const state = readAll(pinned(before), before, m.nowMs);
    await m.keygen("c2");
    await m.run("rotate-root repo --timestamp-key c2.pem");
    const { moments, report } = await recordPublish(m, ["r", "c2"]);
    assert.deepEqual(report.written, ["metadata/2.root.json", "metadata/timestamp.json", "bundle.json"]);
    assert.equal(report.hadGap, true);
    for (const from of [state, pinned(before)]) {
      // Whoever sees the new timestamp can already find the root that explains it.
      const broken = moments.filter((f) => f.has("metadata/2.root.json")).slice(0, 1);
      for (const files of moments.filter((f) => !broken.includes(f))) readAll(from, files, m.nowMs);
    }
  });
});
