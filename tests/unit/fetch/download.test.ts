import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import type { Source } from "../../../src/api.ts";
import { temporaryBeside } from "../../../src/disk/atomic-file.ts";
import { createCacheSource } from "../../../src/sources/cache.ts";
import { createHttpsSource } from "../../../src/sources/https.ts";
import { artifactOf, pieceListOf, targetUrlPath, testBytes } from "../../support/artifact.ts";
import { startArtifactServer } from "../../support/artifact-server.ts";
import { createDownloadPlace, type DownloadPlace } from "../../support/download-place.ts";
import { fails } from "../../support/fails.ts";
import { cutAfter, type Lie, startLyingServer, vanishAfter } from "../../support/lying-server.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { createClosing, testClient } from "../../support/test-client.ts";

const MIB = 1 << 20;
const bytes = testBytes(5 * MIB + 12_345);
const artifact = await artifactOf(bytes);
const list = await pieceListOf(bytes);

describe("a download", { timeout: 120_000 }, () => {
  const closing = createClosing();
  after(() => closing.closeAll());
  const client = closing.keep(testClient());

  function place(): DownloadPlace {
    const made = createDownloadPlace(artifact);
    closing.keep({ close: () => made.remove() });
    return made;
  }
  const path = targetUrlPath(artifact);
  const honest = async (o: { ranges?: boolean } = {}) =>
    closing.keep(await startArtifactServer(new Map([[path, bytes], [`${path}.pieces`, list]]), o));
  /** The requests for bytes of the artifact. */
  const reads = (server: Awaited<ReturnType<typeof honest>>) => server.requests.filter((r) => r.url === path);
  const sourceAt = (url: string, priority = 1): Source => createHttpsSource({ url, priority, client });
  const lying = async (lie: Lie, priority = 1) =>
    sourceAt(closing.keep(await startLyingServer(bytes, lie, list)).url, priority);

  test("from one honest mirror arrives whole, with the proof of the file and growing progress", async () => {
    const server = await honest();
    const at = place();
    const got = await at.download([sourceAt(server.url)]);
    await at.assertPlaced(bytes);
    const [report] = got.sources;
    assert.ok(report);
    const { bytesPerSecond, latencyMs, ...did } = report;
    assert.ok(bytesPerSecond !== null && bytesPerSecond > 0 && latencyMs !== null && latencyMs >= 0);
    const { proofMs, ...rest } = got;
    assert.ok(proofMs >= 0 && Number.isInteger(proofMs));
    assert.deepEqual({ ...rest, sources: [did] }, {
      file: { file: at.destination, artifact },
      source: server.url,
      sources: [{
        id: server.url,
        kind: "https",
        outcome: "used",
        pieces: 6,
        bytes: bytes.length,
        reusedBytes: 0,
        madeFrom: null,
        lies: 0,
        failures: 0,
        brokeOff: false,
        error: undefined,
      }],
      bytesFetched: bytes.length,
      bytesReused: 0,
      bytesResumed: 0,
      refused: [],
    });
    const progress = at.events.flatMap((e) => e.type === "progress" ? [e.bytes] : []);
    assert.deepEqual(progress, progress.toSorted((x, y) => x - y));
    assert.equal(progress.at(-1), bytes.length);
  });

  test("of a file of any size around the buffers arrives whole", async () => {
    for (const length of [1, MIB - 1, MIB, MIB + 1, 2 * MIB]) {
      const some = await artifactOf(bytes.subarray(0, length));
      const server = closing.keep(
        await startArtifactServer(new Map([[targetUrlPath(some), bytes.subarray(0, length)]])),
      );
      const at = createDownloadPlace(some);
      await at.download([sourceAt(server.url)]);
      await at.assertPlaced(bytes.subarray(0, length));
      await at.remove();
    }
  });

  test("that is there already is proven again and not fetched; a wrong file in its place is replaced", async () => {
    const server = await honest();
    const at = place();
    await at.download([sourceAt(server.url)]);
    const again = await at.download([sourceAt(server.url)]);
    assert.equal(again.bytesFetched, 0);
    const asked = server.requests.length;
    assert.equal((await at.download([sourceAt(server.url)])).bytesFetched, 0);
    assert.equal(server.requests.length, asked);
    const wrong = bytes.slice();
    wrong[7] = (wrong[7] ?? 0) ^ 1;
    await writeFile(at.destination, wrong);
    const mended = await at.download([createCacheSource({ packagesDir: at.packagesDir }), sourceAt(server.url)]);
    assert.deepEqual(mended.refused.map((r) => [r.source, r.error.code]), [["cache", "E_HASH_MISMATCH"]]);
    await at.assertPlaced(bytes);
  });

  test("asks by priority, and nobody after the first that succeeds", async () => {
    const [first, second] = [await honest(), await honest()];
    const at = place();
    const got = await at.download([sourceAt(second.url, 20), sourceAt(first.url, 10)]);
    assert.equal(got.source, first.url);
    assert.equal(second.requests.length, 0);
  });

  test("copies from the cache when it is to be placed elsewhere", async () => {
    const server = await honest();
    const at = place();
    await at.download([sourceAt(server.url)]);
    const elsewhere = join(at.folder, "deep", "er", "copy");
    const cache = createCacheSource({ packagesDir: at.packagesDir });
    const asked = reads(server).length;
    const got = await at.download([sourceAt(server.url), cache], { destination: elsewhere });
    assert.equal(got.source, "cache");
    assert.equal(reads(server).length, asked);
    assert.deepEqual(new Uint8Array(await readFile(elsewhere)), bytes);
  });

  test("goes on at the same mirror where the connection was cut, and fetches no piece twice", async () => {
    const at = place();
    const got = await at.download([await lying(cutAfter(2 * MIB + 100))]);
    await at.assertPlaced(bytes);
    assert.equal(got.sources[0]?.pieces, 6);
    assert.ok(got.bytesFetched < bytes.length + got.sources[0].failures * MIB, `${got.bytesFetched} bytes came`);
  });

  test("goes on at the next mirror where the last one gave up", async () => {
    const server = await honest();
    const at = place();
    const got = await at.download([await lying(vanishAfter(MIB), 1), sourceAt(server.url, 2)]);
    await at.assertPlaced(bytes);
    assert.equal(got.bytesFetched, bytes.length);
    assert.deepEqual(got.sources.map((r) => r.pieces), [1, 5]);
    assert.equal(server.sentBytes(), bytes.length - MIB);
  });

  for (const ranges of [true, false]) {
    test(`that was interrupted is resumed by the next run, ${ranges ? "by Range" : "also when Range is ignored"}`, async () => {
      const server = await honest({ ranges });
      const at = place();
      const controller = new AbortController();
      const limits = { bytesPerSecond: 8 * MIB };
      const halfway = at.download([sourceAt(server.url)], {
        signal: controller.signal,
        limits,
        onEvent: (e) => {
          at.events.push(e);
          if (e.type === "progress" && e.bytes >= 3.5 * MIB) controller.abort();
        },
      });
      await assert.rejects(halfway, fails("E_INTERRUPTED"));
      await at.assertNothingPlaced();
      const sentBefore = server.sentBytes();
      const got = await at.download([sourceAt(server.url)]);
      await at.assertPlaced(bytes);
      assert.ok(got.bytesResumed >= 2 * MIB && got.bytesResumed < bytes.length, `${got.bytesResumed} bytes were kept`);
      if (ranges) assert.equal(server.sentBytes() - sentBefore, bytes.length - got.bytesResumed);
    });
  }

  test("that was complete but not yet placed needs no mirror", async () => {
    const at = place();
    await mkdir(at.partialDir);
    await writeFile(join(at.partialDir, `${artifact.sha256}.part`), bytes);
    const got = await at.download([]);
    assert.deepEqual([got.bytesFetched, got.bytesResumed, got.source], [0, bytes.length, "an earlier run"]);
    await at.assertPlaced(bytes);
  });

  for (
    const [what, spoil] of Object.entries({
      "was altered": (file: string) => writeFile(file, testBytes(3 * MIB, "other")),
      "is a hole a power cut left": (file: string) => writeFile(file, "").then(() => truncate(file, 3 * MIB)),
      "is longer than the artifact": (file: string) => writeFile(file, testBytes(9 * MIB, "other")),
    })
  ) {
    test(`whose earlier part ${what} is fetched again, and nobody is blamed`, async () => {
      const server = await honest();
      const at = place();
      await mkdir(at.partialDir);
      await spoil(join(at.partialDir, `${artifact.sha256}.part`));
      const got = await at.download([sourceAt(server.url)]);
      assert.deepEqual([got.refused, got.bytesResumed], [[], 0]);
      await at.assertPlaced(bytes);
    });
  }

  test("whose earlier run left all of it, wrong in one piece, and no map of it, fetches that piece alone", async () => {
    const at = place(), server = await honest();
    await mkdir(at.partialDir, { recursive: true });
    const left = bytes.slice();
    left[2 * MIB + 7]! ^= 1;
    await writeFile(join(at.partialDir, `${artifact.sha256}.part`), left);
    const got = await at.download([sourceAt(server.url)]);
    await at.assertPlaced(bytes);
    assert.deepEqual([got.bytesFetched, got.bytesResumed], [MIB, bytes.length - MIB]);
    assert.deepEqual(got.refused, []);
  });

  test("to another file system is copied and proven there", async (t) => {
    const memory = "/dev/shm";
    const onOther = await stat(memory).then(async (s) => s.dev !== (await stat(tmpdir())).dev, () => false);
    if (!onOther) return t.skip("there is no second file system here");
    const server = await honest();
    const at = place();
    const folder = tempFolder("download", memory);
    const destination = join(folder, "copy");
    // What a run left that was killed while it copied, and what may be one that is at it.
    const [old, fresh] = [temporaryBeside(destination), temporaryBeside(destination)];
    for (const file of [old, fresh]) await writeFile(file, "half a copy");
    await utimes(old, new Date(), new Date(Date.now() - 2 * 3_600_000));
    await at.download([sourceAt(server.url)], { destination });
    assert.deepEqual(new Uint8Array(await readFile(destination)), bytes);
    assert.deepEqual((await readdir(folder)).toSorted(), [basename(fresh), "copy"].toSorted());
    assert.equal(await at.partialLength(), 0);
    await rm(folder, { recursive: true });
  });

  test("without sources says what to do; with a blocked destination it keeps what it fetched", async () => {
    const at = place();
    await assert.rejects(at.download([]), fails("E_NO_SOURCE"));
    const server = await honest();
    await mkdir(join(at.destination, "inner"), { recursive: true });
    await assert.rejects(at.download([sourceAt(server.url)]), fails("E_IO"));
    assert.equal(await at.partialLength(), bytes.length);
    await rm(dirname(at.destination), { recursive: true });
    assert.equal((await at.download([])).bytesFetched, 0);
  });
});
