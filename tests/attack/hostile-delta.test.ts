// A delta by somebody who can sign: it unpacks to far more than a piece, copies from outside the older file, lies about its pieces.
// Nothing of it reaches the artifact, memory stays small, and no mirror is blamed for what was signed.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { brotliCompressSync, constants } from "node:zlib";
import type { Artifact, Delta, Verified } from "../../src/api.ts";
import { writeDeltaHead } from "../../src/delta/delta-head.ts";
import type { UpdateError } from "../../src/errors.ts";
import { PIECE_BYTES } from "../../src/hash/blake3-core.ts";
import { createDeltaSource } from "../../src/sources/delta.ts";
import { artifactOf, pieceListOf, testBytes } from "../support/artifact.ts";
import { createDownloadPlace } from "../support/download-place.ts";
import { fails } from "../support/fails.ts";
import { createMemorySource } from "../support/memory-source.ts";
import { collect } from "../support/source-suite.ts";

const PIECES = 3;
const base = testBytes(PIECES * PIECE_BYTES, "version 1.0.0");
const bytes = testBytes(PIECES * PIECE_BYTES, "version 1.1.0");
const sha256 = (b: Uint8Array) => createHash("sha256").update(b).digest("hex");

describe("a signed delta", { timeout: 60_000 }, () => {
  let packagesDir: string;
  let plain: Verified<Artifact>;
  before(async () => {
    packagesDir = await mkdtemp(join(tmpdir(), "dchat-hostile-"));
    await writeFile(join(packagesDir, "dchat-1.0.0-linux-x64"), base);
    plain = await artifactOf(bytes, "1.1.0");
  });
  after(() => rm(packagesDir, { recursive: true, force: true }));

  /** A delta of these packed patches, signed as it is. */
  async function signedSource(patches: Uint8Array[], pieceList?: Uint8Array, change: Partial<Delta> = {}) {
    const entries = patches.map((p) => ({ length: p.length, sha256: sha256(p) }));
    const head = writeDeltaHead(pieceList ?? await pieceListOf(bytes), entries);
    const file = Buffer.concat([head, ...patches]);
    const from = { version: "1.0.0", length: base.length, sha256: sha256(base) };
    const delta: Delta = { from, length: file.length, headSha256: sha256(head), ...change };
    const source = createDeltaSource({
      id: "mirror",
      priority: 1,
      base: { delta, file: join(packagesDir, "dchat-1.0.0-linux-x64") },
      async *fetchRange(_artifact, _delta, offset, length) {
        yield await Promise.resolve(file.subarray(offset, offset + length));
      },
    });
    // As its publisher signed it.
    return { source, artifact: { ...plain, deltas: [delta] } as Verified<Artifact> };
  }

  async function signed(...delta: Parameters<typeof signedSource>) {
    const { source, artifact } = await signedSource(...delta);
    return await source.open(artifact, { signal: new AbortController().signal });
  }

  async function refused(reader: Awaited<ReturnType<typeof signed>>, ...words: string[]): Promise<void> {
    try {
      await assert.rejects(collect(reader, 0, 1), (e) => {
        assert.equal((e as UpdateError).source, undefined);
        return fails("E_ABSENT", ...words)(e);
      });
    } finally {
      await reader.close();
    }
  }

  const three = (patch: Uint8Array) => [patch, patch, patch];
  const packed = (...numbers: number[]) => brotliCompressSync(Uint8Array.from(numbers));

  test("that unpacks to much more than a piece is given up", async () => {
    const bomb = brotliCompressSync(new Uint8Array(1 << 27), { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
    assert.ok(bomb.length < 1 << 16, `${bomb.length}`);
    await refused(await signed(three(bomb)), "unpacked");
  });

  test("that is no packed patch, or one of many tiny copies without an end, is of no use", async () => {
    await refused(await signed(three(testBytes(100))), "unpacked");
    await refused(await signed(three(packed())), "too early");
    await refused(await signed(three(packed(0, 0))), "a copy of 0 bytes");
    const copies = new Uint8Array(3 * (PIECE_BYTES / 2)).map((_, i) => (i % 3 === 1 ? 1 : 0));
    await refused(await signed(three(brotliCompressSync(copies))), "too early");
  });

  test("that copies from outside the older file is of no use", async () => {
    const wholePiece = [0x80, 0x80, 0x40];
    await refused(await signed(three(packed(0, ...wholePiece, 1))), "outside");
    await refused(await signed(three(packed(0, ...wholePiece, 0xfe, 0xff, 0xff, 0xff, 0x7f))), "outside");
  });

  test("whose pieces are not those of the artifact gives none", async () => {
    const wholePiece = [0x80, 0x80, 0x40];
    const same = packed(0, ...wholePiece, 0, ...wholePiece, 0); // the older file's piece as it is
    await refused(await signed(three(same)), "damaged");
  });

  test("with a piece list of its own gives neither pieces nor the list, for which its mirror would be blamed", async () => {
    const wholePiece = [0x80, 0x80, 0x40];
    const same = packed(0, ...wholePiece, 0, ...wholePiece, 0);
    const right = await pieceListOf(bytes);
    for (const list of [await pieceListOf(base), right.with(40, right[40]! ^ 1)]) {
      const { signal } = new AbortController();
      const reader = await signed(three(same), list);
      await assert.rejects(reader.pieceList({ signal }), (e) => {
        assert.equal((e as UpdateError).source, undefined);
        return fails("E_ABSENT", "another file")(e);
      });
      await reader.close();
      await refused(await signed(three(same), list), "another file");
    }
  });

  test("with a piece list of its own costs nobody his name, and the artifact comes as a whole", async () => {
    const wholePiece = [0x80, 0x80, 0x40];
    const same = packed(0, ...wholePiece, 0, ...wholePiece, 0);
    for (const list of [undefined, await pieceListOf(bytes)]) { // of the next mirror
      const { source, artifact } = await signedSource(three(same), await pieceListOf(base));
      const at = createDownloadPlace(artifact);
      const whole = createMemorySource({ id: "whole", priority: 2, bytes, ...(list === undefined ? {} : { list }) });
      const got = await at.download([source, whole]);
      await at.assertPlaced(bytes);
      assert.deepEqual([got.refused, got.source], [[], "whole"]);
      await at.remove();
    }
  });

  test("with another number of patches, empty ones or another length is of no use", async () => {
    const patch = packed(0);
    await refused(await signed([patch, patch, new Uint8Array(0)]), "0 bytes");
    await refused(await signed(three(patch), undefined, { length: 1 << 30 }), "signed length");
  });
});
