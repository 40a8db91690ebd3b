// install, activate, rollback, status and gc through the bundled file. docs/activation.md, "The switch".
import assert from "node:assert/strict";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { runtimes } from "../runtimes/runtimes.ts";
import { testBytes } from "../support/artifact.ts";
import { createGovernedRepository } from "../support/governed-repository.ts";
import { runBundle } from "../support/release-fixture.ts";
import { createSmallDisks, fillDisk } from "../support/small-disk.ts";
import { createNetwork, expect, json, PLATFORM, succeed } from "./network.ts";

const network = await createNetwork();
const mirror = await network.mirror();
const disks = createSmallDisks();
after(disks.remove);

const current = (home: string) => JSON.parse(readFileSync(join(home, "current.json"), "utf8"));
const program = (home: string, version: string) => join(home, "versions", version, "dchat");

/** A home where 0.1.0 runs and 1.0.0 is installed. */
async function installed(): Promise<string> {
  const home = await network.initialised(mirror.url);
  await succeed(["install", "--version", "0.1.0", "--home", home]);
  await succeed(["install", "--version", "1.0.0", "--home", home]);
  return home;
}

test("the first installation activates, a later one waits for a word, and rollback leads back", async () => {
  const home = await installed(), at = ["--home", home];
  assert.equal(current(home).version, "0.1.0");
  assert.equal(lstatSync(program(home, "1.0.0")).mode & 0o777, 0o555);
  assert.deepEqual(readFileSync(program(home, "1.0.0")), readFileSync(network.packageFile("1.0.0")));
  const activated = await json(["activate", ...at]);
  assert.deepEqual([activated.version, activated.previousVersion, activated.by], [
    "1.0.0",
    "0.1.0",
    "release-signatures",
  ]);
  assert.equal(readlinkSync(join(home, "current")), join("versions", "1.0.0"));
  assert.equal((await json(["activate", "--version", "1.0.0", ...at])).changed, false);
  assert.equal((await json(["check", ...at])).current, "1.0.0");
  await expect(2, ["activate", "--version", "0.1.0", ...at]); // that is what rollback is for
  assert.equal((await json(["rollback", ...at])).version, "0.1.0");
  assert.equal(current(home).version, "0.1.0");
  const { failed, switching } = await json(["status", ...at]);
  assert.deepEqual([failed[0].version, switching], ["1.0.0", null]);
  await expect(45, ["rollback", ...at]); // there is nothing before it
  await succeed(["activate", "--version", "1.0.0", ...at]); // the operator's word lets it be tried again
  assert.deepEqual((await json(["status", ...at])).failed, []);
});

for (const runtime of runtimes()) {
  test(`${runtime.name} installs, activates, goes back and removes`, async () => {
    const home = await network.initialised(mirror.url), at = ["--home", home];
    const run = (...args: string[]) => json([...args, ...at], 0, { runtime });
    assert.equal((await run("install", "--version", "0.1.0")).activated, true);
    assert.equal((await run("install", "--version", "1.0.0")).activated, false);
    assert.equal((await run("activate")).version, "1.0.0");
    assert.equal(readlinkSync(join(home, "current")), join("versions", "1.0.0"));
    assert.equal((await run("rollback")).version, "0.1.0");
    assert.deepEqual((await run("gc", "--keep", "0")).keptVersions, ["1.0.0", "0.1.0"]);
  });
}

test("a file that somebody brought is proven like one that was fetched", async () => {
  const home = await network.initialised(mirror.url), at = ["--home", home, "--version", "1.0.0"];
  await succeed(["check", "--home", home]);
  const file = network.packageFile("1.0.0");
  writeFileSync(file, readFileSync(file).fill(1, 20_000, 20_001));
  await expect(30, ["install", "--package", file, ...at]);
  assert.equal(existsSync(join(home, "versions", "1.0.0")), false);
  await succeed(["install", "--package", network.packageFile("1.0.0"), ...at]);
  await expect(45, ["activate", "--version", "1.2.0", "--home", home]);
  await expect(26, ["install", "--version", "7.0.0", "--home", home]);
});

