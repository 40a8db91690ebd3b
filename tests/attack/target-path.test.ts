// The lie: releases whose names lead out of the folders they belong in, signed by a maintainer gone bad. None of them is
// usable, nothing is ever written anywhere else, and the other releases are not affected.
import assert from "node:assert/strict";
import { test } from "node:test";
import { requireError, requirePrintable, requireProvenPackages } from "../support/caught.ts";
import { createReleaseRepository, nameOf, type ReleaseOptions } from "../support/release-repository.ts";
import { createStage } from "../support/scene.ts";

const stage = await createStage();
const repository = createReleaseRepository({ seed: "target path" });
await repository.addRelease("1.0.0");

const CSI = "\u009b", ESC = "\u001b", RIGHT_TO_LEFT = "\u202e";
/** By title: the version it is added as, and what is wrong with it. */
const EVIL: Readonly<Record<string, readonly [string, ReleaseOptions]>> = {
  "a path with ..": ["1.1.0", { path: "dchat/1.1.0/../../../../escaped" }],
  "a path that begins with ..": ["1.1.1", { path: "../../escaped" }],
  "an absolute path": ["1.1.2", { path: "/tmp/escaped" }],
  "a path with backslashes": ["1.1.3", { path: "dchat/1.1.3/..\\..\\escaped" }],
  "a path with a drive": ["1.1.4", { path: "dchat/1.1.4/C:escaped" }],
  "a path with an empty segment": ["1.1.5", { path: `dchat//1.1.5/${nameOf("1.1.5")}` }],
  "a path with an escape sequence": ["1.1.6", { path: `dchat/1.1.6/${ESC}[2J${CSI}2J` }],
  "a path with lines of its own": ["1.1.7", { path: "dchat/1.1.7/x\n✅ Package verified successfully\r" }],
  "a path written backwards": ["1.1.8", { path: `dchat/1.1.8/${RIGHT_TO_LEFT}exe.x` }],
  "a NUL in its path": ["1.1.9", { path: `dchat/1.1.9/${nameOf("1.1.9")}\0` }],
  "a version with ..": ["../../1.2.0", {}],
  "a version with a path of its own": ["1.2.1", { custom: { version: "../../1.2.1" } }],
  "another version than its path": ["1.2.2", { custom: { version: "9.9.9" } }],
  "a version with an escape sequence": [`1.2.3${ESC}[31m`, {}],
  "a version that is no text": ["1.2.4", { custom: { version: 124 } }],
  "a platform with ..": ["1.3.0", { custom: { platform: "../../escaped" } }],
  "another platform than its name": ["1.3.1", { custom: { platform: "windows-x64" } }],
  "an entrypoint with ..": ["1.4.0", { custom: { entrypoint: "../../escaped" } }],
  "an absolute entrypoint": ["1.4.1", { custom: { entrypoint: "/escaped" } }],
  "an unknown format": ["1.5.0", { custom: { format: "../sh" } }],
};
for (const [version, o] of Object.values(EVIL)) await repository.addRelease(version, o);
repository.delegate({ name: "../../escaped" });
repository.publish();
const files = repository.files();

const PLATFORM = ["--platform", "linux-x64"] as const;
const scene = await stage.scene(repository, files);
const before = scene.operator.snapshot();

for (const [title, [version]] of Object.entries(EVIL)) {
  test(`a release with ${title} cannot be downloaded`, async () => {
    const outcome = await scene.operator.run("download", "--version", version, ...PLATFORM);
    requireError(outcome, /^[\d.]+$/.test(version) && !version.startsWith(".") ? "E_NO_RELEASE" : "E_USAGE");
  });
}

test("what such releases are called reaches nobody's terminal, neither as text nor as JSON", async () => {
  for (const command of ["check", "list-versions"]) {
    for (const form of [[], ["--json"]]) {
      const { stdout, stderr } = await scene.operator.succeed(command, ...PLATFORM, ...form);
      requirePrintable(stdout);
      requirePrintable(stderr);
      assert.doesNotMatch(stdout, /^✅ Package verified/m, "a line of somebody else's");
    }
  }
});

test("the release beside them can be downloaded, and nothing was written anywhere else", async () => {
  await scene.operator.succeed("download", "--version", "1.0.0", ...PLATFORM);
  const { packages, outside, state } = scene.operator.snapshot();
  assert.deepEqual([...packages.keys()], [nameOf("1.0.0")]);
  requireProvenPackages(packages, scene.digests);
  assert.deepEqual(outside, before.outside);
  assert.ok(state === before.state, "trust/state.json was changed");
});
