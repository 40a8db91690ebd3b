// A proven file gets its name, also where that takes a copy. Design: "State on disk" of docs/architecture.md.
import assert from "node:assert/strict";
import { readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { placeProven } from "../../../src/fetch/place-proven.ts";
import { artifactOf, testBytes } from "../../support/artifact.ts";
import { fails } from "../../support/fails.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const MEMORY = "/dev/shm";
const { signal } = new AbortController();

test("a copy onto another file system that went wrong is not placed, and nothing of it is left", async (t) => {
  const onOther = await stat(MEMORY).then(async (s) => s.dev !== (await stat(tmpdir())).dev, () => false);
  if (!onOther) return t.skip("there is no second file system here");
  const here = tempFolder("place-proven"), there = tempFolder("place-proven", MEMORY);
  const bytes = testBytes(100_000), artifact = await artifactOf(bytes);
  const altered = Uint8Array.from(bytes, (byte, i) => i === 70_000 ? byte ^ 1 : byte); // as a bad disk would copy it
  await writeFile(join(here, "part"), altered);
  await assert.rejects(
    placeProven(artifact, join(here, "part"), join(there, "copy"), { signal }),
    fails("E_HASH_MISMATCH"),
  );
  assert.deepEqual(await readdir(there), []);
  for (const folder of [here, there]) await rm(folder, { recursive: true });
});
