import assert from "node:assert/strict";
import { mkdir, mkdtemp, open, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import type { Artifact, Delta, PieceReader, Verified } from "../../../src/api.ts";
import { readDeltaHead } from "../../../src/delta/delta-head.ts";
import { UpdateError } from "../../../src/errors.ts";
import { PIECE_BYTES } from "../../../src/hash/blake3-core.ts";
import { createDeltaSource, type FetchDeltaRange, findDeltaBase } from "../../../src/sources/delta.ts";
import { artifactOf, testBytes } from "../../support/artifact.ts";
import { deltaBetween, type TestDelta, testDelta } from "../../support/deltas.ts";
import { fails } from "../../support/fails.ts";
import { type Behaviour, collect, testSource } from "../../support/source-suite.ts";

const never = new AbortController().signal;
const BASE_NAME = "dchat-1.0.0-linux-x64";
const CHUNK_BYTES = 50_000;

/** What a mirror of deltas cannot do. */
const LEFT_OUT = {
  silent: "a piece comes with the end of its patch, and nothing before",
  sequential: "a mirror without ranges gives no delta, as https-delta.test.ts has it",
  growing: "a mirror has all of a delta or nothing of it",
};

/**
 * A mirror that has the delta file, and behaves as it is told.
 * @param lieAt where one bit is another when it lies about a piece
 */
function createMirror(file: Uint8Array, lieAt: (piece: number) => number = () => 0) {
  let b: Exclude<Behaviour, { kind: keyof typeof LEFT_OUT }> = { kind: "honest" };
  let given = 0;
  const requests: { offset: number; length: number }[] = [];
  const fetchRange: FetchDeltaRange = async function* (_artifact, _delta, offset, length, { signal }) {
    requests.push({ offset, length });
    if (b.kind === "absent") throw new UpdateError("E_ABSENT", "the mirror does not have it");
    const lie = b.kind === "lying" ? lieAt(b.piece) : undefined;
    const isEndless = b.kind === "endless", size = b.kind === "short" ? b.bytes : file.length;
    for (let at = offset; isEndless || at < Math.min(offset + length, size); at += CHUNK_BYTES) {
      if (b.kind === "slow") await delay((1000 * CHUNK_BYTES) / b.bytesPerSecond, undefined, { signal });
      const end = Math.min(at + CHUNK_BYTES, offset + length, size);
      const chunk = at < end ? file.slice(at, end) : new Uint8Array(CHUNK_BYTES);
      if (lie !== undefined && at <= lie && lie < end) chunk[lie - at]! ^= 1;
      if (b.kind === "dying" && given + chunk.length > b.afterBytes) {
        throw new UpdateError("E_UNREACHABLE", "the mirror died");
      }
      signal.throwIfAborted();
      given += chunk.length;
      yield chunk;
    }
  };
  const behave = (next: typeof b) => {
    b = next;
    given = 0;
  };
  return { fetchRange, behave, requests };
}

describe("a source of deltas", { timeout: 60_000 }, () => {
  let packagesDir: string;
  let d: TestDelta & { base: Uint8Array; bytes: Uint8Array };
  const baseFile = () => join(packagesDir, BASE_NAME);
  before(async () => {
    packagesDir = await mkdtemp(join(tmpdir(), "dchat-delta-"));
    versionsDir = join(packagesDir, "versions");
    d = await testDelta();
    await writeFile(baseFile(), d.base);
  });
  after(() => rm(packagesDir, { recursive: true, force: true }));

  let versionsDir: string;
  const sourceOver = (fetchRange: FetchDeltaRange, file = baseFile()) =>
    createDeltaSource({ id: "delta", priority: 1, base: { delta: d.delta, file }, fetchRange });

  async function withReader(file: Uint8Array, use: (r: PieceReader, m: ReturnType<typeof createMirror>) => unknown) {
    const mirror = createMirror(file);
    const reader = await sourceOver(mirror.fetchRange).open(d.artifact, { signal: never });
    try {
      await use(reader, mirror);
    } finally {
      await reader.close();
    }
  }

  const piece = (i: number) => Buffer.from(d.bytes.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES));

  describe("as any source", () => {
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "dchat-delta-suite-"));
    });
    after(() => rm(folder, { recursive: true, force: true }));
    testSource({
      leavesOut: LEFT_OUT,
      async supply(a, bytes) {
        // Little in common, so that patches are as long as a source's answers are elsewhere.
        const base = Buffer.concat([testBytes(100_000, "older"), bytes.subarray(0, 200_000)]);
        await writeFile(join(folder, BASE_NAME), base);
        const { artifact, delta, file, headLength } = await deltaBetween(base, bytes);
        const { patches } = readDeltaHead(file.subarray(0, headLength), artifact, delta);
        const mirror = createMirror(file, (piece) => patches[piece]!.offset);
        const source = createDeltaSource({
          id: "delta",
          priority: 1,
          base: { delta, file: join(folder, BASE_NAME) },
          fetchRange: mirror.fetchRange,
        });
        // The suite's artifact knows of no delta.
        const known = (x: Verified<Artifact>) => (x.sha256 === a.sha256 ? artifact : x);
        return {
          source: { ...source, open: (x, o) => source.open(known(x), o) },
          behave: mirror.behave,
          close: () => Promise.resolve(),
        };
      },
    });
  });

  test("makes the artifact out of the older one, and a run of pieces costs one request", () =>
    withReader(d.file, async (reader, { requests }) => {
      assert.deepEqual(Buffer.from(await collect(reader, 0, 4)), Buffer.from(d.bytes));
      assert.equal(requests.length, 2); // the head, the run
      assert.equal(reader.made?.fetchedBytes(), d.file.length);
      assert.deepEqual(Buffer.from(await collect(reader, 2, 1)), piece(2));
      assert.equal(requests.length, 3);
    }));

  describe("is found to be of use", () => {
    const from = (version: string) => ({ ...d.delta.from, version });
    const found = (...deltas: Delta[]) => findDeltaBase({ ...d.artifact, deltas }, { packagesDir, versionsDir });

    test("by the smallest delta whose older artifact is here", async () => {
      const large = { ...d.delta, length: d.delta.length + 1 };
      const absent = { ...d.delta, from: from("0.9.0"), length: 10 };
      assert.deepEqual(await found(large, absent, d.delta), { delta: d.delta, file: baseFile() });
    });

    test("not for an artifact without a delta", async () => {
      assert.equal(await findDeltaBase(await artifactOf(d.bytes, "1.1.0"), { packagesDir, versionsDir }), undefined);
      assert.equal(await found(), undefined);
    });

    test("not where the older artifact is not, has another size, or is no file", async () => {
      assert.equal(await found({ ...d.delta, from: from("0.9.0") }), undefined);
      assert.equal(await found({ ...d.delta, from: { ...d.delta.from, length: d.base.length + 1 } }), undefined);
      await mkdir(join(packagesDir, "dchat-0.8.0-linux-x64"));
      assert.equal(await found({ ...d.delta, from: from("0.8.0") }), undefined);
    });

    test("where the older artifact is installed and not in the cache, if it is a program and no link leads there", async () => {
      const inFolder = join(versionsDir, "0.7.0"), file = join(inFolder, "dchat");
      const older = { ...d.delta, from: from("0.7.0") };
      await mkdir(inFolder, { recursive: true });
      await writeFile(file, d.base);
      assert.deepEqual(await found(older), { delta: older, file });
      assert.equal(await findDeltaBase({ ...d.artifact, deltas: [older] }, { packagesDir }), undefined);
      assert.equal(await found({ ...older, from: { ...older.from, length: d.base.length - 1 } }), undefined);
      const archive = { ...d.artifact, format: "tar.gz", deltas: [older] } as const;
      assert.equal(await findDeltaBase(archive, { packagesDir, versionsDir }), undefined);
      await symlink(inFolder, join(versionsDir, "0.6.0"));
      assert.equal(await found({ ...older, from: from("0.6.0") }), undefined);
      await rename(file, join(packagesDir, "moved"));
      await symlink(join(packagesDir, "moved"), file);
      assert.equal(await found(older), undefined);
    });

    test("and is absent all the same when it is gone by then, or asked for another artifact", async () => {
      const { fetchRange, requests } = createMirror(d.file);
      const gone = sourceOver(fetchRange, join(packagesDir, "gone"));
      await assert.rejects(gone.open(d.artifact, { signal: never }), fails("E_ABSENT", "1.0.0"));
      const loop = join(packagesDir, "loop");
      await symlink(loop, loop);
      const unreadable = sourceOver(fetchRange, loop);
      await assert.rejects(unreadable.open(d.artifact, { signal: never }), fails("E_ABSENT", "cannot be read"));
      await assert.rejects(
        sourceOver(fetchRange).open(await artifactOf(d.bytes, "1.1.0"), { signal: never }),
        fails("E_ABSENT"),
      );
      assert.deepEqual(requests, []);
    });
  });

  describe("a mirror that lies is told from a damaged disk:", () => {
    test("an altered head is the mirror's", async () => {
      for (const at of [0, 8, 45, d.headLength - 1]) {
        await withReader(d.file.with(at, d.file[at]! ^ 1), async (reader) => {
          await assert.rejects(collect(reader, 0, 1), (e) => {
            assert.equal((e as UpdateError).source, "delta");
            return fails("E_HASH_MISMATCH", "delta")(e);
          });
        });
      }
    });

    test("an altered patch is the mirror's, and the pieces before it are right", async () => {
      const at = d.file.length - 5; // in the last patch
      await withReader(d.file.with(at, d.file[at]! ^ 1), async (reader) => {
        assert.deepEqual(Buffer.from(await collect(reader, 0, 3)), Buffer.from(d.bytes.subarray(0, 3 * PIECE_BYTES)));
        await assert.rejects(collect(reader, 3, 1), (e) => {
          assert.equal((e as UpdateError).source, "delta");
          return fails("E_HASH_MISMATCH", "piece 3")(e);
        });
      });
    });

    test("an older artifact that was altered gives its other pieces, and blames nobody", async () => {
      const file = await open(baseFile(), "r+");
      await file.write(Uint8Array.of(d.base[2 * PIECE_BYTES + 500_000]! ^ 1), 0, 1, 2 * PIECE_BYTES + 500_000);
      await file.close();
      await withReader(d.file, async (reader) => {
        await assert.rejects(collect(reader, 2, 1), (e) => {
          assert.equal((e as UpdateError).source, undefined);
          return fails("E_ABSENT", "damaged")(e);
        });
        assert.deepEqual([0, 1, 2, 3].filter((i) => reader.have().has(i)), [0, 1, 3]);
        for (const i of [0, 1, 3]) assert.deepEqual(Buffer.from(await collect(reader, i, 1)), piece(i));
      });
      await writeFile(baseFile(), d.base);
    });

    test("an older artifact that is cut while it is read blames nobody", () =>
      withReader(d.file, async (reader) => {
        await truncate(baseFile(), PIECE_BYTES);
        await assert.rejects(collect(reader, 3, 1), fails("E_ABSENT", "damaged"));
        await writeFile(baseFile(), d.base);
      }));
  });

  test("a mirror that falls silent, in the head or in a patch, is waited for until that is given up", async () => {
    for (const isHead of [true, false]) {
      const { fetchRange } = createMirror(d.file);
      const silence = Promise.withResolvers<void>();
      const reader = await sourceOver(async function* (artifact, delta, offset, length, { signal }) {
        if (offset > 0 || isHead) {
          silence.resolve();
          await delay(60_000, undefined, { signal });
        }
        yield* fetchRange(artifact, delta, offset, length, { signal });
      }).open(d.artifact, { signal: never });
      const controller = new AbortController();
      const reading = collect(reader, 0, 1, controller.signal);
      await silence.promise;
      controller.abort();
      await assert.rejects(reading, fails("E_INTERRUPTED"));
      await reader.close();
    }
  });

  test("a head that could not be fetched is asked for again", () =>
    withReader(d.file, async (reader, { behave }) => {
      behave({ kind: "dying", afterBytes: 0 });
      await assert.rejects(collect(reader, 0, 1), fails("E_UNREACHABLE"));
      behave({ kind: "honest" });
      assert.deepEqual(Buffer.from(await collect(reader, 0, 1)), piece(0));
    }));
});
