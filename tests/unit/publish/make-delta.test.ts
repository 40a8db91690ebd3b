import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { readDeltaHead } from "../../../src/delta/delta-head.ts";
import { openPieceMaker } from "../../../src/delta/piece-maker.ts";
import { PIECE_BYTES } from "../../../src/hash/blake3-core.ts";
import { makeDelta } from "../../../src/publish/make-delta.ts";
import { pieceListOf, testBytes } from "../../support/artifact.ts";
import { deltaBetween, nextVersion, testDelta } from "../../support/deltas.ts";

const never = new AbortController().signal;

describe("a delta", { timeout: 60_000 }, () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "dchat-delta-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** The artifact, made of the older file and the delta piece by piece. */
  async function made(base: Uint8Array, bytes: Uint8Array): Promise<Uint8Array> {
    const { artifact, delta, file, headLength } = await deltaBetween(base, bytes);
    await writeFile(join(folder, "base"), base);
    const maker = await openPieceMaker(join(folder, "base"), artifact, delta);
    const head = readDeltaHead(file.subarray(0, headLength), artifact, delta);
    try {
      const pieces: Uint8Array[] = [];
      for (const [piece, { offset, length }] of head.patches.entries()) {
        pieces.push(await maker.make(head, piece, file.subarray(offset, offset + length)) ?? assert.fail("not made"));
      }
      return Buffer.concat(pieces);
    } finally {
      await maker.close();
    }
  }

  test("is small where code moved and addresses changed, and makes every piece", async () => {
    const { base, bytes, file } = await testDelta(5);
    assert.deepEqual(await made(base, bytes), Buffer.from(bytes));
    assert.ok(file.length < bytes.length / 20, `${file.length} of ${bytes.length}`);
  });

  test("makes files that grew, shrank, end with a piece, were turned around, or have nothing in common", async () => {
    const base = testBytes(3 * PIECE_BYTES, "base");
    for (
      const bytes of [
        Buffer.concat([base, testBytes(PIECE_BYTES + 1, "more")]),
        base.slice(0, PIECE_BYTES + 1),
        nextVersion(base).slice(0, 2 * PIECE_BYTES),
        Buffer.concat([base.subarray(2 * PIECE_BYTES - 9), base.subarray(0, 2 * PIECE_BYTES - 9)]),
        testBytes(2 * PIECE_BYTES, "else"),
        new Uint8Array(2 * PIECE_BYTES),
      ]
    ) assert.deepEqual(await made(base, bytes), Buffer.from(bytes));
  });

  test("whose unpacked patch would be too large takes the piece as it is", async () => {
    // Every other byte differs: the runs alone are as many bytes as the piece.
    const base = testBytes(2 * PIECE_BYTES, "base");
    const bytes = base.map((byte, i) => (i % 512 < 32 || i % 2 === 0 ? byte : byte + 1));
    assert.deepEqual(await made(base, bytes), Buffer.from(bytes));
  });

  test("that would be too large is not made, and the making ends soon", async () => {
    const bytes = testBytes(12 * PIECE_BYTES, "else");
    let done = 0;
    const delta = await makeDelta(testBytes(PIECE_BYTES, "base"), bytes, await pieceListOf(bytes), {
      signal: never,
      maxBytes: 2 * PIECE_BYTES,
      onProgress: (bytes) => done = bytes,
    });
    assert.equal(delta, undefined);
    assert.ok(done < 10 * PIECE_BYTES, `${done}`);
  });

  test("is given up when the signal says so", async () => {
    const controller = new AbortController();
    const bytes = testBytes(8 * PIECE_BYTES);
    const making = makeDelta(bytes, nextVersion(bytes), await pieceListOf(bytes), {
      signal: controller.signal,
      maxBytes: Infinity,
      onProgress: () => controller.abort(),
    });
    await assert.rejects(making, { name: "AbortError" });
  });
});
