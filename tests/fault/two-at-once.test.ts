// Several processes on one home: nobody spoils the other's work, nothing is fetched twice, nobody waits for nothing.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { requireProvenPackages } from "../support/caught.ts";
import { heldAnswer } from "../support/held-answer.ts";
import { nameOf } from "../support/release-repository.ts";
import { createRelease, createStage } from "../support/scene.ts";
import { until } from "../support/until.ts";

const stage = await createStage();
const { repository, path } = await createRelease("two at once");
const known = repository.files();
repository.publishRoot();
repository.publish();
const files = repository.files();
const DOWNLOAD = ["download", "--version", "1.0.0", "--platform", "linux-x64"] as const;

test("two processes download one artifact once, and both have it", async () => {
  const { operator, liar: mirror, digests } = await stage.scene(repository, files);
  const held = heldAnswer(10_000);
  mirror.serve(files, { [path]: held.answer });
  const runs = [operator.start({}, ...DOWNLOAD), operator.start({}, ...DOWNLOAD)];
  const asked = (part: string) => mirror.questions.filter((q) => q.path.includes(part)).length;
  const waits = () => runs.some((run) => /waiting for process \d+/.test(run.said()));
  await until("one is at work and the other waits for it, or asks as well", () => waits() || asked(path) === 2);
  held.release();
  for (const { code, stderr } of await Promise.all(runs.map((r) => r.outcome))) assert.equal(code, 0, stderr);
  assert.equal(asked(path), 1, "it was fetched twice");
  const { packages } = operator.snapshot();
  assert.deepEqual([...packages.keys()], [nameOf("1.0.0")]);
  requireProvenPackages(packages, digests);
  assert.deepEqual(readdirSync(join(operator.home, "partial")), [], "leftovers");
});

test("several checks at once all succeed and leave the newest state", async () => {
  const { operator, liar: mirror } = await stage.scene(repository, known);
  mirror.serve(files);
  const outcomes = await Promise.all([1, 2, 3, 4].map(() => operator.run("check")));
  for (const { code, stderr } of outcomes) assert.equal(code, 0, stderr);
  const { stdout } = await operator.succeed("list-versions", "--offline", "--json");
  assert.equal(JSON.parse(stdout).metadata.timestampVersion, repository.draft("timestamp")["version"]);
  assert.deepEqual(readdirSync(join(operator.home, "trust")), ["state.json"], "leftovers");
});

test("a check with an old mirror beside one with a new mirror does not take the state back", async () => {
  const { operator, liar, honest } = await stage.scene(repository, known);
  liar.serve(known);
  honest.serve(files);
  const old = operator.run("check");
  await operator.succeed("add-mirror", "--url", honest.url);
  const [{ code }] = await Promise.all([operator.run("check"), old]);
  assert.equal(code, 0);
  const { stdout } = await operator.succeed("list-versions", "--offline", "--json");
  assert.equal(JSON.parse(stdout).metadata.timestampVersion, repository.draft("timestamp")["version"]);
});
