// Fetching a release from the cache and from mirrors. docs/cli.md, "download".
// What liars do to it is the business of tests/attack/, what dies on the way that of tests/fault/.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startDchat } from "../support/bundled-cli.ts";
import { saysNothing } from "../support/lying-mirror.ts";
import { createNetwork, expect, filesOf, json, PLATFORM, succeed } from "./network.ts";

const network = await createNetwork();
const mirror = await network.mirror();
const download = (home: string, ...more: string[]) => ["download", "--platform", PLATFORM, "--home", home, ...more];

/** The bytes of a release, and those of a file. */
const released = (version: string) => readFileSync(network.packageFile(version));

test("the newest of the channel is fetched when no version is named", async () => {
  const home = await network.initialised(mirror.url);
  assert.equal((await json(download(home))).version, "1.0.0");
  assert.equal((await json(download(home, "--channel", "nightly"))).version, "1.2.0");
  await succeed(["configure-auto-update", "--channel", "beta", "--home", home]);
  assert.equal((await json(download(home))).version, "1.1.0-beta.1");
});

test("a version is fetched whatever its channel, proven, and kept under its name", async () => {
  const home = await network.initialised(mirror.url);
  const { file, source, fetchedBytes, refused } = await json(download(home, "--version", "1.2.0"));
  assert.equal(file, join(home, "packages", "dchat-1.2.0-linux-x64"));
  assert.deepEqual(readFileSync(file), released("1.2.0"));
  assert.deepEqual([source, fetchedBytes, refused], [mirror.url, 40_000, []]);
  assert.deepEqual(readdirSync(join(home, "packages")), ["dchat-1.2.0-linux-x64"]);
  assert.deepEqual(readdirSync(join(home, "partial")), []);
});

test("what is there already is proven and not fetched again", async () => {
  const home = await network.initialised(mirror.url);
  await succeed(download(home));
  const { source, fetchedBytes } = await json(download(home));
  assert.deepEqual([source, fetchedBytes], ["cache", 0]);
});

test("another platform's file is named as that platform names it", async () => {
  const home = await network.initialised(mirror.url);
  const { name } = await json(["download", "--platform", "windows-x64", "--home", home]);
  assert.equal(name, "dchat-1.0.0-windows-x64.exe");
});

test("what a download may take is said by options, and a wrong one before anything is asked for", async () => {
  const home = await network.initialised(mirror.url);
  await succeed(download(home, "--max-rate-per-source", "20K", "--strategy", "failover", "--connections", "1"));
  for (
    const [option, value] of [["strategy", "both"], ["connections", "17"], ["max-rate-per-source", "fast"]] as const
  ) {
    const { stderr } = await expect(2, download(home, `--${option}`, value));
    assert.match(stderr, new RegExp(`^error E_USAGE: .*--${option}`));
  }
});

test("--output puts the proven file there too, ready to run", async () => {
  const home = await network.initialised(mirror.url);
  const output = join(network.folder, "bin", "dchat");
  assert.equal((await json(download(home, "--output", output))).file, output);
  assert.deepEqual(readFileSync(output), released("1.0.0"));
  assert.notEqual(statSync(output).mode & 0o100, 0);
  assert.deepEqual(readFileSync(join(home, "packages", "dchat-1.0.0-linux-x64")), released("1.0.0"));
});

test("--output replaces a file, and nothing else: that is said before anything is fetched", async () => {
  const own = await network.mirror();
  const home = await network.initialised(own.url);
  const folder = join(network.folder, "some folder"), pipe = join(network.folder, "pipe");
  mkdirSync(folder);
  assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
  for (const [output, told] of [[folder, "is a folder"], [pipe, "is no ordinary file"]] as const) {
    const refused = await expect(2, download(home, "--output", output));
    assert.match(refused.stderr, new RegExp(`^error E_USAGE: --output: "${output}" ${told}.*\\n {2}name `));
  }
  assert.deepEqual([own.questions.map((q) => q.path), readdirSync(folder), lstatSync(pipe).isFIFO()], [[], [], true]);
});

test("--source narrows: the cache alone asks no mirror for bytes", async () => {
  const own = await network.mirror();
  const home = await network.initialised(own.url);
  await expect(23, download(home, "--source", "cache"));
  assert.deepEqual(own.questions.filter((q) => q.path.startsWith("targets/")), []);
  assert.equal((await json(download(home, "--source", "https"))).source, own.url);
  assert.equal((await json(download(home, "--source", "cache"))).source, "cache");
  await expect(2, download(home, "--source", "ipfs"));
});

test("a release that does not exist is said so, with where it does", async () => {
  const home = await network.initialised(mirror.url);
  const absent = await expect(26, download(home, "--version", "9.9.9"));
  assert.match(absent.stderr, /^error E_NO_RELEASE: there is no signed release 9\.9\.9 for linux-x64/m);
  const foreign = await expect(26, ["download", "--platform", "plan9-mips", "--home", home]);
  assert.match(foreign.stderr, /^error E_NO_RELEASE: there is no signed release for plan9-mips on channel stable$/m);
  const elsewhere = await expect(26, ["download", "--version", "0.1.0", "--platform", "windows-x64", "--home", home]);
  assert.match(elsewhere.stderr, /it exists for: linux-x64/);
});

test("lower priority numbers are asked first, and the next one when the first has nothing", async () => {
  const first = await network.mirror(), second = await network.mirror();
  const home = await network.initialised(second.url);
  await succeed(["add-mirror", "--url", first.url, "--priority", "5", "--home", home]);
  assert.equal((await json(download(home))).source, first.url);
  await first.close();
  assert.equal((await json(download(home, "--version", "0.1.0"))).source, second.url);
});

test("a URL template is a mirror of artifacts", async () => {
  const page = await network.mirror();
  page.serve(new Map([["dl/v1.0.0/dchat-1.0.0-linux-x64", released("1.0.0")]]));
  const home = await network.initialised(mirror.url);
  const url = `${page.url}/dl/v{version}/{name}`;
  await succeed(["add-mirror", "--url", url, "--priority", "1", "--home", home]);
  const { source } = await json(download(home));
  assert.equal(source, url);
  assert.deepEqual(page.questions.map((q) => q.path), ["dl/v1.0.0/dchat-1.0.0-linux-x64"]);
  assert.equal((await json(download(home, "--version", "0.1.0"))).source, mirror.url);
});

test("what is known and not expired serves when no mirror answers", async () => {
  const own = await network.mirror();
  const home = await network.initialised(own.url);
  await succeed(download(home));
  await own.close();
  const { stdout, stderr } = await succeed(download(home));
  assert.match(stderr, /no mirror could be asked for newer metadata/);
  assert.match(stdout, /Downloaded dchat-1\.0\.0-linux-x64 from cache/);
  await expect(20, download(home, "--version", "0.1.0"));
});

test("a signal ends it at once with 130, and says so", async () => {
  const silent = await network.mirror();
  const home = await network.initialised(silent.url);
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  silent.serve(filesOf(network.repo), {
    "metadata/timestamp.json": (q) => {
      resolve();
      return saysNothing(q);
    },
  });
  const { child, outcome } = startDchat(download(home));
  await asked;
  // Not child.kill: after that Deno tells of the signal, however the program ended.
  process.kill(child.pid ?? assert.fail("it runs"), "SIGINT");
  const { code, stdout, stderr } = await outcome;
  assert.deepEqual([code, stdout], [130, ""]);
  assert.match(stderr, /^error E_INTERRUPTED: interrupted\n {2}run the same command again/m);
});
