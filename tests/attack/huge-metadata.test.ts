// The lie: a metadata file of a gigabyte, announced or not. Nobody may make a node hold it, or even wait for it.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { requireCaught } from "../support/caught.ts";
import { type Answer, pours, writesRaw } from "../support/lying-mirror.ts";
import { createRelease, createStage } from "../support/scene.ts";

const stage = await createStage();
const { repository } = await createRelease("huge metadata");
const known = repository.files();
repository.publish();
const files = repository.files();

const GIGABYTE = 1e9;
// The largest limit is the 5 MB of targets; the rest is what sockets and the client's buffer hold.
const MAX_TAKEN_BYTES = 24 * 2 ** 20;
// A garbage collector's freedom, a fortieth of what was offered.
const MAX_MORE_MEMORY_BYTES = 24 * 2 ** 20;

let honestPeakBytes = 0;
before(async () => {
  const { operator, liar } = await stage.scene(repository, known);
  liar.serve(files);
  const { peakBytes, code } = await operator.start({ measureMemory: true }, "check").outcome;
  assert.equal(code, 0);
  honestPeakBytes = peakBytes;
});

const PATHS = {
  "next root": "metadata/2.root.json",
  timestamp: "metadata/timestamp.json",
  snapshot: repository.path("snapshot"),
  targets: repository.path("targets"),
};

for (const [role, path] of Object.entries(PATHS)) {
  for (const announced of [true, false]) {
    test(`a gigabyte of ${role}, ${announced ? "" : "not "}announced, is neither taken nor held`, async () => {
      const scene = await stage.scene(repository, known);
      const lie = { [path]: pours(GIGABYTE, { announced }) };
      scene.liar.serve(files, lie);
      scene.honest.serve(files);
      const { peakBytes } = await scene.operator.start({ measureMemory: true }, "check").outcome;
      assert.ok(scene.liar.givenBytes < MAX_TAKEN_BYTES, `${scene.liar.givenBytes} bytes were taken`);
      const more = peakBytes - honestPeakBytes;
      assert.ok(more < MAX_MORE_MEMORY_BYTES, `${more} bytes more than an honest mirror takes`);
      await requireCaught(scene, ["check"], { code: "E_TOO_LARGE", verdict: "lie" });
    });
  }
}

test("headers without an end are given up", async () => {
  const scene = await stage.scene(repository, known);
  const endless: Answer = writesRaw(`HTTP/1.1 200 OK\r\n${`x-more: ${"x".repeat(1000)}\r\n`.repeat(2000)}`, "wait");
  scene.liar.serve(files, { "metadata/timestamp.json": endless });
  scene.honest.serve(files);
  await requireCaught(scene, ["check"], { code: "E_UNREACHABLE", verdict: "fault" });
});

test("test-mirrors takes no gigabyte either, and does not call such a mirror operational", async () => {
  const scene = await stage.scene(repository, known);
  scene.liar.serve(files, { "metadata/timestamp.json": pours(GIGABYTE, { announced: false }) });
  const { stdout } = await scene.operator.succeed("test-mirrors");
  assert.match(stdout, /^0\/1 mirrors operational$/m);
  assert.ok(scene.liar.givenBytes < MAX_TAKEN_BYTES, `${scene.liar.givenBytes} bytes were taken`);
});
