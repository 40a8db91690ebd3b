// Sources that appear while a download runs, as peers do that connect: they help, and nobody gains by coming back.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { Opts, Source } from "../../../src/api.ts";
import { artifactOf, pieceListOf, testBytes } from "../../support/artifact.ts";
import { createDownloadPlace, type DownloadPlace } from "../../support/download-place.ts";
import { createMemorySource, type MemoryBehaviour } from "../../support/memory-source.ts";
import { createClosing } from "../../support/test-client.ts";
import { until } from "../../support/until.ts";

const MIB = 1 << 20;
const PIECES = 24;
const bytes = testBytes((PIECES - 1) * MIB + 77);
const artifact = await artifactOf(bytes);
const list = await pieceListOf(bytes);
/** So slow that the whole would take a minute. */
const SLOW: MemoryBehaviour = { bytesPerSecond: 400_000 };

const source = (id: string, behaviour: MemoryBehaviour = {}, priority = 1) =>
  createMemorySource({ id, priority, bytes, list, behaviour });

/** Gives these when they are due, and ends with the download. */
function coming(give: () => AsyncIterable<Source>) {
  let isOver = false;
  async function* newSources({ signal }: Opts): AsyncGenerator<Source> {
    yield* give();
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    isOver = true;
  }
  return { newSources, isOver: () => isOver };
}

describe("a source that appears during a download", { timeout: 120_000 }, () => {
  const closing = createClosing();
  after(() => closing.closeAll());

  function place(): DownloadPlace {
    const made = createDownloadPlace(artifact);
    closing.keep({ close: () => made.remove() });
    return made;
  }

  for (const strategy of ["parallel", "failover"] as const) {
    test(`helps one that is slow (${strategy})`, async () => {
      const at = place(), slow = source("slow", SLOW), late = source("late");
      const { newSources, isOver } = coming(async function* () {
        await until("the slow one is at work", () => slow.givenBytes > 0);
        yield late;
      });
      const beganMs = performance.now();
      const got = await at.download([slow], { newSources, strategy });
      assert.ok(performance.now() - beganMs < 20_000);
      await at.assertPlaced(bytes);
      assert.equal(got.source, "late");
      assert.deepEqual(got.sources.map(({ id }) => id), ["slow", "late"]);
      await until("nobody is waited for any more", isOver);
      assert.equal(late.openReaders, 0);
    });
  }

  for (const isFirstOfItsClass of [true, false]) {
    const what = isFirstOfItsClass ? "the first of its own" : "one of several of its own";
    test(`is not asked while those of an earlier class are enough (${what})`, async () => {
      const first = source("first", { bytesPerSecond: 20 * MIB });
      const beside = isFirstOfItsClass ? [] : [source("beside", {}, 2)], later = source("later", {}, 2);
      const { newSources } = coming(async function* () {
        await until("the first is at work", () => first.givenBytes > 0);
        yield later;
      });
      const got = await place().download([first, ...beside], { newSources });
      assert.deepEqual([...beside, later].map((s) => s.reads.length), [...beside, later].map(() => 0));
      assert.equal(got.sources.find(({ id }) => id === "first")?.outcome, "used");
      for (const report of got.sources.slice(1)) assert.equal(report.outcome, "unused");
    });
  }

  test("opens a class of its own before those that were left for later", async () => {
    const slow = source("slow", SLOW, 2), better = source("better", {}, 1);
    const { newSources } = coming(async function* () {
      await until("the slow one is at work", () => slow.givenBytes > 0);
      yield better;
    });
    const got = await place().download([slow], { newSources });
    assert.equal(got.source, "better");
  });

  test("was there before, and is asked again at once, unless it lied", async () => {
    const slow = source("slow", SLOW), gone = source("gone", { diesAfterBytes: 0 });
    const liar = source("liar", { liesAt: () => true });
    const at = place();
    const states = () => at.events.flatMap((e) => e.type === "failed" || e.type === "refused" ? [e.source] : []);
    let lies = 0;
    const { newSources } = coming(async function* () {
      await until("the liar is out, and the other one down", () => {
        return states().includes("liar") && states().filter((id) => id === "gone").length >= 2;
      });
      lies = liar.reads.length;
      gone.behave({});
      yield liar;
      yield gone;
    });
    const got = await at.download([slow, gone, liar], { newSources });
    await at.assertPlaced(bytes);
    assert.equal(got.source, "gone");
    assert.equal(liar.reads.length, lies, "who lied is not asked again");
    assert.equal(at.events.filter((e) => e.type === "refused").length, 1);
    assert.equal(got.sources.length, 3, "it is the same source");
  });

  test("is one of two hundred at most, however many are made up", async () => {
    const slow = source("slow", { bytesPerSecond: 4 * MIB });
    const { newSources } = coming(async function* () {
      for (let i = 0; i < 1_000; i++) yield source(`made up ${i}`, { absent: true });
    });
    const got = await place().download([slow], { newSources });
    assert.equal(got.sources.length, 200);
    assert.equal(got.source, "slow");
  });
});
