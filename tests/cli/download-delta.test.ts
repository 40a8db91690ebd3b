// Updating from an older version that is here: what is asked of whom, and what is said of it. docs/cli.md, "download".
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { testBytes } from "../support/artifact.ts";
import { nextVersion } from "../support/deltas.ts";
import { gives, type LyingMirror } from "../support/lying-mirror.ts";
import { createNetwork, expect, filesOf, json, PLATFORM, succeed } from "./network.ts";

const PIECE_BYTES = 1 << 20;
const network = await createNetwork();
const older = testBytes(4 * PIECE_BYTES + 999, "version 2.0.0");
older.set([0x7f, 0x45, 0x4c, 0x46]); // a program: "\x7fELF"
const newer = nextVersion(older);
for (const [version, bytes] of [["2.0.0", older], ["2.1.0", newer]] as const) {
  const file = join(network.folder, version);
  writeFileSync(file, bytes);
  await succeed(["release", "add", network.repo, file, "--version", version, "--platform", PLATFORM]);
}
await succeed(["release", "publish", network.repo, "--key", network.key]);
const files = filesOf(network.repo);
const [deltaFile = ""] = [...files.keys()].filter((path) => path.endsWith(".delta"));
const [newerFile = ""] = [...files.keys()].filter((path) => path.endsWith("dchat-2.1.0-linux-x64"));
const deltaBytes = files.get(deltaFile)?.length ?? 0;

/** A home that has 2.0.0, and the mirrors it knows, which have counted nothing yet. */
async function updating(mirrors = 1): Promise<{ home: string; asked: LyingMirror[] }> {
  const asked = await Promise.all(Array.from({ length: mirrors }, () => network.mirror()));
  const home = await network.initialised(...asked.map((m) => m.url));
  await succeed(download(home, "--version", "2.0.0"));
  for (const mirror of asked) mirror.serve(files);
  return { home, asked };
}

const download = (home: string, ...more: string[]) => ["download", "--platform", PLATFORM, "--home", home, ...more];
const packageOf = (home: string, version: string) => join(home, "packages", `dchat-${version}-${PLATFORM}`);
/** What was asked for below `targets/`, each once. */
const targets = (
  mirror: LyingMirror,
) => [...new Set(mirror.questions.map((q) => q.path).filter((path) => path.startsWith("targets/")))];

test("an update fetches the delta and nothing of the artifact, says so, and is proven", async () => {
  const { home, asked: [mirror] } = await updating();
  const got = await json(download(home, "--version", "2.1.0"));
  assert.deepEqual(readFileSync(packageOf(home, "2.1.0")), Buffer.from(newer));
  assert.deepEqual(targets(mirror!), [deltaFile]);
  assert.equal(got.fetchedBytes, deltaBytes);
  assert.equal(got.reusedBytes, newer.length - deltaBytes);
  assert.ok(deltaBytes < newer.length / 20);
  const [report] = got.sources.filter((s: { pieces: number }) => s.pieces > 0);
  assert.deepEqual([report.id, report.madeFrom, report.bytes, report.pieces], [mirror!.url, "2.0.0", deltaBytes, 5]);
});

test("an older version that is installed and no longer in the cache is built upon as well", async () => {
  const { home, asked: [mirror] } = await updating();
  const folder = join(home, "versions", "2.0.0");
  mkdirSync(folder, { recursive: true });
  renameSync(packageOf(home, "2.0.0"), join(folder, "dchat"));
  const got = await json(download(home, "--version", "2.1.0"));
  assert.deepEqual(targets(mirror!), [deltaFile]);
  assert.equal(got.reusedBytes, newer.length - deltaBytes);
  const again = await json(download(home, "--version", "2.0.0"));
  assert.equal(again.source, "cache");
  assert.ok(!targets(mirror!).some((path) => path.endsWith("dchat-2.0.0-linux-x64")));
});

test("people see what was reused", async () => {
  const { home } = await updating();
  const { stdout } = await succeed(download(home, "--version", "2.1.0"));
  assert.match(stdout, /^ {3}\d+ B fetched, 4\.2 MB reused from 2\.0\.0$/m);
  assert.match(stdout, /5 pieces +\d+ B +patches/);
});

test("--no-reuse, another version and a first download fetch all of it and say nothing of deltas", async () => {
  const { home, asked: [mirror] } = await updating();
  const got = await json(download(home, "--version", "2.1.0", "--no-reuse"));
  assert.deepEqual([got.reusedBytes, got.fetchedBytes >= newer.length], [0, true]);
  assert.ok(!targets(mirror!).includes(deltaFile));
  const fresh = await network.initialised(mirror!.url);
  const first = await succeed(download(fresh, "--version", "2.1.0"));
  assert.ok(!/delta|reuse|built/.test(first.stdout + first.stderr), first.stdout + first.stderr);
  assert.deepEqual(readFileSync(packageOf(fresh, "2.1.0")), Buffer.from(newer));
});