test("what changed after it was installed is not activated, and installing it again mends it", async () => {
  const home = await installed(), at = ["--home", home], file = program(home, "1.0.0");
  const whole = readFileSync(file);
  const damages: [name: string, code: number, damage: () => void][] = [
    ["a byte", 30, () => writeFileSync(file, Uint8Array.from(whole, (b, i) => i === 9 ? b ^ 1 : b))],
    ["its end", 30, () => writeFileSync(file, whole.subarray(0, -1))],
    ["a link in its place", 41, () => (rmSync(file), symlinkSync(network.packageFile("1.0.0"), file))],
    ["others may write to it", 41, () => chmodSync(file, 0o777)],
    ["others may write to its folder", 41, () => chmodSync(join(file, ".."), 0o777)],
    ["no program", 45, () => rmSync(file)],
    ["no record", 45, () => rmSync(join(file, "..", "staged.json"))],
    [
      "another version's folder",
      44,
      () => swapFolder(home, "1.0.0", (f) => cpSync(join(home, "versions", "0.1.0"), f, { recursive: true })),
    ],
    ["a link to a folder", 41, () => swapFolder(home, "1.0.0", (f) => symlinkSync(join(home, "versions", "0.1.0"), f))],
  ];
  for (const [name, code, damage] of damages) {
    chmodSync(file, 0o755);
    damage();
    await expect(code, ["activate", "--version", "1.0.0", ...at]).catch((e) => assert.fail(`${name}: ${e}`));
    assert.equal(current(home).version, "0.1.0", name);
    await succeed(["install", "--version", "1.0.0", ...at]);
    assert.deepEqual(readFileSync(file), whole, name);
    assert.ok(lstatSync(join(file, "..")).isDirectory(), name);
  }
  await succeed(["activate", ...at]);
});

function swapFolder(home: string, version: string, make: (folder: string) => void): void {
  const folder = join(home, "versions", version);
  rmSync(folder, { recursive: true });
  make(folder);
}

test("a planted link in place of versions/ leads nowhere", async () => {
  const home = await installed(), at = ["--home", home], versions = join(home, "versions");
  const elsewhere = join(network.folder, "elsewhere");
  renameSync(versions, elsewhere);
  symlinkSync(elsewhere, versions);
  await expect(41, ["activate", ...at, "--version", "1.0.0"]);
  await expect(41, ["install", ...at, "--version", "1.2.0"]);
  assert.deepEqual(existsSync(join(elsewhere, "1.2.0")), false);
  rmSync(versions);
  mkdirSync(versions, { mode: 0o755 });
  chmodSync(versions, 0o775);
  await expect(41, ["install", ...at, "--version", "1.0.0"]);
});

test("a full disk leaves what was there, and the same command works when there is room", async () => {
  const disk = disks.mount();
  if (disk === undefined) return;
  const home = join(disk, "home"), at = ["--home", home];
  await succeed(["init", "--repo", mirror.url, "--root", network.rootFile, ...at]);
  await succeed(["install", "--version", "0.1.0", ...at]);
  await succeed(["download", "--version", "1.0.0", ...at]);
  const makeRoom = fillDisk(disk);
  await expect(40, ["install", "--version", "1.0.0", "--package", network.packageFile("1.0.0"), ...at]);
  assert.equal(existsSync(join(home, "versions", "1.0.0")), false);
  makeRoom();
  await succeed(["install", "--version", "1.0.0", "--package", network.packageFile("1.0.0"), ...at]);
  const makeRoomAgain = fillDisk(disk);
  await expect(40, ["activate", "--version", "1.0.0", ...at]);
  assert.equal(current(home).version, "0.1.0");
  makeRoomAgain();
  await succeed(["activate", "--version", "1.0.0", ...at]);
  assert.equal(current(home).version, "1.0.0");
});

test("gc keeps what runs, what ran before and as many others as it is told", async () => {
  const home = await installed(), at = ["--home", home];
  await succeed(["install", "--version", "1.2.0", ...at]);
  await succeed(["activate", "--version", "1.0.0", ...at]);
  await succeed(["activate", "--version", "1.2.0", ...at]);
  assert.deepEqual((await json(["gc", ...at])).removedVersions, []);
  const dry = await json(["gc", "--keep", "0", "--dry-run", ...at]);
  assert.deepEqual([dry.removedVersions, dry.freedBytes], [["0.1.0"], 0]);
  const done = await json(["gc", "--keep", "0", ...at]);
  assert.deepEqual(done.removedVersions, ["0.1.0"]);
  assert.deepEqual(done.removedPackages, [`dchat-0.1.0-${PLATFORM}`]);
  assert.ok(done.freedBytes > 80_000);
  assert.deepEqual(done.keptVersions, ["1.2.0", "1.0.0"]);
  await succeed(["rollback", ...at]);
});

