// The lie: the artifact and more behind it, without an end even. No more than the signed size is ever taken.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ErrorCode } from "../../src/errors.ts";
import { requireCaught, requireProvenPackages } from "../support/caught.ts";
import { extended } from "../support/lying-bytes.ts";
import { type Answer, gives, givesUnannounced, pours } from "../support/lying-mirror.ts";
import { createRelease, createStage } from "../support/scene.ts";

const stage = await createStage();
const { repository, path, content } = await createRelease("extra bytes");
const files = repository.files();
// What two sockets and the client's own buffer can hold of a body that nobody wants any more.
const BUFFERS_BYTES = 16 * 2 ** 20;

const LIES: readonly (readonly [string, Answer, ErrorCode])[] = [
  ["an artifact that says it is a byte longer", gives((b) => extended(b, 1)), "E_SIZE_MISMATCH"],
  ["an artifact that says it is as long again", gives((b) => extended(b, b.length)), "E_SIZE_MISMATCH"],
  ["an endless body of something else", pours(Infinity, { announced: false }), "E_HASH_MISMATCH"],
];

for (const [title, lie, code] of LIES) {
  test(`${title} is refused (${code})`, async () => {
    const scene = await stage.scene(repository, files);
    scene.liar.serve(files, { [path]: lie });
    scene.honest.serve(files);
    await requireCaught(scene, ["download", "--version", "1.0.0", "--platform", "linux-x64"], {
      code,
      verdict: "lie",
    });
    assert.ok(scene.liar.givenBytes < 3 * content.length + BUFFERS_BYTES, `${scene.liar.givenBytes} bytes were taken`);
  });
}

test("what stands behind the signed bytes of a body that did not say its length is not taken", async () => {
  const scene = await stage.scene(repository, files);
  scene.liar.serve(files, { [path]: givesUnannounced((b) => extended(b, 2 ** 20)) });
  await scene.operator.succeed("download", "--version", "1.0.0", "--platform", "linux-x64");
  const { packages } = scene.operator.snapshot();
  assert.equal(packages.size, 1);
  requireProvenPackages(packages, scene.digests);
});
