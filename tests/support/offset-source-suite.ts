// What every source must do that is read from an offset to the end, the older way (`Source.read`), whatever its channel.
// source-suite.ts is for sources of pieces.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Artifact, Source, Verified } from "../../src/api.ts";
import { artifactOf, testBytes } from "./artifact.ts";
import { fails } from "./fails.ts";

export interface SuppliedSource {
  readonly source: Source;
  close(): Promise<void>;
}

/** @param supply a source that has these bytes as that artifact, and nothing else */
export function testOffsetSource(supply: (a: Verified<Artifact>, bytes: Uint8Array) => Promise<SuppliedSource>): void {
  const LENGTH = 3_000_003;
  const bytes = testBytes(LENGTH);

  async function withSource(use: (source: Source, a: Verified<Artifact>) => Promise<void>): Promise<void> {
    const a = await artifactOf(bytes);
    const { source, close } = await supply(a, bytes);
    try {
      await use(source, a);
    } finally {
      await close();
    }
  }

  test("gives the artifact's bytes from any offset to the end", () =>
    withSource(async (source, a) => {
      for (const offset of [0, 1, 1 << 20, LENGTH - 1]) {
        assert.deepEqual(await collect(source, a, offset), bytes.subarray(offset), `from ${offset}`);
      }
    }));

  test("says that it does not have another artifact", () =>
    withSource(async (source) => {
      const other = await artifactOf(testBytes(10, "other"), "2.0.0");
      await assert.rejects(collect(source, other, 0), fails("E_ABSENT"));
    }));

  test("can be left in the middle and asked again", () =>
    withSource(async (source, a) => {
      const { signal } = new AbortController();
      for await (const chunk of source.read(a, 0, { signal })) {
        assert.ok(chunk.length > 0);
        break;
      }
      assert.equal((await collect(source, a, 5)).length, LENGTH - 5);
    }));

  test("ends when the signal is aborted, before or while it reads", () =>
    withSource(async (source, a) => {
      const controller = new AbortController();
      const reading = source.read(a, 0, { signal: controller.signal })[Symbol.asyncIterator]();
      await reading.next();
      controller.abort();
      await assert.rejects(async () => {
        while (!(await reading.next()).done);
      }, fails("E_INTERRUPTED"));
      await assert.rejects(collect(source, a, 0, controller.signal), fails("E_INTERRUPTED"));
    }));
}

/** Everything a source gives from an offset on. */
export async function collect(
  source: Source,
  a: Verified<Artifact>,
  offset: number,
  signal: AbortSignal = new AbortController().signal,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of source.read(a, offset, { signal })) parts.push(chunk.slice());
  return new Uint8Array(Buffer.concat(parts));
}
