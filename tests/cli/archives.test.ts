// Releases that are archives: published, installed, proven again, on every runtime. docs/activation.md, "Archives".
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { runtimes } from "../runtimes/runtimes.ts";
import { gzipped, type Packed, tarOf, zipOf, zstdOf } from "../support/archives.ts";
import { createGovernedRepository } from "../support/governed-repository.ts";
import { createNetwork, expect, json, PLATFORM, succeed } from "./network.ts";

const network = await createNetwork();
const folder = join(network.folder, "archives"), repo = join(folder, "repo"), key = join(folder, "key.pem");
mkdirSync(folder);
const entries = (version: string): Packed[] => [
  { name: "dchat/bin/run", content: `#!/bin/sh\necho ${version}\n`, mode: 0o755 },
  { name: "dchat/lib/data", content: version.repeat(100_000) },
  { name: "dchat/lib/link", type: "symlink", target: "data" },
];
const ARCHIVES: readonly (readonly [version: string, ending: string, bytes: Uint8Array])[] = [
  ["1.0.0", "tar.gz", gzipped(await tarOf(entries("1.0.0")))],
  ["2.0.0", "tar.zst", zstdOf(await tarOf(entries("2.0.0")))],
  ["3.0.0", "zip", zipOf(entries("3.0.0"))],
  ["4.0.0", "tar.gz", gzipped(await tarOf([...entries("4.0.0"), { name: "../../evil", content: "evil" }]))],
];
await succeed(["release", "keygen", key]);
await succeed(["release", "init", repo, "--network", "archives", "--key", key]);
for (const [version, ending, bytes] of ARCHIVES) {
  const file = join(folder, `${version}.${ending}`);
  writeFileSync(file, bytes);
  const what = ["--version", version, "--platform", PLATFORM, "--entrypoint", "dchat/bin/run"];
  await succeed(["release", "add", repo, file, ...what]);
}
await succeed(["release", "publish", repo, "--key", key]);
const mirror = await network.mirror(repo);

async function home(): Promise<string[]> {
  const at = ["--home", network.newHome()];
  await succeed(["init", "--repo", mirror.url, "--root", join(repo, "metadata", "1.root.json"), ...at]);
  return at;
}

for (const runtime of runtimes()) {
  test(`${runtime.name} installs each kind of archive, and proves it again`, async () => {
    const at = await home();
    for (const [version] of ARCHIVES.slice(0, 3)) {
      const { program } = await json(["install", "--version", version, ...at], 0, { runtime });
      assert.ok(program.endsWith(join("files", "dchat", "bin", "run")));
      assert.match(readFileSync(program, "utf8"), new RegExp(`echo ${version}`));
      assert.equal(readFileSync(join(dirname(dirname(program)), "lib", "link"), "utf8").length, 500_000);
      if (version !== "1.0.0") await succeed(["activate", "--version", version, ...at], { runtime });
    }
  });
}

test("an archive that leads outside is not installed, and nothing of it is left", async () => {
  const at = await home();
  await succeed(["install", "--version", "1.0.0", ...at]);
  await expect(36, ["install", "--version", "4.0.0", ...at]);
  assert.deepEqual((await json(["status", ...at])).installed.map((v: { version: string }) => v.version), ["1.0.0"]);
});

test("what changed after it was unpacked is not activated, and installing it again mends it", async () => {
  const at = await home();
  await succeed(["install", "--version", "1.0.0", ...at]);
  const { program } = await json(["install", "--version", "2.0.0", ...at]);
  const data = join(dirname(dirname(program)), "lib", "data");
  chmodSync(data, 0o644);
  writeFileSync(data, "altered");
  await expect(30, ["activate", "--version", "2.0.0", ...at]);
  await succeed(["install", "--version", "2.0.0", ...at]);
  await succeed(["activate", "--version", "2.0.0", ...at]);
});

test("a preflight runs what is approved, and what fails is not kept", async () => {
  const at = await home(), install = (version: string) => ["install", "--version", version, ...at];
  const first = await json([...install("1.0.0"), "--preflight-cmd", 'test "$("$DCHAT_PROGRAM")" = "$DCHAT_VERSION"']);
  assert.deepEqual([first.preflight, first.activated], ["passed", true]);
  const { stderr } = await expect(46, [...install("2.0.0"), "--preflight-cmd", "echo loud; exit 3"]);
  assert.match(stderr, /loud[^]*2\.0\.0 did not pass its preflight: the command ended with 3/);
  const slow = ["--preflight-cmd", "exec sleep 60", "--preflight-timeout", "0.2"];
  await expect(46, [...install("2.0.0"), ...slow]);
  assert.deepEqual((await json(["status", ...at])).installed.map((v: { version: string }) => v.version), ["1.0.0"]);
  // What runs is never taken away.
  await expect(46, [...install("1.0.0"), "--preflight-cmd", "false"]);
  assert.equal((await json(["status", ...at])).installed.length, 1);
  assert.equal((await json([...install("2.0.0")])).preflight, null);
});

test("nothing of a release is executed before governors have approved it", async () => {
  const place = join(folder, "governed");
  mkdirSync(place);
  const governed = createGovernedRepository(place);
  const file = join(place, "second"), marker = join(place, "executed");
  writeFileSync(file, "#!/bin/sh\n");
  const what = ["--version", "2.0.0", "--platform", PLATFORM, "--format", "executable"];
  await succeed(["release", "add", governed.repo, file, ...what]);
  governed.publish();
  const served = await network.mirror(governed.repo), at = ["--home", network.newHome()];
  await succeed(["init", "--repo", served.url, "--root", governed.root, ...at]);
  await succeed(["install", "--version", "1.0.0", ...at]);
  const install = ["install", "--version", "2.0.0", "--preflight-cmd", `touch '${marker}'`, ...at];
  assert.equal((await json(install)).preflight, "not-approved");
  assert.ok(!existsSync(marker));
  const keys = ["--key", governed.governor("a"), "--key", governed.governor("b")];
  governed.governance("propose", "--version", "2.0.0", "--height", "3000", "--current-height", "900", ...keys);
  governed.publish();
  const fresh = await network.mirror(governed.repo);
  await succeed(["add-mirror", "--url", fresh.url, "--mirror-type", "https", ...at]);
  assert.equal((await json(install)).preflight, "passed");
  assert.ok(existsSync(marker));
});
