// What every source of pieces must do, whatever its channel. A new source passes it with one call.
// Must not: prove anything: what a source gives is untrusted, and it must give a lie as it got it.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Artifact, PieceReader, Source, Verified } from "../../src/api.ts";
import { isIntegrityError, UpdateError } from "../../src/errors.ts";
import { PIECE_BYTES } from "../../src/hash/blake3-core.ts";
import { artifactOf, pieceListOf, testBytes } from "./artifact.ts";
import { fails } from "./fails.ts";

/** What a supplier can be made to do, to all who ask it from then on. */
export type Behaviour =
  | { readonly kind: "honest" }
  /** It has nothing any more. */
  | { readonly kind: "absent" }
  /** One bit of that piece is another. */
  | { readonly kind: "lying"; readonly piece: number }
  | { readonly kind: "slow"; readonly bytesPerSecond: number }
  /** So many bytes, then the connection ends. */
  | { readonly kind: "dying"; readonly afterBytes: number }
  /** So many bytes, then nothing more. */
  | { readonly kind: "silent"; readonly afterBytes: number }
  /** What was asked for is followed by bytes without an end. */
  | { readonly kind: "endless" }
  /** Its file has no more than so many bytes. */
  | { readonly kind: "short"; readonly bytes: number }
  /** It reads from the beginning only. */
  | { readonly kind: "sequential" }
  /** One that was made with some pieces has these besides. */
  | { readonly kind: "growing"; readonly pieces: readonly number[] };

type Kind = Exclude<Behaviour["kind"], "honest">;

export interface SuppliedSource<Left extends Kind = never> {
  readonly source: Source;
  /** Whatever this channel has not left out. */
  readonly behave: (b: Exclude<Behaviour, { readonly kind: Left }>) => Promise<void> | void;
  close(): Promise<void>;
}

/** Of the channel under test. */
export interface SourceChannel<Left extends Kind = never> {
  /**
   * A source that has these bytes as that artifact, its piece list, and nothing else.
   * @param pieces the only ones it has; never asked of a channel that leaves "growing" out
   */
  supply(
    a: Verified<Artifact>,
    bytes: Uint8Array,
    pieceList: Uint8Array,
    pieces?: number[],
  ): Promise<SuppliedSource<Left>>;
  /** What makes no sense for it, each with the reason. Everything else its suppliers must be able to do. */
  readonly leavesOut: Readonly<Record<Left, string>>;
}

const PIECES = 6;
const bytes = testBytes((PIECES - 1) * PIECE_BYTES + 12_345);
const HONEST = { kind: "honest" } as const;