test("--source cache asks no mirror for a delta", async () => {
  const { home, asked: [mirror] } = await updating();
  await expect(23, download(home, "--version", "2.1.0", "--source", "cache"));
  assert.deepEqual(targets(mirror!), []);
});

test("a mirror without the delta gives the artifact; one that has it gives the delta, whatever their priorities", async () => {
  const { home, asked: [mirror] } = await updating();
  const without = new Map(files);
  without.delete(deltaFile);
  mirror!.serve(without);
  const alone = await json(download(home, "--version", "2.1.0"));
  assert.equal(alone.reusedBytes, 0);
  assert.deepEqual(readFileSync(packageOf(home, "2.1.0")), Buffer.from(newer));

  const two = await updating(2);
  two.asked[0]!.serve(without);
  const got = await json(download(two.home, "--version", "2.1.0"));
  assert.equal(got.reusedBytes, newer.length - deltaBytes);
  assert.ok(!targets(two.asked[0]!).includes(newerFile));
});

test("a mirror that alters a delta is named in the alerts, and another one gives it", async () => {
  for (const at of [20, deltaBytes - 5]) { // in the head, in the last patch
    const { home, asked: [liar, honest] } = await updating(2);
    liar!.serve(files, { [deltaFile]: gives((bytes) => Uint8Array.from(bytes).with(at, bytes[at]! ^ 1)) });
    const got = await json(download(home, "--version", "2.1.0"));
    assert.deepEqual(readFileSync(packageOf(home, "2.1.0")), Buffer.from(newer));
    if (liar!.questions.some((q) => q.path === deltaFile)) {
      const { alerts } = await json(["alerts", "--home", home]);
      assert.ok(alerts.every((a: { source: string }) => a.source === liar!.url), JSON.stringify(alerts));
    }
    assert.ok(!got.refused.some((r: { source: string }) => r.source === honest!.url));
  }
});

test("the only mirror alters the delta: it is refused for that, and its artifact is proven on its own", async () => {
  const { home, asked: [liar] } = await updating();
  liar!.serve(files, { [deltaFile]: gives((bytes) => Uint8Array.from(bytes).with(20, bytes[20]! ^ 1)) });
  const got = await json(download(home, "--version", "2.1.0"));
  assert.deepEqual(readFileSync(packageOf(home, "2.1.0")), Buffer.from(newer));
  assert.deepEqual(got.refused.map((r: { source: string; code: string }) => [r.source, r.code]), [
    [liar!.url, "E_HASH_MISMATCH"],
  ]);
  const { alerts } = await json(["alerts", "--home", home]);
  assert.deepEqual(alerts.map((a: { source: string }) => a.source), [liar!.url]);
});

test("an older version that is damaged here breaks nothing and blames nobody", async () => {
  for (
    const change of [
      (bytes: Uint8Array) => bytes.fill(0, 2 * PIECE_BYTES),
      (bytes: Uint8Array) => bytes.fill(0),
      (bytes: Uint8Array) => bytes.subarray(1),
    ]
  ) {
    const { home } = await updating();
    writeFileSync(packageOf(home, "2.0.0"), change(Uint8Array.from(older)));
    const got = await json(download(home, "--version", "2.1.0"));
    assert.deepEqual(readFileSync(packageOf(home, "2.1.0")), Buffer.from(newer));
    assert.deepEqual(got.refused, []);
    assert.deepEqual((await json(["alerts", "--home", home])).alerts, []);
  }
});

test("of an older version that is damaged in one place, the piece made of it is fetched and all others are not", async () => {
  for (const place of [0, 2]) {
    const { home } = await updating();
    const damaged = Uint8Array.from(older);
    damaged[place * PIECE_BYTES + 1000]! ^= 1;
    writeFileSync(packageOf(home, "2.0.0"), damaged);
    const got = await json(download(home, "--version", "2.1.0"));
    assert.deepEqual(readFileSync(packageOf(home, "2.1.0")), Buffer.from(newer));
    const most = PIECE_BYTES + 2 * deltaBytes;
    assert.ok(got.fetchedBytes <= most, `${got.fetchedBytes} bytes were fetched for piece ${place}, not ${most}`);
    assert.deepEqual(got.refused, []);
  }
});

test("--max-rate counts what comes over the network, not what is made here", async () => {
  const { home } = await updating();
  const start = performance.now();
  await succeed(download(home, "--version", "2.1.0", "--max-rate", "50K"));
  // Four megabytes take 84 seconds at that rate, the delta none.
  assert.ok(performance.now() - start < 60_000);
});
