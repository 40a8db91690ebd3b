// The lie that comes first: whoever answers at once, and wrongly, must not keep a slower honest mirror from being heard.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Answer, honestly, page } from "../support/lying-mirror.ts";
import { createRelease, createStage } from "../support/scene.ts";

const stage = await createStage();
const { repository } = await createRelease("hasty liar");
const known = repository.files();
repository.publishRoot();
repository.publish();
const files = repository.files();

// Longer than the other mirrors are given once one has answered well.
const SLOW_MS = 3500;
const slowly: Answer = async (q) => {
  await delay(SLOW_MS);
  await honestly(q);
};

test("an honest mirror that needs seconds is waited for while all that others gave is wrong", async () => {
  const { operator, liar, honest } = await stage.scene(repository, known);
  await operator.succeed("add-mirror", "--url", honest.url);
  liar.serve(files, { "": page(200, "wrong") });
  honest.serve(files, {
    "metadata/2.root.json": slowly,
    "metadata/3.root.json": slowly,
    "metadata/timestamp.json": slowly,
  });
  const { stdout } = await operator.succeed("check", "--json");
  const { metadata, mirrors } = JSON.parse(stdout);
  assert.deepEqual([metadata.rootVersion, metadata.timestampVersion], [2, repository.draft("timestamp")["version"]]);
  assert.deepEqual(mirrors, [
    { url: liar.url, status: "refused", code: "E_MALFORMED" },
    { url: honest.url, status: "ok", code: null },
  ]);
});
