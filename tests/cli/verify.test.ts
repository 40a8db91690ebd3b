// Proof of a file without a network. docs/cli.md, "verify".
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { writeBundle } from "../../src/trust/bundle.ts";
import { pinRoot } from "../../src/trust/client.ts";
import { denoProgram } from "../runtimes/runtimes.ts";
import { BUNDLE } from "../support/bundled-cli.ts";
import { createReleaseRepository, NETWORK } from "../support/release-repository.ts";
import { DAY_MS } from "../support/tuf-repository.ts";
import { strictClock, updated } from "../support/trust-client.ts";
import { createNetwork, expect, json, PLATFORM, succeed } from "./network.ts";

const network = await createNetwork();
const mirror = await network.mirror();

/** One-shot trust, far from any home. */
const trust = () => ["--bundle", network.bundle, "--root", network.rootFile, "--home", network.newHome()];

/** A home that knows the newest metadata. */
async function knowing(): Promise<string> {
  const home = await network.initialised(mirror.url);
  await succeed(["check", "--home", home]);
  return home;
}

/** The same file under another name. */
function renamed(file: string, name: string): string {
  const to = join(dirname(file), name);
  renameSync(file, to);
  return to;
}

test("one-shot: a bundle and a root are enough, and nothing is left behind", async () => {
  const file = network.packageFile("1.0.0"), home = network.newHome();
  const shot = ["verify", "--package", file, "--bundle", network.bundle, "--home", home];
  const { verified, artifact, root, expired } = await json([...shot, "--root", network.rootFile]);
  assert.deepEqual([verified, artifact.version, artifact.platform], [true, "1.0.0", PLATFORM]);
  assert.deepEqual(root, { version: 1, sha256: network.rootSha256 });
  assert.deepEqual(expired, []);
  await succeed([...shot, "--root-sha256", network.rootSha256]);
  await succeed([...shot, "--root", network.rootFile, "--root-sha256", network.rootSha256]);
  assert.equal(existsSync(home), false);
});

test("from the home: what check has learnt is enough", async () => {
  const home = await knowing();
  await succeed(["verify", "--package", network.packageFile("1.0.0"), "--home", home]);
});

test("a file that is not there is no file that was refused: it cannot be read, and nobody is warned of it", async () => {
  const home = await knowing();
  for (const absent of [join(home, "dhcat"), join(home, `dchat-9.9.9-${PLATFORM}`), home]) {
    await expect(41, ["verify", "--package", absent, "--home", home]);
  }
  assert.deepEqual((await json(["alerts", "--home", home])).alerts, []);
});

test("without metadata or without a root there is nothing to judge by", async () => {
  const file = network.packageFile("1.0.0");
  await expect(43, ["verify", "--package", file, "--home", network.newHome()]);
  const pinnedOnly = await network.initialised(mirror.url);
  await expect(43, ["verify", "--package", file, "--home", pinnedOnly]);
  await expect(2, ["verify", "--package", file, "--bundle", network.bundle, "--home", network.newHome()]);
  await expect(2, ["verify", "--package", file, "--root", network.rootFile, "--home", network.newHome()]);
});

test("the home's root serves for a bundle too", async () => {
  const home = await network.initialised(mirror.url);
  await succeed(["verify", "--package", network.packageFile("1.0.0"), "--bundle", network.bundle, "--home", home]);
});

test("another root than the bundle's is refused", async () => {
  const shot = ["verify", "--package", network.packageFile("1.0.0"), "--home", network.newHome()];
  const wrong = ["--bundle", network.bundle, "--root-sha256", "0".repeat(64)];
  assert.match((await expect(32, [...shot, ...wrong])).stderr, /^error E_UNTRUSTED_KEY: no root of the bundle/);
  const stranger = join(network.folder, "stranger.json");
  const other = createReleaseRepository({ seed: "a stranger" });
  writeFileSync(stranger, other.pinnedRoot);
  const { stderr } = await expect(32, [...shot, "--bundle", network.bundle, "--root", stranger]);
  assert.match(stderr, /^error E_UNTRUSTED_KEY: timestamp\.json: signed only by keys that are not trusted/);
});

test("a genuine old binary renamed to a new version fails", async () => {
  const old = renamed(network.packageFile("0.1.0"), "dchat-1.0.0-linux-x64");
  for (const more of [[], ["--version", "1.0.0"], ["--version", "1.0.0", "--platform", PLATFORM]]) {
    const { stderr } = await expect(30, ["verify", "--package", old, ...more, ...trust()]);
    assert.match(stderr, /^error E_HASH_MISMATCH: dchat-1\.0\.0-linux-x64: SHA-256 is [0-9a-f]{64}, signed is/);
  }
});

test("a file that is another version or platform than asked for fails", async () => {
  const file = network.packageFile("0.1.0");
  const version = await expect(31, ["verify", "--package", file, "--version", "1.0.0", ...trust()]);
  assert.match(version.stderr, /^error E_NOT_SIGNED: "dchat-0\.1\.0-linux-x64" is version 0\.1\.0 for linux-x64/);
  await expect(31, ["verify", "--package", file, "--platform", "windows-x64", ...trust()]);
});

test("a release that nobody signed fails", async () => {
  const invented = renamed(network.packageFile("1.0.0"), "dchat-1.0.1-linux-x64");
  const { stderr } = await expect(31, ["verify", "--package", invented, ...trust()]);
  assert.match(stderr, /^error E_NOT_SIGNED: no signed metadata covers "dchat-1\.0\.1-linux-x64"/);
  await expect(31, ["verify", "--package", invented, "--version", "1.0.1", ...trust()]);
});

