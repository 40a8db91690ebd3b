// The lie: a link in the home that leads elsewhere, planted by whoever could write there once. Nothing may be written
// through it, and what it leads to is as untrusted as any file.
import assert from "node:assert/strict";
import {
  existsSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { requireProvenPackages } from "../support/caught.ts";
import { nameOf } from "../support/release-repository.ts";
import { sha256 } from "../support/signed-file.ts";
import { createRelease, createStage } from "../support/scene.ts";

const stage = await createStage();
const { repository, content } = await createRelease("planted links");
const known = repository.files();
repository.publish();
const files = repository.files();
const digest = sha256(content);
const DOWNLOAD = ["download", "--version", "1.0.0", "--platform", "linux-x64"] as const;
const PRECIOUS = "precious".repeat(10_000); // longer than the artifact: a careless open would cut it

/** Path in the home, and the command that comes across it. */
const PLACES: readonly (readonly [string, readonly string[]])[] = [
  [`packages/${nameOf("1.0.0")}`, DOWNLOAD],
  [`partial/${digest}.part`, DOWNLOAD],
  [`partial/${digest}.lock`, DOWNLOAD],
  ["trust/state.json.lock", ["check"]],
];

for (const [place, args] of PLACES) {
  for (const leads of ["to a file", "nowhere", "to a folder"] as const) {
    test(`a link at ${place} that leads ${leads} is not written through`, async () => {
      const { operator, liar, digests } = await stage.scene(repository, known);
      liar.serve(files);
      const link = join(operator.home, place), target = join(operator.dir, "elsewhere");
      if (leads === "to a file") writeFileSync(target, PRECIOUS);
      if (leads === "to a folder") mkdirSync(target);
      rmSync(link, { force: true });
      symlinkSync(target, link);
      lutimesSync(link, 0, 0); // a fresh lock that says nothing is waited for, as its owner may just be writing it
      const { code, stderr } = await operator.run(...args);
      if (leads === "to a file") assert.ok(readFileSync(target, "utf8") === PRECIOUS, "it was changed");
      if (leads === "nowhere") assert.ok(!existsSync(target), "it was made");
      assert.equal(code, 0, stderr);
      requireProvenPackages(operator.snapshot().packages, digests);
    });
  }
}

test("a link in place of trust/state.json is replaced by the next state, and what it led to stays", async () => {
  const { operator, liar } = await stage.scene(repository, known);
  liar.serve(files);
  const state = join(operator.home, "trust", "state.json"), elsewhere = join(operator.dir, "elsewhere");
  const before = readFileSync(state);
  writeFileSync(elsewhere, before);
  rmSync(state);
  symlinkSync(elsewhere, state);
  await operator.succeed("check");
  assert.ok(readFileSync(elsewhere).equals(before));
  assert.ok(lstatSync(state).isFile());
});

test("a link from packages/ to other bytes is no cached artifact", async () => {
  const { operator, liar, digests } = await stage.scene(repository, files);
  liar.serve(files);
  const elsewhere = join(operator.dir, "elsewhere");
  writeFileSync(elsewhere, content.map((byte) => byte ^ 1));
  symlinkSync(elsewhere, join(operator.home, "packages", nameOf("1.0.0")));
  await operator.succeed(...DOWNLOAD);
  requireProvenPackages(operator.snapshot().packages, digests);
});

test("a link from packages/ to the right bytes is replaced by a file of its own, and what it led to stays", async () => {
  const { operator, liar, digests } = await stage.scene(repository, files);
  liar.serve(files);
  const elsewhere = join(operator.dir, "elsewhere"), cached = join(operator.home, "packages", nameOf("1.0.0"));
  writeFileSync(elsewhere, content);
  symlinkSync(elsewhere, cached);
  await operator.succeed(...DOWNLOAD);
  assert.ok(lstatSync(cached).isFile());
  assert.ok(readFileSync(elsewhere).equals(content));
  requireProvenPackages(operator.snapshot().packages, digests);
});
