// The client that is shipped as a library says of every lie what the pure functions say, with the same code.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { asUpdateError } from "../../src/errors.ts";
import { createTufClient } from "../../src/library/tuf-client.ts";
import { pinRoot } from "../../src/trust/client.ts";
import { createAttackScene } from "../attack/attack-scene.ts";
import { METADATA_ATTACKS } from "../attack/metadata-attacks.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { strictClock, update } from "../support/trust-client.ts";
import { type RepositoryServer, startRepositoryServer } from "./rival.ts";

const oneName = (code: string) => (code === "E_TOO_LARGE" ? "E_SIZE_MISMATCH" : code);

let server: RepositoryServer;
let folder = "";
before(async () => {
  server = await startRepositoryServer();
  folder = tempFolder("library-verdicts");
});
after(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

describe("the library's client over HTTP and the pure functions agree", () => {
  // Every fifth lie, some of each kind: the functions are the same, what is new is the wiring.
  for (const [i, attack] of METADATA_ATTACKS.entries()) {
    if (i % 5 !== 0) continue;
    test(attack.name, async () => {
      const scene = createAttackScene(`library ${i}`, attack.needs);
      attack.tell(scene);
      const name = `scene-${i}`, now = scene.repo.nowMs;
      const client = createTufClient({
        metadataDir: join(folder, name),
        metadataUrls: [`${server.url}/${name}/metadata`],
        targetsUrl: `${server.url}/${name}/targets`,
        now: () => now,
      });
      try {
        await client.init(scene.repo.pinnedRoot);
        let state = pinRoot(scene.repo.pinnedRoot);
        for (const files of [...scene.before, scene.files]) {
          server.serve(name, files);
          const pure = update(state, files, strictClock(now), scene.target);
          state = pure.state;
          const expected = pure.error?.code ?? (pure.value?.kind === "found" ? "found" : "E_NO_RELEASE");
          const said = await client.download(scene.target, join(folder, `${name}-targets`)).then(
            () => "found",
            (e) => asUpdateError(e).code,
          );
          // A file longer than signed is cut off while it arrives; the functions see it whole.
          assert.equal(oneName(said), oneName(expected));
        }
      } finally {
        await client.close();
      }
    });
  }
});
