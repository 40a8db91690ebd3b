// The same lies told by a bundle: `verify` believes it no more than a mirror, and what the home knows is a floor.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ErrorCode } from "../../src/errors.ts";
import { runDchat } from "../support/bundled-cli.ts";
import { requireError } from "../support/caught.ts";
import { METADATA_LIES } from "../support/metadata-lies/index.ts";
import { bundleOf } from "../support/metadata-lies/lying-bundle.ts";
import { baseOf } from "../support/metadata-lies/metadata-lie.ts";
import { testBytes } from "../support/artifact.ts";
import { nameOf } from "../support/release-repository.ts";
import { createStage, type Stage } from "../support/scene.ts";
import { type MutableObject, sha256 } from "../support/signed-file.ts";

const stage: Stage = await createStage();

for (const lie of METADATA_LIES) {
  const code = lie.inBundle ?? lie.code;
  test(`a bundle with ${lie.title} is ${code === "harmless" ? "no harm" : `refused (${code})`}`, async () => {
    const { repository, known, lying } = await lie.tell();
    const { operator } = await stage.scene(repository, known);
    const file = join(operator.dir, nameOf("1.0.0")), bundle = join(operator.dir, "bundle.json");
    writeFileSync(file, testBytes(50_000, "release 1.0.0"));
    writeFileSync(bundle, bundleOf(lying));
    const before = operator.snapshot();
    const verify = ["verify", "--package", file, "--bundle", bundle, "--require-fresh"];
    const byHome = await operator.run(...verify);
    // A root given as an option begins from nothing, where other clauses are broken first; the home is a floor even so.
    const byRoot = await operator.run(...verify, "--root", operator.rootFile);
    if (code === "harmless") {
      assert.deepEqual([byHome.code, byRoot.code], [0, 0], byHome.stderr + byRoot.stderr);
    } else {
      requireError(byHome, code);
      assert.equal(Math.floor((byRoot.code ?? 0) / 10), 3, byRoot.stderr);
    }
    assert.ok(operator.snapshot().state === before.state, "trust/state.json was changed");
  });
}

const { repository, known, honest } = await baseOf("plain");
const stranger = await baseOf("withoutDigests");
const bytesOf = (fields: MutableObject) => bundleOf(honest, fields);
const text = (s: string) => new TextEncoder().encode(s);
const root = new TextDecoder().decode(repository.pinnedRoot);

/** Lies about the bundle itself. */
const BUNDLES: Readonly<Record<string, readonly [Uint8Array, ErrorCode]>> = {
  "nothing in it": [text(""), "E_MALFORMED"],
  "no JSON in it": [text("<html>"), "E_MALFORMED"],
  "arrays nested 100,000 deep": [text("[".repeat(100_000)), "E_MALFORMED"],
  "more than 8 MiB": [bytesOf({ extra: "x".repeat(8 * 2 ** 20) }), "E_TOO_LARGE"],
  "an unknown format": [bytesOf({ format: "dchat-bundle-9" }), "E_MALFORMED"],
  "another network": [bytesOf({ network: "mainnet" }), "E_MALFORMED"],
  "no timestamp": [bytesOf({ timestamp: "" }), "E_MALFORMED"],
  "no delegated roles": [bytesOf({ delegated: {} }), "E_MALFORMED"],
  "more roots than any repository has": [bytesOf({ roots: Array(361).fill(root) }), "E_MALFORMED"],
  "metadata of somebody else": [bundleOf(stranger.honest), "E_UNTRUSTED_KEY"],
  "the timestamp of somebody else": [
    bytesOf({ timestamp: new TextDecoder().decode(stranger.honest.get("metadata/timestamp.json")) }),
    "E_UNTRUSTED_KEY",
  ],
};

for (const [title, [bytes, code]] of Object.entries(BUNDLES)) {
  test(`a bundle with ${title} is refused (${code})`, async () => {
    const { operator } = await stage.scene(repository, known);
    const file = join(operator.dir, nameOf("1.0.0")), bundle = join(operator.dir, "bundle.json");
    writeFileSync(file, testBytes(50_000, "release 1.0.0"));
    writeFileSync(bundle, bytes);
    requireError(await operator.run("verify", "--package", file, "--bundle", bundle), code);
  });
}

test("a bundle older than what the home knows is refused, whichever root is named", async () => {
  const { operator } = await stage.scene(repository, honest);
  const file = join(operator.dir, nameOf("1.0.0")), bundle = join(operator.dir, "bundle.json");
  writeFileSync(file, testBytes(50_000, "release 1.0.0"));
  writeFileSync(bundle, bundleOf(known));
  const verify = ["verify", "--package", file, "--bundle", bundle];
  const root = ["--root", operator.rootFile];
  for (const option of [[], root, ["--root-sha256", sha256(repository.pinnedRoot)]]) {
    requireError(await operator.run(...verify, ...option), "E_ROLLBACK");
  }
  const { code, stderr } = await runDchat([...verify, ...root, "--home", join(operator.dir, "no home")]);
  assert.equal(code, 0, `a home that knows nothing has no floor: ${stderr}`);
});

test("a root that was not the pinned one is refused, whatever the bundle says", async () => {
  const { operator } = await stage.scene(repository, known);
  const file = join(operator.dir, nameOf("1.0.0")), bundle = join(operator.dir, "bundle.json");
  writeFileSync(file, testBytes(50_000, "release 1.0.0"));
  writeFileSync(bundle, bundleOf(honest));
  const verify = ["verify", "--package", file, "--bundle", bundle];
  await operator.succeed(...verify);
  requireError(await operator.run(...verify, "--root-sha256", "0".repeat(64)), "E_UNTRUSTED_KEY");
  requireError(
    await operator.run(...verify, "--root", operator.rootFile, "--root-sha256", "0".repeat(64)),
    "E_HASH_MISMATCH",
  );
  requireError(await operator.run(...verify, "--min-root-version", "2"), "E_ROLLBACK");
});
