// The words people see, and where they see them. docs/cli.md, "Words people see".
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createNetwork, expect, PLATFORM, succeed } from "./network.ts";

const network = await createNetwork();
const mirror = await network.mirror();
const linux = ["--platform", PLATFORM];

test("check says what runs, what there is and what is newer", async () => {
  const home = await network.initialised(mirror.url);
  const { stdout, stderr } = await succeed(["check", "--home", home, "--current", "0.1.0", ...linux]);
  assert.equal(stderr, "🔍 Checking for updates (current version: 0.1.0)\n");
  assert.equal(
    stdout,
    `📦 Available versions:
  0.1.0 (current)
  1.0.0 (security) ← New version available!
  next: dchat-update download --version 1.0.0
`,
  );
});

test("download and verify say which proofs were passed", async () => {
  const home = await network.initialised(mirror.url);
  const proofs = `✅ Hash verification passed (SHA-256)
✅ Hash verification passed (BLAKE3)
✅ Signature verification passed (Ed25519)
`;
  const file = join(home, "packages", "dchat-1.0.0-linux-x64");
  const downloaded = await succeed(["download", "--version", "1.0.0", ...linux, "--home", home]);
  const [told, each] = downloaded.stdout.split(`   ${file}\n`);
  assert.equal(told, `${proofs}✅ Downloaded dchat-1.0.0-linux-x64 from ${mirror.url}\n`);
  assert.match(each ?? "", new RegExp(`^ {3}${mirror.url} +1 piece +40\\.0 KB +[0-9.]+ [KMG]?B/s *\n$`));
  assert.equal(downloaded.stderr, "⬇️  Downloading dchat-1.0.0-linux-x64 (40.0 KB)\n");
  const verified = await succeed(["verify", "--package", file, "--version", "1.0.0", "--home", home]);
  assert.equal(
    verified.stdout,
    `${proofs}✅ Package verified successfully\n   dchat-1.0.0-linux-x64: version 1.0.0, linux-x64, root version 1\n`,
  );
  assert.equal(verified.stderr, "");
});

const PLAIN: readonly (readonly [what: string, args: readonly string[], env: Record<string, string>])[] = [
  ["--no-color", ["--no-color"], {}],
  ["NO_COLOR", [], { NO_COLOR: "1" }],
  ["TERM=dumb", [], { TERM: "dumb" }],
  ["a locale without UTF-8", [], { LANG: "C", LC_ALL: "C" }],
];

for (const [what, args, env] of PLAIN) {
  test(`${what} gives plain words`, async () => {
    const home = await network.initialised(mirror.url);
    const check = ["check", "--home", home, "--current", "0.1.0", ...linux, ...args];
    const { stdout, stderr } = await succeed(check, { env });
    assert.match(stdout, /^Available versions:\n {2}0\.1\.0 \(current\)\n {2}1\.0\.0 \(security\) <- New version/);
    assert.match(`${stdout}${stderr}`, /^[\x20-\x7e\n]*$/);
  });
}

test("an empty NO_COLOR means nothing", async () => {
  const { stdout } = await succeed(["add-mirror", "--url", "https://a.example", "--home", network.newHome()], {
    env: { NO_COLOR: "" },
  });
  assert.match(stdout, /^✅ /);
});

test("there are no colours and no cursor movements where there is no terminal", async () => {
  const home = await network.initialised(mirror.url);
  const { stdout, stderr } = await succeed(["download", "--version", "0.1.0", ...linux, "--home", home]);
  assert.doesNotMatch(`${stdout}${stderr}`, /[^\P{Cc}\n]/u);
});

test("--quiet leaves results, warnings and errors", async () => {
  const home = await network.initialised(mirror.url);
  const checked = await succeed(["check", "--quiet", "--home", home, ...linux]);
  assert.equal(checked.stderr, "");
  assert.match(checked.stdout, /Available versions/);
  const warned = await succeed(["add-mirror", "--url", "ipfs://x", "--mirror-type", "ipfs", "--quiet", "--home", home]);
  assert.match(warned.stderr, /not used/);
  const failed = await expect(26, ["download", "--version", "9.9.9", ...linux, "--quiet", "--home", home]);
  assert.match(failed.stderr, /^error E_NO_RELEASE: /);
});

test("an error is one line of what happened with its code, and one of what to do", async () => {
  const file = network.packageFile("1.0.0");
  writeFileSync(file, "altered");
  const trust = ["--bundle", network.bundle, "--root", network.rootFile, "--home", network.newHome()];
  const { stdout, stderr } = await expect(30, ["verify", "--package", file, ...trust]);
  assert.equal(stdout, "");
  assert.match(stderr, /^error E_SIZE_MISMATCH: .*7 bytes.*\n {2}\S.*\n$/);
});

test("causes and stack traces are only shown with --verbose", async () => {
  const args = ["verify", "--package", join(network.folder, "absent"), "--version", "1.0.0", ...linux];
  const trust = ["--bundle", network.bundle, "--root", network.rootFile, "--home", network.newHome()];
  const brief = await expect(41, [...args, ...trust]);
  assert.doesNotMatch(brief.stderr, /caused by|^ +at /m);
  const verbose = await expect(41, [...args, ...trust, "--verbose"]);
  assert.match(verbose.stderr, /caused by: .*ENOENT/);
});
