// What is new, what runs, what is waiting: check and list-versions. docs/cli.md.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createNetwork, expect, json, PLATFORM, succeed } from "./network.ts";

const network = await createNetwork();
const mirror = await network.mirror();
const home = await network.initialised(mirror.url);
const at = ["--home", home, "--platform", PLATFORM];

interface Named {
  readonly version: string;
}
const versionsOf = (document: { versions: readonly Named[] }) => document.versions.map((v) => v.version);

test("--exit-code ends with 100 when something is newer, else with 0", async () => {
  await expect(100, ["check", "--exit-code", "--current", "0.1.0", ...at]);
  await expect(100, ["check", "--exit-code", ...at]);
  await expect(0, ["check", "--exit-code", "--current", "1.0.0", ...at]);
  await expect(0, ["check", "--current", "0.1.0", ...at]);
});

test("what runs is told by current.json, and by --current before it", async () => {
  const ours = await network.initialised(mirror.url);
  const check = ["check", "--home", ours, "--platform", PLATFORM];
  assert.equal((await json(check)).current, null);
  writeFileSync(join(ours, "current.json"), JSON.stringify({ version: "1.0.0", since: "yesterday" }));
  const running = await json(check);
  assert.deepEqual([running.current, running.updateAvailable, running.newest], ["1.0.0", false, null]);
  const asked = await json([...check, "--current", "0.1.0"]);
  assert.deepEqual([asked.current, asked.updateAvailable, asked.newest], ["0.1.0", true, "1.0.0"]);
  assert.match((await succeed(check)).stdout, /1\.0\.0 \(current\) \(security\)\n✅ This is the newest version/);
});

test("a damaged current.json is damage, not a version", async () => {
  const ours = await network.initialised(mirror.url);
  for (const text of ["", "{", '{"version":"newest"}', '{"version":1}']) {
    writeFileSync(join(ours, "current.json"), text);
    const { stderr } = await expect(44, ["check", "--home", ours]);
    assert.match(stderr, /^error E_STATE_CORRUPT: current\.json/);
  }
});

test("a version that is newer than all of them is not offered an older one", async () => {
  const { updateAvailable, newest } = await json(["check", "--current", "2.0.0", ...at]);
  assert.deepEqual([updateAvailable, newest], [false, null]);
});

test("a channel includes the steadier ones", async () => {
  const channel = async (...more: string[]) => versionsOf(await json(["check", ...more, ...at]));
  assert.deepEqual(await channel(), ["1.0.0", "0.1.0"]);
  assert.deepEqual(await channel("--channel", "stable"), ["1.0.0", "0.1.0"]);
  assert.deepEqual(await channel("--channel", "beta"), ["1.1.0-beta.1", "1.0.0", "0.1.0"]);
  assert.deepEqual(await channel("--channel", "nightly"), ["1.2.0", "1.1.0-beta.1", "1.0.0", "0.1.0"]);
});

test("the configured channel counts when none is named", async () => {
  const ours = await network.initialised(mirror.url);
  await succeed(["configure-auto-update", "--channel", "beta", "--home", ours]);
  const check = ["check", "--platform", PLATFORM, "--home", ours];
  const { channel, newest } = await json(check);
  assert.deepEqual([channel, newest], ["beta", "1.1.0-beta.1"]);
  assert.equal((await json([...check, "--channel", "stable"])).newest, "1.0.0");
});

test("a pin is shown, and nothing but its version is advised", async () => {
  const ours = await network.initialised(mirror.url);
  const check = ["check", "--platform", PLATFORM, "--home", ours];
  for (const [pin, current, next] of [["0.1.0", "0.1.0", undefined], ["0.1.0", "0.0.1", "0.1.0"]] as const) {
    await succeed(["configure-auto-update", "--pin", pin, "--home", ours]);
    assert.equal((await json(check)).pin, pin);
    const { stdout } = await succeed([...check, "--current", current]);
    assert.match(stdout, /held at 0\.1\.0 by the configuration/);
    assert.equal(/download --version (\S+)/.exec(stdout)?.[1], next);
  }
});

test("a platform without releases is said so", async () => {
  const { stdout } = await succeed(["check", "--platform", "plan9-mips", "--home", home]);
  assert.match(stdout, /none for plan9-mips on channel stable/);
});