export function testSource<Left extends Kind = never>(given: SourceChannel<Left>): void {
  const channel = given as unknown as SourceChannel; // what it leaves out is not asked of it, see `testShown`
  const leftOut = new Set(Object.keys(given.leavesOut));
  const never = () => new AbortController().signal;

  async function withSource(
    use: (s: SuppliedSource, a: Verified<Artifact>) => Promise<void>,
    pieces?: number[],
  ): Promise<void> {
    const a = await artifactOf(bytes);
    const supplied = await channel.supply(a, bytes, await pieceListOf(bytes), pieces);
    try {
      await use(supplied, a);
    } finally {
      await supplied.close();
    }
  }

  async function withReader(
    use: (r: PieceReader, s: SuppliedSource, a: Verified<Artifact>) => Promise<void>,
    pieces?: number[],
  ): Promise<void> {
    await withSource(async (s, a) => {
      const reader = await s.source.open(a, { signal: never() });
      try {
        await use(reader, s, a);
      } finally {
        await reader.close();
      }
    }, pieces);
  }

  function testShown(kind: Kind, what: string, run: () => Promise<void>): void {
    if (!leftOut.has(kind)) test(what, run);
  }

  test("gives any run of pieces", () =>
    withReader(async (reader) => {
      for (const [first, count] of [[0, PIECES], [0, 1], [2, 3], [PIECES - 1, 1], [3, PIECES - 3]] as const) {
        assert.deepEqual(await collect(reader, first, count), run(first, count), `${count} from ${first}`);
      }
      assert.equal(reader.isSequential, false);
    }));

  test("several reads run at a time", () =>
    withReader(async (reader) => {
      const pieces = Array.from({ length: PIECES }, (_, i) => i);
      const got = await Promise.all(pieces.map((piece) => collect(reader, piece, 1)));
      for (const piece of pieces) assert.deepEqual(got[piece], run(piece, 1), `piece ${piece}`);
    }));

  test("a chunk is the caller's to keep", () =>
    withReader(async (reader) => {
      const kept: Uint8Array[] = [];
      for await (const chunk of reader.read(0, PIECES, { signal: never() })) kept.push(chunk);
      assert.deepEqual(joined(kept), bytes);
    }));

  test("a chunk that the caller is done with at once was right until then", () =>
    withReader(async (reader) => {
      const copies: Uint8Array[] = [];
      const opts = { signal: never(), reusesChunks: true };
      for await (const chunk of reader.read(0, PIECES, opts)) copies.push(chunk.slice());
      assert.deepEqual(joined(copies), bytes);
    }));

  test("says that it does not have another artifact", () =>
    withSource(async ({ source }) => {
      const other = await artifactOf(testBytes(10, "other"), "2.0.0");
      await assert.rejects(openAndRead(source, other), fails("E_ABSENT"));
    }));

  test("has all pieces, or says which, and stops telling when there is nothing to come", () =>
    withReader(async (reader) => {
      const have = reader.have();
      for (let piece = 0; piece < PIECES; piece++) assert.ok(have.has(piece), `piece ${piece}`);
      for await (const _ of reader.changed({ signal: never() })) assert.fail("nothing can change");
    }));

  test("gives the piece list as the supplier has it", () =>
    withReader(async (reader) => {
      assert.deepEqual(await reader.pieceList({ signal: never() }), await pieceListOf(bytes));
    }));

  test("can be left in the middle and asked again", () =>
    withReader(async (reader) => {
      for await (const chunk of reader.read(0, PIECES, { signal: never() })) {
        if (chunk.length > 0) break;
      }
      assert.deepEqual(await collect(reader, 1, 1), run(1, 1));
    }));

  test("ends when the signal is aborted, before or while it reads, and other reads go on", () =>
    withReader(async (reader, { source }, a) => {
      const controller = new AbortController();
      const reading = reader.read(0, PIECES, { signal: controller.signal })[Symbol.asyncIterator]();
      await reading.next();
      const other = collect(reader, 2, 2);
      controller.abort();
      await assert.rejects(exhaust(reading), fails("E_INTERRUPTED"));
      await assert.rejects(collect(reader, 0, 1, controller.signal), fails("E_INTERRUPTED"));
      await assert.rejects(reader.pieceList({ signal: controller.signal }), fails("E_INTERRUPTED"));
      await assert.rejects(openAndRead(source, a, controller.signal), fails("E_INTERRUPTED"));
      assert.deepEqual(await other, run(2, 2));
    }));

  test("ends the reads that run when it is closed, once or twice", () =>
    withReader(async (reader) => {
      const reading = reader.read(0, PIECES, { signal: never() })[Symbol.asyncIterator]();
      await reading.next();
      await reader.close();
      await assert.rejects(exhaust(reading), fails("E_INTERRUPTED"));
      await reader.close();
    }));

  testShown("absent", "a supplier that has it no more", () =>
    withReader(async (reader, { behave, source }, a) => {
      await behave({ kind: "absent" });
      await assert.rejects(openAndRead(source, a), fails("E_ABSENT"));
      await assert.rejects(reader.pieceList({ signal: never() }), fails("E_ABSENT"));
    }));

  testShown(
    "lying",
    "a lie is given as it came, or told with its liar's name, and nothing else is touched",
    () =>
      withReader(async (reader, { behave, source }) => {
        await behave({ kind: "lying", piece: 2 });
        let got: Uint8Array;
        try {
          got = await collect(reader, 0, PIECES);
          assert.equal(got.length, bytes.length);
        } catch (e) {
          fails("E_HASH_MISMATCH", source.id)(e);
          assert.equal((e as UpdateError).source, source.id);
          for (const piece of [0, 1, 3, 4, 5]) assert.deepEqual(await collect(reader, piece, 1), run(piece, 1));
          return;
        }
        const isWrong = (piece: number) => Buffer.compare(pieceOf(got, piece), run(piece, 1)) !== 0;
        assert.deepEqual([0, 1, 2, 3, 4, 5].filter(isWrong), [2]);
      }),
  );

  testShown("slow", "a slow supplier", () =>
    withReader(async (reader, { behave }) => {
      await behave({ kind: "slow", bytesPerSecond: 8 * PIECE_BYTES });
      assert.deepEqual(await collect(reader, 1, 2), run(1, 2));
    }));

  testShown(
    "silent",
    "what came is given without waiting for the rest, and waiting can be ended",
    () =>
      withReader(async (reader, { behave }) => {
        const AFTER = 100_000;
        await behave({ kind: "silent", afterBytes: AFTER });
        const controller = new AbortController();
        const reading = reader.read(1, 2, { signal: controller.signal })[Symbol.asyncIterator]();
        const came: Uint8Array[] = [];
        for (let got = 0; got < AFTER;) {
          const { value, done } = await reading.next();
          assert.ok(!done);
          came.push(value);
          got += value.length;
        }
        assert.deepEqual(joined(came), run(1, 2).subarray(0, AFTER));
        const waiting = reading.next();
        controller.abort();
        await assert.rejects(waiting, fails("E_INTERRUPTED"));
      }),
  );

  testShown(
    "dying",
    "what a dying supplier gave is right, it is no lie that there is no more, and it may come back",
    () =>
      withReader(async (reader, { behave }) => {
        await behave({ kind: "dying", afterBytes: PIECE_BYTES + 1000 });
        const came: Uint8Array[] = [];
        const reading = async () => {
          for await (const chunk of reader.read(1, 4, { signal: never() })) came.push(chunk);
        };
        await assert.rejects(
          reading,
          (e) => e instanceof UpdateError && e.retry === "elsewhere" && !isIntegrityError(e),
        );
        const got = joined(came);
        assert.ok(got.length <= PIECE_BYTES + 1000);
        assert.deepEqual(got, run(1, 4).subarray(0, got.length));
        await behave(HONEST);
        assert.deepEqual(await collect(reader, 1, 4), run(1, 4));
      }),
  );

  testShown(
    "short",
    "what a supplier of a shorter file gives is its beginning, and does not pass for all",
    () =>
      withReader(async (reader, { behave }) => {
        await behave({ kind: "short", bytes: 3 * PIECE_BYTES + 1000 });
        const came: Uint8Array[] = [];
        try {
          for await (const chunk of reader.read(1, PIECES - 1, { signal: never() })) came.push(chunk);
        } catch (e) {
          assert.ok(e instanceof UpdateError && e.retry === "elsewhere", `${e}`);
        }
        const got = joined(came);
        assert.ok(got.length <= 2 * PIECE_BYTES + 1000, `${got.length} bytes`);
        assert.deepEqual(got, run(1, PIECES - 1).subarray(0, got.length));
        await behave(HONEST);
        assert.deepEqual(await collect(reader, 1, 4), run(1, 4));
      }),
  );

  testShown(
    "endless",
    "a supplier that goes on is left by whoever counts, or gives no more than it was asked for",
    () =>
      withReader(async (reader, { behave }) => {
        await behave({ kind: "endless" });
        const came: Uint8Array[] = [];
        let got = 0, isTold = false;
        try {
          for await (const chunk of reader.read(PIECES - 1, 1, { signal: never() })) {
            came.push(chunk);
            got += chunk.length;
            if (got > run(PIECES - 1, 1).length) break;
          }
        } catch (e) {
          assert.ok(e instanceof UpdateError && ["E_SIZE_MISMATCH", "E_ABSENT"].includes(e.code), `${e}`);
          assert.equal(got, 0, "its size is told before its bytes come");
          isTold = true;
        }
        if (!isTold) assert.deepEqual(joined(came).subarray(0, run(PIECES - 1, 1).length), run(PIECES - 1, 1));
        await behave(HONEST);
        assert.deepEqual(await collect(reader, 0, 1), run(0, 1));
      }),
  );

  testShown(
    "sequential",
    "a supplier that reads from the beginning only says so, and is read from there",
    () =>
      withReader(async (reader, { behave }) => {
        await behave({ kind: "sequential" });
        await assert.rejects(collect(reader, 2, 1), fails("E_HTTP_STATUS"));
        assert.equal(reader.isSequential, true);
        assert.deepEqual(await collect(reader, 0, PIECES), bytes);
        assert.deepEqual(await collect(reader, 0, 2), run(0, 2));
      }),
  );

  testShown(
    "sequential",
    "a supplier that reads from the beginning only is known by its first answer",
    () =>
      withReader(async (reader, { behave }) => {
        await behave({ kind: "sequential" });
        assert.deepEqual(await collect(reader, 0, 1), run(0, 1));
        assert.equal(reader.isSequential, true);
      }),
  );

  testShown(
    "growing",
    "a supplier of some pieces says which, gives those, and tells of new ones until it has all",
    () =>
      withReader(async (reader, { behave }) => {
        const held = () => Array.from({ length: PIECES }, (_, i) => i).filter((i) => reader.have().has(i));
        assert.deepEqual(held(), [1, 4]);
        assert.deepEqual(await collect(reader, 4, 1), run(4, 1));
        await assert.rejects(collect(reader, 2, 1), fails("E_ABSENT"));
        const changes = reader.changed({ signal: never() })[Symbol.asyncIterator]();
        const first = changes.next();
        await behave({ kind: "growing", pieces: [2] });
        const { value, done } = await first;
        assert.ok(!done && value.has(2) && value.has(1) && !value.has(0));
        assert.deepEqual(await collect(reader, 1, 2), run(1, 2));
        await behave({ kind: "growing", pieces: [0, 3, 5] });
        while (!(await changes.next()).done);
        assert.deepEqual(held(), [0, 1, 2, 3, 4, 5]);
      }, [1, 4]),
  );

  testShown("growing", "to listen for new pieces can be given up", () =>
    withReader(async (reader) => {
      const controller = new AbortController();
      const listening = reader.changed({ signal: controller.signal })[Symbol.asyncIterator]().next();
      controller.abort();
      await assert.rejects(listening, fails("E_INTERRUPTED"));
      const until = reader.changed({ signal: never() })[Symbol.asyncIterator]().next();
      await reader.close();
      assert.equal((await until).done, true);
    }, [1, 4]));
}

/** All that a reader gives for some pieces. */
export async function collect(
  reader: PieceReader,
  first: number,
  count: number,
  signal: AbortSignal = new AbortController().signal,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of reader.read(first, count, { signal })) parts.push(chunk.slice());
  return joined(parts);
}

/** The first piece of an artifact, from a reader of its own. */
export async function openAndRead(
  source: Source,
  a: Verified<Artifact>,
  signal: AbortSignal = new AbortController().signal,
): Promise<Uint8Array> {
  const reader = await source.open(a, { signal });
  try {
    return await collect(reader, 0, 1, signal);
  } finally {
    await reader.close();
  }
}

const joined = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const pieceOf = (of: Uint8Array, piece: number): Uint8Array =>
  of.subarray(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES);
const run = (first: number, count: number): Uint8Array =>
  bytes.subarray(first * PIECE_BYTES, (first + count) * PIECE_BYTES);

async function exhaust(reading: AsyncIterator<Uint8Array>): Promise<void> {
  while (!(await reading.next()).done);
}
