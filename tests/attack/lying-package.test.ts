// The same lies told by a file on the disk: `verify` refuses it, whatever it is called, and says so in the alerts.
import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ErrorCode } from "../../src/errors.ts";
import { testBytes } from "../support/artifact.ts";
import { requireError } from "../support/caught.ts";
import { altered, extended } from "../support/lying-bytes.ts";
import { createReleaseRepository, nameOf } from "../support/release-repository.ts";
import { createStage } from "../support/scene.ts";

const stage = await createStage();
const repository = createReleaseRepository({ seed: "lying package" });
const content = testBytes(3_000_000, "genuine"), old = testBytes(3_000_000, "old");
await repository.addRelease("1.0.0", { content });
await repository.addRelease("0.9.0", { content: old });
repository.publish();
const { operator } = await stage.scene(repository, repository.files());
const NAME = nameOf("1.0.0"), OLD_NAME = nameOf("0.9.0");

/** Title, the file's name, its bytes, options, and how it is refused. */
const LIES: readonly (readonly [string, string, Uint8Array, readonly string[], ErrorCode])[] = [
  ["whose first byte was altered", NAME, altered(content, "first"), [], "E_HASH_MISMATCH"],
  ["whose middle byte was altered", NAME, altered(content, "middle"), [], "E_HASH_MISMATCH"],
  ["whose last byte was altered", NAME, altered(content, "last"), [], "E_HASH_MISMATCH"],
  ["that was cut by a byte", NAME, content.subarray(0, -1), [], "E_SIZE_MISMATCH"],
  ["that is empty", NAME, content.subarray(0, 0), [], "E_SIZE_MISMATCH"],
  ["with a byte more", NAME, extended(content, 1), [], "E_SIZE_MISMATCH"],
  ["that is an old release under a new name", NAME, old, [], "E_HASH_MISMATCH"],
  ["that is another version than was asked for", OLD_NAME, old, ["--version", "1.0.0"], "E_NOT_SIGNED"],
  ["that is for another platform than was asked for", NAME, content, ["--platform", "windows-x64"], "E_NOT_SIGNED"],
  ["called like a release that was never made", nameOf("6.6.6"), content, [], "E_NOT_SIGNED"],
  ["called like a release, with an ending", `${NAME}.bak`, content, [], "E_NOT_SIGNED"],
  [
    "with a name of its own that claims an old release is a new one",
    "node",
    old,
    ["--version", "1.0.0"],
    "E_HASH_MISMATCH",
  ],
  ["with a name of its own and no claim at all", "node", content, [], "E_NOT_SIGNED"],
];

for (const [i, [title, name, bytes, options, code]] of LIES.entries()) {
  test(`verify refuses a file ${title} (${code})`, async () => {
    const folder = join(operator.dir, String(i));
    mkdirSync(folder);
    writeFileSync(join(folder, name), bytes);
    const before = operator.snapshot();
    requireError(await operator.run("verify", "--package", join(folder, name), ...options), code);
    const after = operator.snapshot();
    assert.ok(after.state === before.state, "trust/state.json was changed");
    assert.equal(after.packages.size, 0);
    const alerts = after.alerts.slice(before.alerts.length);
    assert.deepEqual(alerts.map((a) => [a.source, a.what, a.code]), [["verify", name, code]]);
  });
}

test("verify accepts the genuine file, by its name or by what it is said to be", async () => {
  const file = join(operator.dir, NAME);
  writeFileSync(file, content);
  await operator.succeed("verify", "--package", file);
  const other = join(operator.dir, "node");
  renameSync(file, other);
  await operator.succeed("verify", "--package", other, "--version", "1.0.0");
});

test("verify of what is no file, or cannot be read, is an error of the disk and no alert", async () => {
  const folder = join(operator.dir, NAME), before = operator.snapshot().alerts.length;
  mkdirSync(folder);
  requireError(await operator.run("verify", "--package", folder), "E_IO");
  rmSync(folder, { recursive: true });
  requireError(await operator.run("verify", "--package", folder), "E_IO");
  symlinkSync(join(operator.dir, "nowhere"), folder);
  requireError(await operator.run("verify", "--package", folder), "E_IO");
  assert.equal(operator.snapshot().alerts.length, before);
});
