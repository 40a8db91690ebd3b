// Whom `--strategy failover` asks when the one whose turn it is does not help.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Source } from "../../../src/api.ts";
import { artifactOf, pieceListOf, testBytes } from "../../support/artifact.ts";
import { createDownloadPlace } from "../../support/download-place.ts";
import { createMemorySource, type MemoryBehaviour } from "../../support/memory-source.ts";

const MIB = 1 << 20;
const bytes = testBytes(16 * MIB);
const artifact = await artifactOf(bytes);
const list = await pieceListOf(bytes);

/** Not waited for any longer than this: what is expected takes a third of it. */
const ENOUGH_MS = 20_000;

describe("with failover", { timeout: 60_000 }, () => {
  const source = (id: string, behaviour: MemoryBehaviour = {}) =>
    createMemorySource({ id, kind: "https", priority: 1, bytes, list, behaviour });

  async function givers(...sources: readonly Source[]): Promise<string[]> {
    const place = createDownloadPlace(artifact);
    try {
      const got = await place.download(sources, { strategy: "failover", signal: AbortSignal.timeout(ENOUGH_MS) });
      await place.assertPlaced(bytes);
      return got.sources.filter((r) => r.pieces > 0).map((r) => r.id);
    } finally {
      await place.remove();
    }
  }

  test("one that does not open is passed over, also when nobody is left to be opened", async () => {
    const never: Source = {
      ...source("never"),
      open: (_, { signal }) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    };
    assert.deepEqual(await givers(never, source("good")), ["good"]);
  });

  test("one that is slow when it is back from a failure is helped by the next, which was opened meanwhile", async () => {
    const back = source("back", { diesAfterBytes: 0 });
    setTimeout(() => back.behave({ bytesPerSecond: 50_000 }), 100);
    // Slow enough not to be done before the first one is back.
    const next = source("next", { bytesPerSecond: 4 * MIB });
    assert.ok((await givers(back, next)).includes("next"));
  });
});
