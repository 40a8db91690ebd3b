// The lie: "this is the root you asked for". With `--root-sha256` the mirrors are asked for the root, and only its
// digest counts; nothing is pinned unless it fits.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ErrorCode } from "../../src/errors.ts";
import { runDchat } from "../support/bundled-cli.ts";
import { requireError } from "../support/caught.ts";
import { altered } from "../support/lying-bytes.ts";
import { type Answer, gives, page, pours, redirects } from "../support/lying-mirror.ts";
import { createRelease, createStage } from "../support/scene.ts";
import { sha256 } from "../support/signed-file.ts";

const stage = await createStage();
const { repository } = await createRelease("pinning");
const { repository: stranger } = await createRelease("pinning by a stranger");
const files = repository.files();
const { dir } = await stage.operator({ pinnedRoot: repository.pinnedRoot });

const LIES: Readonly<Record<string, readonly [Answer, ErrorCode]>> = {
  "an altered root": [gives((b) => altered(b, "middle")), "E_HASH_MISMATCH"],
  "somebody else's root": [gives(() => stranger.pinnedRoot), "E_HASH_MISMATCH"],
  "a page": [page(200, "<html>"), "E_HASH_MISMATCH"],
  "nothing": [page(404, ""), "E_HASH_MISMATCH"],
  "a gigabyte": [pours(1e9, { announced: false }), "E_TOO_LARGE"],
  "a redirect to where nobody should go": [redirects("https://169.254.169.254/"), "E_FORBIDDEN_ADDRESS"],
};

for (const [i, [title, [answer, code]]] of Object.entries(LIES).entries()) {
  test(`${title} in place of the pinned root pins nothing (${code}); an honest mirror beside it is enough`, async () => {
    const home = join(dir, `home ${i}`);
    const init = ["init", "--root-sha256", sha256(repository.pinnedRoot), "--home", home, "--repo", stage.liar.url];
    stage.liar.serve(files, { "metadata/1.root.json": answer });
    stage.honest.serve(files);
    requireError(await runDchat(init), code);
    assert.ok(!existsSync(join(home, "trust", "state.json")) && !existsSync(join(home, "config.json")));
    const { code: together, stderr } = await runDchat([...init, "--repo", stage.honest.url]);
    assert.equal(together, 0, stderr);
    const state = JSON.parse(readFileSync(join(home, "trust", "state.json"), "utf8"));
    assert.deepEqual(state.roots, [new TextDecoder().decode(repository.pinnedRoot)]);
  });
}
