// A network's own build, with its root and mirrors baked in: neither has to be named any more. README.md, docs/cli.md.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { denoProgram } from "../runtimes/runtimes.ts";
import { createNetwork, PLATFORM } from "./network.ts";

const PROJECT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const network = await createNetwork();
const mirror = await network.mirror();
const baked = join(network.folder, "baked.mjs");

function deno(args: readonly string[], cwd: string) {
  const { status, stdout, stderr } = spawnSync(denoProgram(), ["run", "-A", ...args], { cwd, encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout;
}
const run = (...args: string[]) => deno([baked, ...args], network.folder);

test("it is made by the build task's own options", () => {
  const bake = ["--root", network.rootFile, "--mirror", `${mirror.url}/`, "--out", baked];
  deno(["--frozen", "build.ts", ...bake], PROJECT);
  const { rootSha256, mirrors } = JSON.parse(run("version", "--json"));
  assert.deepEqual([rootSha256, mirrors], [network.rootSha256, [mirror.url]]);
});

test("init needs no option, and nothing is asked for", () => {
  const home = network.newHome();
  const { root, mirrors } = JSON.parse(run("init", "--home", home, "--json"));
  assert.equal(root.sha256, network.rootSha256);
  assert.deepEqual(mirrors.map((m: { url: string }) => new URL(m.url).origin), [mirror.url]);
  assert.deepEqual(mirror.questions, []);
});

test("a bundle alone is enough to verify", () => {
  const at = ["--home", network.newHome()];
  const shot = ["verify", "--package", network.packageFile("1.0.0"), "--bundle", network.bundle, ...at];
  assert.match(run(...shot), /verified successfully/);
  assert.match(run(...shot, "--platform", PLATFORM, "--require-fresh"), /verified successfully/);
});