test("list-versions shows what is signed about each release", async () => {
  const { stdout } = await succeed(["list-versions", ...at, "--current", "0.1.0"]);
  const rows = stdout.trimEnd().split("\n").slice(1).map((line) => line.trim().split(/ {2,}/));
  assert.deepEqual(rows[0], [
    "VERSION",
    "PLATFORM",
    "TYPE",
    "UPGRADE",
    "CHANNEL",
    "SIZE",
    "RELEASED",
    "APPROVED",
    "HEIGHT",
  ]);
  const today = new Date().toISOString().slice(0, 10);
  const approved = ["40.0 KB", today, "by-release-signatures", "-"];
  assert.deepEqual(rows.slice(1), [
    ["1.2.0", PLATFORM, "binary", "soft-fork", "nightly", ...approved],
    ["1.1.0-beta.1", PLATFORM, "binary", "soft-fork", "beta", ...approved],
    ["1.0.0", PLATFORM, "binary", "security-patch (security)", "stable", ...approved],
    ["0.1.0 (current)", PLATFORM, "binary", "soft-fork", "stable", ...approved],
  ]);
});

test("list-versions can be narrowed and widened", async () => {
  assert.deepEqual(versionsOf(await json(["list-versions", "--channel", "beta", ...at])), ["1.1.0-beta.1"]);
  assert.deepEqual(versionsOf(await json(["list-versions", "--platform", "windows-x64", "--home", home])), ["1.0.0"]);
  const all = await json(["list-versions", "--all-platforms", "--home", home]);
  assert.equal(all.versions.length, 5);
  assert.equal(all.versions.find((v: { platform: string }) => v.platform === "windows-x64").name.slice(-4), ".exe");
});

test("list-versions --offline asks nobody", async () => {
  const own = await network.mirror();
  const ours = await network.initialised(own.url);
  assert.deepEqual(versionsOf(await json(["list-versions", "--offline", "--all-platforms", "--home", ours])), []);
  await succeed(["check", "--home", ours]);
  const asked = own.questions.length;
  const { versions, mirrors } = await json(["list-versions", "--offline", "--all-platforms", "--home", ours]);
  assert.deepEqual([versions.length, mirrors, own.questions.length], [5, [], asked]);
});

test("governed releases are pending until a certificate names them", async () => {
  const key = join(network.folder, "g.pem"), governor = join(network.folder, "governor.pem");
  const repo = join(network.folder, "governed");
  for (const file of [key, governor]) await succeed(["release", "keygen", file]);
  const governors = ["--governor", `${governor.replace(".pem", ".pub")}:1`];
  await succeed(["release", "init", repo, "--network", "governed", "--key", key, ...governors]);
  const what = ["--version", "1.0.0", "--platform", PLATFORM];
  await succeed(["release", "add", repo, network.packageFile("1.0.0"), ...what, "--format", "executable"]);
  await succeed(["release", "publish", repo, "--key", key]);
  const governed = await network.mirror(repo), ours = network.newHome();
  const root = join(repo, "metadata", "1.root.json");
  await succeed(["init", "--repo", governed.url, "--root", root, "--home", ours]);
  const { versions } = await json(["list-versions", "--home", ours, "--platform", PLATFORM]);
  assert.deepEqual([versions[0].approved, versions[0].activationHeight], ["pending", null]);
});

test("each mirror's part is told, and a stale or dead one does not stop the rest", async () => {
  const stale = await network.mirror(network.oldRepo);
  const dead = await network.mirror();
  await dead.close();
  const ours = await network.initialised(dead.url, stale.url, mirror.url);
  const { mirrors, newest, metadata } = await json(["check", "--home", ours, "--platform", PLATFORM]);
  assert.deepEqual(mirrors, [
    { url: dead.url, status: "failed", code: "E_UNREACHABLE" },
    { url: stale.url, status: "stale", code: "E_STALE" },
    { url: mirror.url, status: "ok", code: null },
  ]);
  assert.equal(newest, "1.0.0");
  assert.deepEqual([metadata.rootVersion, metadata.timestampVersion], [1, 2]);
});

test("when no mirror answers, each is listed with its reason", async () => {
  const dead = await network.mirror();
  await dead.close();
  const ours = await network.initialised(dead.url);
  const { error } = await json(["check", "--home", ours], 20);
  assert.equal(error.code, "E_UNREACHABLE");
  assert.deepEqual(error.attempts.map((x: { source: string }) => x.source), [dead.url]);
});

test("without a mirror there is nobody to ask", async () => {
  const ours = await network.initialised(mirror.url);
  await succeed(["remove-mirror", "--url", mirror.url, "--home", ours]);
  const { stderr } = await expect(25, ["check", "--home", ours]);
  assert.match(stderr, /error E_NO_SOURCE: no mirror is configured\n {2}add one/);
});
