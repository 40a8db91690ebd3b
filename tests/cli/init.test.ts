// Pinning a trust root. docs/cli.md, "init": it never trusts a root it was not told to.
import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createNetwork, expect, filesOf, json, succeed } from "./network.ts";

const network = await createNetwork();
const mirror = await network.mirror();

/** What a home trusts and is configured for, byte for byte; empty when it is not there. */
const contents = (home: string) => {
  const files = ["config.json", "trust/state.json"].map((name) => join(home, name));
  return files.map((file) => existsSync(file) ? readFileSync(file, "utf8") : "");
};

test("a root file is pinned, and the repository becomes a mirror", async () => {
  const home = network.newHome();
  const { stdout } = await succeed(["init", "--repo", `${mirror.url}/`, "--root", network.rootFile, "--home", home]);
  assert.equal(
    stdout,
    `✅ Trust root pinned: network testnet, root version 1
   SHA-256 ${network.rootSha256}
   home ${home}, 1 mirror
   next: dchat-update check
`,
  );
  const { root, mirrors, network: name } = await json(["show-config", "--home", home]);
  assert.deepEqual(root, { version: 1, sha256: network.rootSha256 });
  assert.deepEqual(mirrors.map((m: { url: string }) => m.url), [mirror.url]);
  assert.equal(name, "testnet");
  assert.deepEqual(mirror.questions, [], "a root from a file needs no network");
});

test("a digest is enough: the root is searched for at the mirrors", async () => {
  const home = network.newHome();
  const { root } = await json(["init", "--repo", mirror.url, "--root-sha256", network.rootSha256, "--home", home]);
  assert.equal(root.sha256, network.rootSha256);
  const upperCase = ["--root-sha256", network.rootSha256.toUpperCase()];
  await succeed(["init", "--repo", mirror.url, ...upperCase, "--home", network.newHome()]);
});

test("a digest that no root has pins nothing", async () => {
  const home = network.newHome();
  const digest = ["--root-sha256", "0".repeat(64)];
  const fromMirror = await expect(30, ["init", "--repo", mirror.url, ...digest, "--home", home]);
  assert.match(fromMirror.stderr, /^error E_HASH_MISMATCH: no root with SHA-256 0{64} was found/);
  const init = ["init", "--repo", mirror.url, "--root", network.rootFile, ...digest, "--home", home];
  assert.match((await expect(30, init)).stderr, /^error E_HASH_MISMATCH/);
  assert.equal(existsSync(home), false);
});

test("without a root nothing is trusted, whatever the mirror has", async () => {
  const home = network.newHome();
  const { stderr } = await expect(2, ["init", "--repo", mirror.url, "--home", home]);
  assert.match(stderr, /a trust root is needed/);
  assert.equal(existsSync(home), false);
});

test("a file that is no root, or whose signature does not hold, is not pinned", async () => {
  const home = network.newHome(), file = join(network.folder, "other.json");
  const init = ["init", "--repo", mirror.url, "--root", file, "--home", home];
  cpSync(join(network.repo, "metadata", "timestamp.json"), file);
  await expect(36, init);
  writeFileSync(file, readFileSync(network.rootFile, "utf8").replace('"version":1', '"version":2'));
  await expect(31, init);
  assert.equal(existsSync(home), false);
});

test("the same root again changes nothing but the mirrors", async () => {
  const home = await network.initialised(mirror.url);
  await succeed(["check", "--home", home]);
  const [, trust] = contents(home);
  const again = ["init", "--repo", "https://b.example", "--root", network.rootFile, "--home", home];
  assert.equal((await json(again)).mirrors.length, 2);
  assert.equal(contents(home)[1], trust);
});

test("another root is refused, and taken with --force", async () => {
  const home = await network.initialised(mirror.url);
  const before = contents(home);
  const key = join(network.folder, "other.pem"), repo = join(network.folder, "other-repo");
  await succeed(["release", "keygen", key]);
  await succeed(["release", "init", repo, "--network", "othernet", "--key", key]);
  await succeed(["release", "publish", repo, "--key", key]);
  const other = ["--repo", mirror.url, "--root", join(repo, "metadata", "1.root.json"), "--home", home];
  const { stderr } = await expect(2, ["init", ...other]);
  assert.match(stderr, /already trusts another root\n.*--force/);
  assert.deepEqual(contents(home), before);
  assert.equal((await json(["init", ...other, "--force"])).network, "othernet");
  const mirrorOfOther = await network.mirror(repo);
  mirror.serve(filesOf(repo));
  await succeed(["add-mirror", "--url", mirrorOfOther.url, "--home", home]);
  await succeed(["check", "--home", home]);
  mirror.serve(filesOf(network.repo));
});

test("a mirror over plain http must be this machine, or be asked for", async () => {
  const home = network.newHome();
  const init = ["init", "--repo", "http://mirror.example/dchat", "--root", network.rootFile, "--home", home];
  const { stderr } = await expect(24, init);
  assert.match(stderr, /^error E_FORBIDDEN_ADDRESS: a mirror needs https/);
  assert.equal(existsSync(home), false);
  await succeed([...init, "--allow-insecure"]);
});
