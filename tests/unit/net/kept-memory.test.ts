// What belongs to one request does not outlive it, not even until the next full collection, which may be long in coming
// (docs/decisions/0026-short-lives.md).

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import v8 from "node:v8";
import { PIECE_BYTES } from "../../../src/hash/blake3-core.ts";
import { createHttpsSource } from "../../../src/sources/https.ts";
import { artifactOf, targetUrlPath, testBytes } from "../../support/artifact.ts";
import { startMirror } from "../../support/mirror-process.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { createClosing, testClient } from "../../support/test-client.ts";

const REQUESTS = 3_000;
const SAMPLE_EVERY = 100;
/** A request that is kept takes more than 5 KB; the runtime's own share is a tenth of that. */
const MAX_KEPT_BYTES = REQUESTS * 1_500;

const closing = createClosing();
after(() => closing.closeAll());

/** Bytes of the old generation, of which small collections give nothing back. */
function oldBytes(): number {
  return v8.getHeapSpaceStatistics().find((s) => s.space_name === "old_space")?.space_used_size ?? 0;
}

test("requests leave nothing behind in the old generation", { timeout: 60_000 }, async () => {
  const folder = tempFolder("kept");
  const bytes = testBytes(2 * PIECE_BYTES + 1_000);
  const artifact = await artifactOf(bytes);
  const file = join(folder, decodeURIComponent(targetUrlPath(artifact)));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, bytes);
  const server = await startMirror(folder); // in a process of its own: what it keeps is not counted
  closing.keep({ close: () => server.stop() });
  const source = createHttpsSource({ url: server.url, priority: 1, client: closing.keep(testClient()) });
  const reader = closing.keep(await source.open(artifact, { signal: new AbortController().signal }));

  /** Two at a time, one of which is always under way: what has ended must not be held by what came after it. */
  const readLastPieces = (count: number) => Promise.all([readBySide(count / 2), readBySide(count / 2)]);

  async function readBySide(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      let got = 0;
      const { signal } = new AbortController();
      for await (const chunk of reader.read(2, 1, { signal, reusesChunks: true })) got += chunk.length;
      assert.equal(got, 1_000);
    }
  }

  await readLastPieces(1_000); // until it is compiled
  let keptBytes = 0;
  for (let done = 0, before = oldBytes(); done < REQUESTS; done += SAMPLE_EVERY) {
    await readLastPieces(SAMPLE_EVERY);
    const now = oldBytes();
    keptBytes += Math.max(0, now - before); // a full collection in between hides nothing that came before it
    before = now;
  }
  assert.ok(keptBytes < MAX_KEPT_BYTES, `${keptBytes} bytes were kept of ${REQUESTS} requests`);
});