test("governors' approval and the height are asked for, and a hard fork is not gone back over", async () => {
  const folder = join(network.folder, "governed");
  mkdirSync(folder);
  const governed = createGovernedRepository(folder);
  const add = (version: string, type: string) => {
    const file = join(folder, version);
    writeFileSync(file, testBytes(40_000, version));
    const what = ["--version", version, "--platform", PLATFORM, "--format", "executable", "--upgrade-type", type];
    runBundle(["release", "add", governed.repo, file, ...what]);
    governed.publish();
  };
  const approve = (version: string, height: string, ...more: string[]) => {
    const keys = ["a", "b", "c"].flatMap((k) => ["--key", governed.governor(k as "a" | "b" | "c")]);
    governed.governance(
      "propose",
      "--version",
      version,
      "--height",
      height,
      "--current-height",
      "200",
      ...keys,
      ...more,
    );
    governed.publish();
  };
  add("2.0.0", "hard-fork");
  const served = await network.mirror(governed.repo), home = network.newHome(), at = ["--home", home];
  await succeed(["init", "--repo", served.url, "--root", governed.root, ...at]);
  await succeed(["install", "--version", "1.0.0", ...at]); // approved from 1000 on; a first one may be early
  assert.equal((await json(["status", ...at])).current.activationHeight, 1000);
  await succeed(["install", "--version", "2.0.0", ...at]);
  await expect(15, ["activate", "--version", "2.0.0", "--current-height", "5000", ...at]); // not approved
  approve("2.0.0", "2000", "--switch", "before", "--switch-from", "1900");
  const { url } = await network.mirror(governed.repo);
  await succeed(["add-mirror", "--url", url, ...at]);
  await succeed(["check", ...at]);
  await expect(15, ["activate", "--version", "2.0.0", ...at]); // nobody says how high the chain is
  await expect(15, ["activate", "--version", "2.0.0", "--current-height", "1899", ...at]);
  const { coming } = await json(["status", "--current-height", "1890", ...at]);
  assert.deepEqual([coming[0].version, coming[0].blocksLeft, coming[0].installed], ["2.0.0", 10, true]);
  const activated = await json(["activate", "--current-height", "1900", ...at]);
  assert.deepEqual([activated.version, activated.activationHeight], ["2.0.0", 2000]);
  await expect(47, ["rollback", ...at]); // nobody says how high the chain is
  await expect(47, ["rollback", "--current-height", "2000", ...at]);
  await succeed(["rollback", "--current-height", "1999", ...at]);
  await succeed(["activate", "--current-height", "1999", ...at]);
  await expect(2, ["activate", "--version", "1.0.0", "--current-height", "2500", ...at]);
  const back = await json(["activate", "--version", "1.0.0", "--resync", "--current-height", "0", ...at]);
  assert.deepEqual([back.version, back.changed], ["1.0.0", true]);
});

test("only a flag of its own activates what nobody approved", async () => {
  const folder = join(network.folder, "unapproved");
  mkdirSync(folder);
  const governed = createGovernedRepository(folder);
  writeFileSync(join(folder, "x"), testBytes(4000, "x"));
  const what = ["--version", "3.0.0", "--platform", PLATFORM, "--format", "executable"];
  runBundle(["release", "add", governed.repo, join(folder, "x"), ...what]);
  governed.publish();
  const served = await network.mirror(governed.repo), home = network.newHome(), at = ["--home", home];
  await succeed(["init", "--repo", served.url, "--root", governed.root, ...at]);
  await expect(15, ["install", "--version", "3.0.0", ...at]);
  assert.equal(existsSync(join(home, "current.json")), false);
  const forced = await json(["install", "--version", "3.0.0", "--without-approval", ...at]);
  assert.deepEqual([forced.activated, forced.by], [true, "operator"]);
});