test("a file under a name of its own is proven when it is said what it shall be", async () => {
  const file = renamed(network.packageFile("1.0.0"), "dchat");
  const nameless = await expect(31, ["verify", "--package", file, ...trust()]);
  assert.match(nameless.stderr, /say what it shall be: --version V --platform P/);
  await succeed(["verify", "--package", file, "--version", "1.0.0", "--platform", PLATFORM, ...trust()]);
  await expect(2, ["verify", "--package", file, "--version", "1.0.0", ...trust()]); // two platforms have it
  await expect(30, ["verify", "--package", file, "--version", "0.1.0", ...trust()]);
});

test("a refused file is an alert where there is a home", async () => {
  const home = await knowing();
  const altered = network.packageFile("1.0.0");
  writeFileSync(altered, readFileSync(altered).reverse());
  await expect(30, ["verify", "--package", altered, "--home", home]);
  await expect(31, ["verify", "--package", renamed(altered, "dchat-7.0.0-linux-x64"), "--home", home]);
  const { alerts } = await json(["alerts", "--home", home]);
  assert.deepEqual(
    alerts.map(({ source, what, code }: { source: string; what: string; code: string }) => [source, what, code]),
    [["verify", "dchat-1.0.0-linux-x64", "E_HASH_MISMATCH"], ["verify", "dchat-7.0.0-linux-x64", "E_NOT_SIGNED"]],
  );
});

test("a bundle older than what the home knows is a rollback", async () => {
  const file = network.packageFile("0.1.0"), old = join(network.oldRepo, "bundle.json");
  const shot = ["verify", "--package", file, "--bundle", old, "--root", network.rootFile, "--home"];
  await succeed([...shot, network.newHome()]);
  const home = await knowing(), before = readFileSync(join(home, "trust", "state.json"), "utf8");
  assert.match((await expect(34, [...shot, home])).stderr, /^error E_ROLLBACK: timestamp\.json/);
  await expect(34, ["verify", "--package", file, "--bundle", old, "--home", home]);
  assert.equal(readFileSync(join(home, "trust", "state.json"), "utf8"), before);
});

test("--min-root-version refuses an older root", async () => {
  const shot = ["verify", "--package", network.packageFile("1.0.0"), ...trust()];
  await succeed([...shot, "--min-root-version", "1"]);
  const { stderr } = await expect(34, [...shot, "--min-root-version", "2"]);
  assert.match(stderr, /^error E_ROLLBACK: the root has version 1, at least 2 is required/);
});

test("expired metadata is a warning, and a refusal with --require-fresh", async () => {
  const nowMs = Date.now() - 400 * DAY_MS; // longer than any role of the repository lives
  const repository = createReleaseRepository({ seed: "expired", nowMs });
  const content = readFileSync(network.packageFile("1.0.0"));
  await repository.addRelease("1.0.0", { content });
  repository.publish();
  const state = updated(pinRoot(repository.pinnedRoot), repository.files(), strictClock(nowMs));
  const bundle = join(network.folder, "expired.json"), root = join(network.folder, "expired-root.json");
  writeFileSync(bundle, writeBundle(state, NETWORK));
  writeFileSync(root, repository.pinnedRoot);
  const at = ["--bundle", bundle, "--root", root, "--home", network.newHome()];
  const shot = ["verify", "--package", network.packageFile("1.0.0"), ...at];
  const { stdout, stderr } = await succeed(shot);
  assert.match(stdout, /Package verified successfully/);
  assert.match(stderr, /the timestamp metadata expired at .*Z: there may be newer releases/);
  const roles = (await json(shot)).expired.map((x: { role: string }) => x.role);
  assert.deepEqual(roles.toSorted(), ["root", "snapshot", "targets", "timestamp"]);
  assert.match((await expect(35, [...shot, "--require-fresh"])).stderr, /^error E_EXPIRED: root version 1 expired at/);
});

test("a bundle of another network than the root's is refused", async () => {
  const other = join(network.folder, "othernet.json");
  writeFileSync(other, readFileSync(network.bundle, "utf8").replace('"network":"testnet"', '"network":"othernet"'));
  const shot = ["verify", "--package", network.packageFile("1.0.0"), "--bundle", other];
  await expect(36, [...shot, "--root", network.rootFile, "--home", network.newHome()]);
});

/** Verifies under a tracer or without rights, on Deno. */
const offline = (home: string): string[] => {
  const file = join(home, "packages", `dchat-1.0.0-${PLATFORM}`);
  mkdirSync(dirname(file), { recursive: true });
  copyFileSync(network.packageFile("1.0.0"), file);
  return ["verify", "--package", file, "--home", home];
};

test("verify needs no right to use the network", async () => {
  const args = offline(await knowing());
  const rights = ["--no-prompt", "--allow-read", "--allow-env", "--allow-sys", "--deny-net", "--deny-run"];
  const { status, stdout, stderr } = spawnSync(denoProgram(), ["run", ...rights, BUNDLE, ...args], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /verified successfully/);
});

const hasTracer = spawnSync("strace", ["-V"]).status === 0;

test("verify opens no socket", { skip: hasTracer ? false : "there is no strace" }, async () => {
  const log = join(network.folder, "strace.log");
  const under = ["strace", "-f", "-qq", "-e", "trace=network", "-o", log];
  const home = await knowing();
  const addresses = () => readFileSync(log, "utf8").split("\n").filter((call) => /\bAF_INET6?\b/.test(call));
  await succeed(offline(home), { under });
  assert.deepEqual(addresses(), []);
  await expect(0, ["check", "--home", home], { under });
  assert.notEqual(addresses().length, 0, "the tracer sees sockets where there are some");
});
