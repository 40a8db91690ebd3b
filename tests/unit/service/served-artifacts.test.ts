// What status says a node has for others. Design: docs/gossip.md, "Watching it".
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { openPieceMap } from "../../../src/fetch/piece-map.ts";
import { PIECE_BYTES } from "../../../src/hash/blake3-core.ts";
import { listServed } from "../../../src/service/served-artifacts.ts";
import { pinRoot } from "../../../src/trust/client.ts";
import { testBytes } from "../../support/artifact.ts";
import { createReleaseRepository, nameOf } from "../../support/release-repository.ts";
import { sha256 } from "../../support/signed-file.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { strictClock, updated } from "../../support/trust-client.ts";

const NOW = Date.UTC(2026, 0, 1);
const content = testBytes(2 * PIECE_BYTES + 4_567, "served");
const folder = tempFolder("served-artifacts");
after(() => rmSync(folder, { recursive: true, force: true }));

const repository = createReleaseRepository({ seed: "served artifacts", nowMs: NOW });
await repository.addRelease("1.0.0", { content });
repository.publish();
const state = updated(pinRoot(repository.pinnedRoot), repository.files(), strictClock(NOW));

test("whole files and pieces on their way are told of; what only has a release's name is not", async () => {
  const [packagesDir, partialDir] = ["packages", "partial"].map((name) => join(folder, name)) as [string, string];
  const listed = async () =>
    (await listServed({ packagesDir, partialDir }, state)).map((s) => `${s.version} ${s.pieces}/${s.totalPieces}`);
  assert.deepEqual(await listed(), [], "there are no folders yet");
  for (const dir of [packagesDir, partialDir]) mkdirSync(dir);
  const file = join(packagesDir, nameOf("1.0.0"));
  writeFileSync(file, content.subarray(1));
  assert.deepEqual(await listed(), []);
  const map = openPieceMap(join(partialDir, `${sha256(content)}.map`), 3);
  map.replace({ marks: Uint8Array.of(1, 0, 1), values: new Uint8Array(3 * 32) });
  map.close();
  assert.deepEqual(await listed(), ["1.0.0 2/3"]);
  writeFileSync(file, content);
  assert.deepEqual(await listed(), ["1.0.0 3/3"]);
});
