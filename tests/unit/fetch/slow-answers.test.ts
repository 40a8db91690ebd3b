// A source that is there, alone, and takes longer to answer than the engine takes for a stall.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { PIECE_BYTES } from "../../../src/hash/blake3-core.ts";
import { artifactOf, pieceListOf, testBytes } from "../../support/artifact.ts";
import { createDownloadPlace } from "../../support/download-place.ts";
import { createMemorySource } from "../../support/memory-source.ts";

const PIECES = 10;
const LATENCY_MS = 4_000;
const bytes = testBytes(PIECES * PIECE_BYTES);

describe("a source whose answers take long", { timeout: 60_000 }, () => {
  test("is not cut off as it begins to answer", async () => {
    const place = createDownloadPlace(await artifactOf(bytes));
    after(() => place.remove());
    const list = await pieceListOf(bytes);
    const slow = createMemorySource({
      id: "slow",
      kind: "https",
      priority: 1,
      bytes,
      list,
      behaviour: { latencyMs: LATENCY_MS },
    });
    await place.download([slow]);
    await place.assertPlaced(bytes);
    const asked = Array.from({ length: PIECES }, (_, i) => slow.reads.filter((r) => r.first === i).length);
    assert.ok(asked.every((times) => times <= 2), `pieces were asked for ${asked} times`); // once more when it fell silent
  });
});
