// The lie: wrong bytes, and then nothing, so that an honest mirror completes them and looks like the liar.
import assert from "node:assert/strict";
import { test } from "node:test";
import { requireCaught, requireProvenPackages } from "../support/caught.ts";
import { altered } from "../support/lying-bytes.ts";
import { hangsUpBefore } from "../support/lying-mirror.ts";
import { createRelease, createStage } from "../support/scene.ts";

const stage = await createStage();
const { repository, path, content } = await createRelease("poisoned resume");
const files = repository.files();
const poisons = hangsUpBefore(Math.floor(content.length / 2), (b) => altered(b, "first"));
const DOWNLOAD = ["download", "--version", "1.0.0", "--platform", "linux-x64"] as const;

test("wrong bytes left by one run do not spoil the next, which finds an honest mirror", async () => {
  const scene = await stage.scene(repository, files);
  scene.liar.serve(files, { [path]: poisons });
  scene.honest.serve(files);
  await requireCaught(scene, DOWNLOAD, { code: "E_UNREACHABLE", verdict: "fault" });
});

test("an honest mirror that completed a liar's bytes is asked for all of them and never accused", async () => {
  const scene = await stage.scene(repository, files);
  scene.liar.serve(files, { [path]: poisons });
  scene.honest.serve(files);
  await scene.operator.succeed("add-mirror", "--url", scene.honest.url);
  await scene.operator.succeed(...DOWNLOAD);
  const { packages, alerts } = scene.operator.snapshot();
  requireProvenPackages(packages, scene.digests);
  assert.equal(packages.size, 1);
  assert.deepEqual(alerts.filter((a) => a.source.includes(scene.honest.url)), []);
});
