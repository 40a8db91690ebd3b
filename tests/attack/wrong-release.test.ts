// The lie: a genuine release, signed and proven, in place of another: an old one sold as new.
import { test } from "node:test";
import { requireCaught } from "../support/caught.ts";
import { gives } from "../support/lying-mirror.ts";
import { testBytes } from "../support/artifact.ts";
import { createReleaseRepository } from "../support/release-repository.ts";
import { createStage } from "../support/scene.ts";

const stage = await createStage();
const repository = createReleaseRepository({ seed: "wrong release" });
const old = testBytes(50_000, "old"), longer = testBytes(60_000, "longer");
await repository.addRelease("0.9.0", { content: old });
await repository.addRelease("0.9.1", { content: longer });
const path = await repository.addRelease("1.0.0", { content: testBytes(50_000, "new") });
repository.publish();
const files = repository.files();

for (const [title, body, code] of [["size", old, "E_HASH_MISMATCH"], ["name", longer, "E_SIZE_MISMATCH"]] as const) {
  test(`an older release under the ${title} of the newer is refused (${code})`, async () => {
    const scene = await stage.scene(repository, files);
    scene.liar.serve(files, { [path]: gives(() => body) });
    scene.honest.serve(files);
    await requireCaught(scene, ["download", "--version", "1.0.0", "--platform", "linux-x64"], { code, verdict: "lie" });
  });
}
