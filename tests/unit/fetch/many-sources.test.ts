// More sources than may be read at a time: who holds a place, and who gets it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Source } from "../../../src/api.ts";
import { artifactOf, pieceListOf, testBytes } from "../../support/artifact.ts";
import { createDownloadPlace } from "../../support/download-place.ts";
import { createMemorySource, type MemoryBehaviour } from "../../support/memory-source.ts";

const MIB = 1 << 20;
const bytes = testBytes(40 * MIB);
const artifact = await artifactOf(bytes);
const list = await pieceListOf(bytes);

/** Reads that may run at a time. */
const PLACES = 24;

describe("of many sources", { timeout: 120_000 }, () => {
  const source = (id: string, behaviour: MemoryBehaviour = {}) =>
    createMemorySource({ id, kind: "https", priority: 1, bytes, list, behaviour });

  async function timeOf(sources: readonly Source[]): Promise<number> {
    const place = createDownloadPlace(artifact);
    const startMs = performance.now();
    try {
      await place.download(sources, { signal: AbortSignal.timeout(30_000) });
      await place.assertPlaced(bytes);
      return performance.now() - startMs;
    } finally {
      await place.remove();
    }
  }

  test("silent ones that hold all places give them up to one behind them", async () => {
    const silent = Array.from({ length: PLACES }, (_, i) => source(`silent ${i}`, { silentAfterBytes: 0 }));
    const ms = await timeOf([...silent, source("good", { bytesPerSecond: 50 * MIB })]);
    assert.ok(ms < 10_000, `${ms} ms`);
  });

  /** Each read of it brings so much, as servers limit connections: more of them are worth trying. */
  function limited(id: string, bytesPerSecond: number): Source {
    const whole = source(id);
    return {
      ...whole,
      async open(a, o) {
        const reader = await whole.open(a, o);
        return {
          ...reader,
          async *read(first, count, opts) {
            for await (const chunk of reader.read(first, count, opts)) {
              for (let at = 0; at < chunk.length; at += 8192) {
                const part = chunk.slice(at, at + 8192);
                await delay(part.length * 1000 / bytesPerSecond, undefined, opts);
                yield part;
              }
            }
          },
        };
      },
    };
  }

  test("slow ones leave a fast one behind them its reads, and do not hold the last pieces twice", async () => {
    const slow = Array.from({ length: 7 }, (_, i) => limited(`slow ${i}`, 80_000));
    const fast = () => source("fast", { bytesPerSecond: 5 * MIB });
    const [alone, beside] = [await timeOf([fast()]), await timeOf([...slow, fast()])];
    assert.ok(beside < 1.3 * alone, `${beside} ms beside seven slow ones, ${alone} ms alone`);
  });
});
