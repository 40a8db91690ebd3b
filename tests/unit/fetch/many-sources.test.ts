// More sources than may be read at a time: who holds a place, and who gets it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Source } from "../../../src/api.ts";
import type { DownloadEvent } from "../../../src/fetch/download-event.ts";
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

  const timeOf = async (sources: readonly Source[]) => (await download(sources)).ms;

  async function download(sources: readonly Source[]): Promise<{ ms: number; events: readonly DownloadEvent[] }> {
    const place = createDownloadPlace(artifact);
    const startMs = performance.now();
    try {
      await place.download(sources, { signal: AbortSignal.timeout(30_000) });
      await place.assertPlaced(bytes);
      return { ms: performance.now() - startMs, events: place.events };
    } finally {
      await place.remove();
    }
  }

  test("silent ones that hold all places give them up to one behind them", async () => {
    const silent = Array.from({ length: PLACES }, (_, i) => source(`silent ${i}`, { silentAfterBytes: 0 }));
    const ms = await timeOf([...silent, source("good", { bytesPerSecond: 50 * MIB })]);
    assert.ok(ms < 10_000, `${ms} ms`);
  });

  const SLOW_ANSWER: MemoryBehaviour = { latencyMs: 3_000 };

  test("those that take seconds to answer are not cut off for one that has nothing to bring", async () => {
    const slow = Array.from({ length: PLACES }, (_, i) => source(`slow ${i}`, SLOW_ANSWER));
    const idle = createMemorySource({ id: "idle", kind: "peer", priority: 1, bytes, pieces: [0] });
    const { events } = await download([idle, ...slow]);
    const early = events.slice(0, events.findIndex((e) => e.type === "progress" && e.bytes > MIB));
    assert.ok(early.filter((e) => e.type === "failed").length <= 1); // it makes room for whoever had none
  });

  test("those that take seconds to answer are not cut off for each other", async () => {
    const { events } = await download(Array.from({ length: PLACES }, (_, i) => source(`slow ${i}`, SLOW_ANSWER)));
    const beginning = events.slice(0, events.findIndex((e) => e.type === "progress" && e.bytes > 0));
    assert.deepEqual(beginning.filter((e) => e.type === "failed"), []);
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
