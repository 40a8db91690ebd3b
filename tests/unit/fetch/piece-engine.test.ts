// The scheduling of pieces over sources that behave in every way, through the download that uses it.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { Source, SourceKind } from "../../../src/api.ts";
import { AllSourcesFailedError, UpdateError } from "../../../src/errors.ts";
import { artifactOf, pieceListOf, testBytes } from "../../support/artifact.ts";
import { createDownloadPlace, type DownloadPlace } from "../../support/download-place.ts";
import { fails } from "../../support/fails.ts";
import { createMemorySource, type MemoryBehaviour, type MemorySource } from "../../support/memory-source.ts";
import { createClosing } from "../../support/test-client.ts";

const MIB = 1 << 20;
const PIECES = 24;
const bytes = testBytes((PIECES - 1) * MIB + 4321);
const artifact = await artifactOf(bytes);
const list = await pieceListOf(bytes);

describe("the piece engine", { timeout: 120_000 }, () => {
  const closing = createClosing();
  after(() => closing.closeAll());

  function place(): DownloadPlace {
    const made = createDownloadPlace(artifact);
    closing.keep({ close: () => made.remove() });
    return made;
  }
  const source = (
    id: string,
    behaviour: MemoryBehaviour = {},
    priority = 1,
    o: { list?: boolean; pieces?: number[]; kind?: SourceKind } = {},
  ) =>
    createMemorySource({
      id,
      ...(o.kind === undefined ? {} : { kind: o.kind }),
      priority,
      bytes,
      behaviour,
      ...(o.list === false ? {} : { list }),
      ...(o.pieces === undefined ? {} : { pieces: o.pieces }),
    });
  const reportOf = (got: Awaited<ReturnType<DownloadPlace["download"]>>, s: Source) =>
    got.sources.find((r) => r.id === s.id) ?? assert.fail(`no report of ${s.id}`);
  const assertAllClosed = (...sources: MemorySource[]) => {
    for (const s of sources) assert.deepEqual([s.id, s.running, s.openReaders], [s.id, 0, 0]);
  };

  test("asks all sources of a class side by side, and fetches no piece twice", async () => {
    const at = place();
    const rate = { bytesPerSecond: 20 * MIB };
    const all = ["a", "b", "c"].map((id) => source(id, rate));
    const got = await at.download(all);
    await at.assertPlaced(bytes);
    assert.equal(got.sources.reduce((sum, r) => sum + r.pieces, 0), PIECES);
    for (const s of all) assert.ok(reportOf(got, s).pieces >= 4, `${s.id} gave ${reportOf(got, s).pieces}`);
    assert.ok(got.bytesFetched <= bytes.length + 2 * MIB, `${got.bytesFetched} bytes came`);
    assertAllClosed(...all);
  });

  test("does not ask a later class while the first is good enough", async () => {
    const at = place();
    const first = source("first", {}, 1), second = source("second", {}, 2);
    const got = await at.download([second, first]);
    assert.equal(second.reads.length, 0);
    assert.deepEqual([reportOf(got, first).outcome, reportOf(got, second).outcome], ["used", "unused"]);
  });

  const REASONS: [why: string, behaviour: MemoryBehaviour][] = [
    ["is absent", { absent: true }],
    ["dies", { diesAfterBytes: 3 * MIB }],
    ["is silent", { silentAfterBytes: 2 * MIB + 5 }],
    ["lies", { liesAt: () => true }],
  ];
  for (const [why, behaviour] of REASONS) {
    for (const strategy of ["parallel", "failover"] as const) {
      test(`opens the next class when the first ${why} (${strategy})`, async () => {
        const at = place();
        const first = source("first", behaviour, 1), second = source("second", {}, 2);
        const got = await at.download([first, second], { strategy });
        await at.assertPlaced(bytes);
        assert.equal(got.source, "second");
        assertAllClosed(first, second);
      });
    }
  }

  test("a source that fell silent has failed, and one that was only slower has not", async () => {
    const silent = source("silent", { silentAfterBytes: 0 }, 1), second = source("second", {}, 2);
    const failed = reportOf(await place().download([silent, second]), silent);
    assert.deepEqual([failed.outcome, failed.error?.code, failed.bytes], ["failed", "E_TIMEOUT", 0]);
    const slow = source("slow", { bytesPerSecond: 50_000 }), fast = source("fast", { bytesPerSecond: 50 * MIB });
    const used = reportOf(await place().download([slow, fast]), slow);
    // It may have been given the last piece, which is short.
    assert.deepEqual([used.outcome, used.error], ["used", undefined]);
    assert.ok(used.bytes > 0);
  });

  test("with failover, one source at a time", async () => {
    const at = place();
    const all = ["a", "b"].map((id) => source(id, { bytesPerSecond: 100 * MIB }));
    const got = await at.download(all, { strategy: "failover" });
    assert.deepEqual(all.map((s) => reportOf(got, s).outcome), ["used", "unused"]);
  });

  test("a silent source holds nobody up for longer than the stall detection", async () => {
    const at = place();
    const silent = source("silent", { silentAfterBytes: 100_000 }), good = source("good", { bytesPerSecond: 60 * MIB });
    const startMs = performance.now();
    await at.download([silent, good]);
    assert.ok(performance.now() - startMs < 4_000, `${performance.now() - startMs} ms`);
    await at.assertPlaced(bytes);
    assertAllClosed(silent, good);
  });

  test("of a source that is alone, a line that freezes costs no more than the stall detection", async () => {
    for (const freezesRead of [(n: number) => n === 3, (n: number) => n < 2]) {
      const at = place();
      const lone = source("lone", { bytesPerSecond: 20 * MIB, freezesRead });
      const startMs = performance.now();
      const got = await at.download([lone]);
      assert.ok(performance.now() - startMs < 6_000, `${performance.now() - startMs} ms`);
      assert.equal(reportOf(got, lone).failures, 0);
      await at.assertPlaced(bytes);
      assertAllClosed(lone);
    }
  });

  test("asks a source for several runs at a time, where that brings more", async () => {
    const at = place();
    const far = source("far", { latencyMs: 300 });
    await at.download([far]);
    assert.ok(far.mostRunning > 1, `${far.mostRunning}`);
  });

  for (const strategy of ["parallel", "failover"] as const) {
    test(`opens the next class when the first is slow, within seconds (${strategy})`, async () => {
      const at = place();
      const slow = source("slow", { bytesPerSecond: 300_000 }, 1),
        fast = source("fast", { bytesPerSecond: 50 * MIB }, 2);
      const startMs = performance.now();
      const got = await at.download([slow, fast], { strategy });
      assert.ok(performance.now() - startMs < 12_000, `${performance.now() - startMs} ms; alone it takes 80 s`);
      assert.ok(reportOf(got, fast).pieces > PIECES / 2);
      await at.assertPlaced(bytes);
    });
  }

  test("a source that breaks at its first byte is asked once more, and fails the second time", async () => {
    const at = place();
    const lone = source("lone", { diesAfterBytes: 0 });
    setTimeout(() => lone.behave({}), 50);
    await at.download([lone]);
    await at.assertPlaced(bytes);
    const gone = source("gone", { diesAfterBytes: 0 });
    const startMs = performance.now();
    await assert.rejects(place().download([gone]), fails("E_UNREACHABLE"));
    assert.ok(performance.now() - startMs < 3_000);
  });

  test("the last pieces of a slow source are asked for at a fast one too", async () => {
    const at = place();
    // Of a peer the first piece is chance, and may be the last one, which is short.
    const slow = source("slow", { bytesPerSecond: 100_000 }, 1, { kind: "https" });
    const fast = source("fast", { bytesPerSecond: 50 * MIB }, 1, { kind: "https" });
    const startMs = performance.now();
    const got = await at.download([slow, fast]);
    assert.ok(performance.now() - startMs < 5_000, `${performance.now() - startMs} ms; alone a piece takes 10 s`);
    assert.equal(reportOf(got, fast).pieces, PIECES);
  });

  test("a liar is dropped at its first wrong piece, named once, and its right pieces are kept", async () => {
    const at = place();
    const liar = source("liar", { liesAt: (i) => i >= 2, bytesPerSecond: 50 * MIB });
    const good = source("good", { bytesPerSecond: 50 * MIB });
    const got = await at.download([liar, good]);
    await at.assertPlaced(bytes);
    assert.deepEqual(got.refused.map((r) => [r.source, r.error.code]), [["liar", "E_HASH_MISMATCH"]]);
    assert.equal(at.events.filter((e) => e.type === "refused").length, 1);
    assert.deepEqual([reportOf(got, liar).outcome, reportOf(got, good).outcome], ["refused", "used"]);
    assertAllClosed(liar, good);
  });

  test("when only a liar is there, it is refused and nothing gets a name", async () => {
    const at = place();
    await assert.rejects(at.download([source("liar", { liesAt: (i) => i === 5 })]), fails("E_HASH_MISMATCH"));
    await at.assertNothingPlaced();
  });

  test("a wrong piece list is a lie; another one is asked", async () => {
    const at = place();
    const wrong = list.slice();
    wrong[40] = (wrong[40] ?? 0) ^ 1;
    const liar = createMemorySource({ id: "liar", priority: 1, bytes, list: wrong });
    const good = source("good", {}, 2);
    const got = await at.download([liar, good]);
    await at.assertPlaced(bytes);
    assert.deepEqual(got.refused.map((r) => r.source), ["liar"]);
    assert.equal(liar.reads.length, 0);
  });

  test("the list may come from a source that has no pieces", async () => {
    const at = place();
    const lister = source("lister", {}, 1, { pieces: [] });
    const liar = source("liar", { liesAt: (i) => i === 9 }, 2, { list: false });
    const good = source("good", {}, 3, { list: false });
    const got = await at.download([lister, liar, good]);
    await at.assertPlaced(bytes);
    assert.deepEqual(got.refused.map((r) => r.source), ["liar"]);
  });

  test("partial holders are put together", async () => {
    const at = place();
    const odd = source("odd", {}, 1, {
      pieces: Array.from({ length: PIECES }, (_, i) => i).filter((i) => i % 2 === 1),
    });
    const even = source("even", {}, 1, {
      pieces: Array.from({ length: PIECES }, (_, i) => i).filter((i) => i % 2 === 0),
    });
    const got = await at.download([odd, even]);
    await at.assertPlaced(bytes);
    assert.deepEqual([reportOf(got, odd).pieces, reportOf(got, even).pieces], [PIECES / 2, PIECES / 2]);
  });

  test("a holder that grows is asked again for what it has got", async () => {
    const at = place();
    const growing = source("growing", {}, 1, { pieces: [0, 1] });
    const done = at.download([growing]);
    for (let i = 2; i < PIECES; i += 2) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      growing.grow([i, i + 1].filter((p) => p < PIECES));
    }
    await done;
    await at.assertPlaced(bytes);
  });

  test("a holder that broke off while it was listened to is listened to again", async () => {
    const at = place();
    const growing = source("growing", {}, 1, { pieces: [0, 1] });
    let isFirst = true;
    const done = at.download([{
      ...growing,
      async open(a, o) {
        const reader = await growing.open(a, o);
        return new Proxy(reader, {
          get(target, name) {
            if (name !== "changed" || !isFirst) return Reflect.get(target, name);
            isFirst = false;
            return async function* () {
              await new Promise((resolve) => setTimeout(resolve, 100));
              yield await Promise.reject(new UpdateError("E_UNREACHABLE", "the line broke"));
            };
          },
        });
      },
    }]);
    setTimeout(() => growing.grow(Array.from({ length: PIECES }, (_, i) => i)), 1_500);
    await done;
    await at.assertPlaced(bytes);
  });

  test("one that failed is asked again while a holder that may grow is waited for", async () => {
    const at = place();
    const partial = source("partial", {}, 1, { pieces: [0, 1] });
    const back = source("back", { diesAfterBytes: 0 });
    setTimeout(() => back.behave({}), 2_000);
    await at.download([partial, back], { signal: AbortSignal.timeout(30_000) });
    await at.assertPlaced(bytes);
  });

  test("a source that reads from the beginning only is read once, next to others", async () => {
    const at = place();
    const sequential = source("sequential", { sequential: true, bytesPerSecond: 40 * MIB });
    const other = source("other", { bytesPerSecond: 40 * MIB });
    const got = await at.download([other, sequential]);
    await at.assertPlaced(bytes);
    assert.equal(sequential.reads.filter((r) => r.count === PIECES).length, 1);
    assert.deepEqual(got.refused, []);
    assert.ok(reportOf(got, sequential).failures === 0);
  });

  test("a source that breaks again and again is taken up again as long as it gives pieces", async () => {
    const at = place();
    const shaky = source("shaky", { diesAfterBytes: 2 * MIB });
    const again = setInterval(() => shaky.behave({ diesAfterBytes: 2 * MIB }), 100);
    try {
      const got = await at.download([shaky]);
      await at.assertPlaced(bytes);
      assert.ok(reportOf(got, shaky).failures > 2);
    } finally {
      clearInterval(again);
    }
  });

  test("when everybody is gone half-way, it ends with each reason, and the next run needs only the rest", async () => {
    const at = place();
    const dying = source("dying", { diesAfterBytes: 10 * MIB });
    await assert.rejects(at.download([dying, source("absent", { absent: true }, 2)]), (e) => {
      fails("E_UNREACHABLE")(e);
      assert.ok(e instanceof AllSourcesFailedError);
      assert.deepEqual(e.attempts.map((x) => [x.source, x.error.code]), [
        ["dying", "E_UNREACHABLE"],
        ["absent", "E_ABSENT"],
      ]);
      return true;
    });
    await at.assertNothingPlaced();
    const got = await at.download([source("good")]);
    assert.ok(got.bytesResumed >= 8 * MIB, `${got.bytesResumed} bytes were kept`);
    assert.equal(got.bytesFetched, bytes.length - got.bytesResumed);
    await at.assertPlaced(bytes);
  });

  test("an abort ends it at once and leaves no read behind", async () => {
    const at = place();
    const slow = source("slow", { bytesPerSecond: 2 * MIB });
    const abort = new AbortController();
    const download = at.download([slow], { signal: abort.signal });
    setTimeout(() => abort.abort(), 300);
    const startMs = performance.now();
    await assert.rejects(download, fails("E_INTERRUPTED"));
    assert.ok(performance.now() - startMs < 2_000);
    assertAllClosed(slow);
  });

  test("keeps to the rates it is given, in all and for each source", async () => {
    for (const limits of [{ bytesPerSecond: 24 * MIB }, { bytesPerSecondPerSource: 12 * MIB }]) {
      const at = place();
      const startMs = performance.now();
      await at.download([source("a"), source("b")], { limits });
      const seconds = (performance.now() - startMs) / 1000;
      assert.ok(seconds > 0.8, `${PIECES} MiB at 24 MiB/s took ${seconds} s`);
      await at.assertPlaced(bytes);
    }
  });

  test("opens no more reads at a source than it may", async () => {
    const at = place();
    const one = source("one", { bytesPerSecond: 40 * MIB });
    await at.download([one], { limits: { connectionsPerSource: 1 } });
    assert.equal(one.mostRunning, 1);
  });

  describe("without a piece list", () => {
    // Mirrors, which are asked in order: where the pieces of peers begin is chance.
    const bare = (id: string, behaviour: MemoryBehaviour = {}, priority = 1) =>
      source(id, behaviour, priority, { list: false, kind: "https" });

    test("one source gives it all, and the proof comes at the end", async () => {
      const at = place();
      const got = await at.download([bare("one")]);
      await at.assertPlaced(bytes);
      assert.equal(got.source, "one");
    });

    test("a source that drips is not waited for to the end", async () => {
      const at = place();
      const drip = bare("drip", { bytesPerSecond: 20_000 }), good = bare("good", { bytesPerSecond: 50 * MIB });
      const startMs = performance.now();
      await at.download([drip, good]);
      assert.ok(performance.now() - startMs < 12_000, `${performance.now() - startMs} ms; alone it takes 20 min`);
      await at.assertPlaced(bytes);
    });

    test("a liar that gave all of it is refused, and the next one is asked", async () => {
      const at = place();
      const got = await at.download([bare("liar", { liesAt: (i) => i === 7 }), bare("good", {}, 2)]);
      await at.assertPlaced(bytes);
      assert.deepEqual(got.refused.map((r) => r.source), ["liar"]);
    });

    test("of several that gave parts, the one whose pieces were wrong is found by comparing", async () => {
      const at = place();
      const honest = bare("honest", { diesAfterBytes: 4 * MIB }, 1);
      const liar = bare("liar", { liesAt: (i) => i === 9, diesAfterBytes: 9 * MIB }, 2);
      const good = bare("good", {}, 3);
      const got = await at.download([honest, liar, good]);
      await at.assertPlaced(bytes);
      assert.deepEqual(got.refused.map((r) => r.source), ["liar"]);
    });
  });
});
