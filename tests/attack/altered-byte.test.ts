// The lie: the artifact with one bit changed. Length and everything else are right; only the digests tell.
import { test } from "node:test";
import { requireCaught } from "../support/caught.ts";
import { gives } from "../support/lying-mirror.ts";
import { createRelease, createStage } from "../support/scene.ts";
import { altered } from "../support/lying-bytes.ts";

const stage = await createStage();
const { repository, path } = await createRelease("altered byte");
const files = repository.files();

for (const where of ["first", "middle", "last"] as const) {
  test(`an artifact whose ${where} byte was altered is refused and its mirror named`, async () => {
    const scene = await stage.scene(repository, files);
    scene.liar.serve(files, { [path]: gives((bytes) => altered(bytes, where)) });
    scene.honest.serve(files);
    await requireCaught(scene, ["download", "--version", "1.0.0", "--platform", "linux-x64"], {
      code: "E_HASH_MISMATCH",
      verdict: "lie",
    });
  });
}
