// Where a read of a run of pieces ends, beside a plan that others have a part in.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PieceReader } from "../../../src/api.ts";
import { createPiecePlan, type Run } from "../../../src/fetch/piece-plan.ts";
import { PieceReading, type ReadingHost } from "../../../src/fetch/piece-reading.ts";
import type { PieceStore } from "../../../src/fetch/piece-store.ts";
import { createRateLimit } from "../../../src/fetch/rate-limit.ts";
import { createSupplier } from "../../../src/fetch/supplier.ts";
import { PIECE_BYTES } from "../../../src/hash/blake3-core.ts";
import { artifactOf, testBytes } from "../../support/artifact.ts";
import { createMemorySource } from "../../support/memory-source.ts";

const PIECES = 8;
const HALF = PIECE_BYTES / 2;
const bytes = testBytes(PIECES * PIECE_BYTES);
const artifact = await artifactOf(bytes);
const ALL = { has: () => true };
const { signal } = new AbortController();

interface Scene {
  readonly plan: ReturnType<typeof createPiecePlan>;
  /** Reads this run to its end. @returns the pieces that came, and how many buffers were taken for them */
  receive(run: Run, onPiece?: (index: number) => void): Promise<{ pieces: number[]; buffers: number }>;
}

/** @param extraBytes that follow behind what is asked for */
async function scene(extraBytes: number): Promise<Scene> {
  const plan = createPiecePlan(PIECES, () => false);
  const source = createMemorySource({ id: "a", priority: 1, bytes });
  async function* read(first: number, count: number): AsyncGenerator<Uint8Array> {
    const end = Math.min((first + count) * PIECE_BYTES + extraBytes, bytes.length);
    // Chunks lie across the ends of pieces.
    for (let at = first * PIECE_BYTES, size = HALF / 2; at < end; at += size, size = HALF) {
      await Promise.resolve();
      yield bytes.subarray(at, Math.min(at + size, end));
    }
  }
  const opened = await source.open(artifact, { signal });
  const reader: PieceReader = { ...opened, isSequential: false, read };
  const given = { ...source, open: () => Promise.resolve(reader) };
  const supplier = createSupplier(given, artifact, { maxReads: 1, bytesPerSecond: undefined });
  await supplier.open({ signal });
  return {
    plan,
    async receive(run, onPiece = () => {}) {
      const pieces: number[] = [];
      let buffers = 0;
      const store = {
        takeBuffer: () => {
          if (++buffers > PIECES) throw new Error("more buffers than pieces");
          return Promise.resolve(new Uint8Array(PIECE_BYTES));
        },
        takeSpareBuffer: () => undefined,
        returnBuffer: () => void buffers--,
      } as unknown as PieceStore;
      const host: ReadingHost = {
        artifact,
        plan,
        store,
        limit: createRateLimit(undefined),
        onBytes: () => {},
        onEnding: () => {},
        onPiece(index, buffer) {
          assert.equal(Buffer.compare(buffer, bytes.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES)), 0);
          pieces.push(index);
          plan.arrived(index);
          onPiece(index);
        },
      };
      await new PieceReading(supplier, run).receive(host);
      return { pieces, buffers };
    },
  };
}

test("a read ends with its run, whatever follows", async () => {
  const { plan, receive } = await scene(PIECE_BYTES + HALF);
  const run = plan.takeFree(ALL, 3) ?? assert.fail();
  assert.deepEqual(await receive(run), { pieces: [0, 1, 2], buffers: 3 });
});

test("a read ends where another one has taken over", async () => {
  const { plan, receive } = await scene(0);
  const run = plan.takeFree(ALL, PIECES) ?? assert.fail();
  const { pieces, buffers } = await receive(run, (index) => {
    if (index === 1) assert.equal(plan.takeOver(ALL, PIECES, 1, () => 100_000)?.next, 5);
  });
  assert.deepEqual([pieces, buffers], [[0, 1, 2, 3, 4], 5]);
});
