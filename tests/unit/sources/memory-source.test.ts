import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PIECE_BYTES } from "../../../src/hash/blake3-core.ts";
import { artifactOf, testBytes } from "../../support/artifact.ts";
import { fails } from "../../support/fails.ts";
import { createMemorySource, type MemoryBehaviour } from "../../support/memory-source.ts";
import { type Behaviour, collect, testSource } from "../../support/source-suite.ts";

function asMemory(b: Exclude<Behaviour, { kind: "growing" }>): MemoryBehaviour {
  switch (b.kind) {
    case "honest":
      return {};
    case "absent":
      return { absent: true };
    case "lying":
      return { liesAt: (piece) => piece === b.piece };
    case "slow":
      return { bytesPerSecond: b.bytesPerSecond };
    case "dying":
      return { diesAfterBytes: b.afterBytes };
    case "silent":
      return { silentAfterBytes: b.afterBytes };
    case "endless":
      return { endless: true };
    case "short":
      return { fileBytes: b.bytes };
    case "sequential":
      return { sequential: true };
  }
}

describe("the source in memory", { timeout: 60_000 }, () => {
  testSource({
    leavesOut: {},
    supply: (artifact, bytes, list, pieces) => {
      const source = createMemorySource({
        id: "memory",
        priority: 1,
        artifact,
        bytes,
        list,
        ...(pieces === undefined ? {} : { pieces }),
      });
      const close = () => {
        assert.equal(source.running, 0);
        assert.equal(source.openReaders, 0);
        return Promise.resolve();
      };
      const behave = (b: Behaviour) => b.kind === "growing" ? source.grow(b.pieces) : source.behave(asMemory(b));
      return Promise.resolve({ source, behave, close });
    },
  });

  const bytes = testBytes(2 * PIECE_BYTES);
  const signal = new AbortController().signal;

  test("gives all its reads together no more than its rate", async () => {
    const source = createMemorySource({ id: "m", priority: 1, bytes, behaviour: { bytesPerSecond: 10 * PIECE_BYTES } });
    const reader = await source.open(await artifactOf(bytes), { signal });
    const startMs = performance.now();
    await Promise.all([collect(reader, 0, 1), collect(reader, 1, 1)]);
    assert.ok(performance.now() - startMs > 190, "two pieces at ten a second");
    assert.equal(source.mostRunning, 2);
    assert.equal(source.givenBytes, 2 * PIECE_BYTES);
    assert.deepEqual(source.reads, [{ first: 0, count: 1 }, { first: 1, count: 1 }]);
  });

  test("is gone for every read once it has died", async () => {
    const source = createMemorySource({ id: "m", priority: 1, bytes, behaviour: { diesAfterBytes: PIECE_BYTES } });
    const reader = await source.open(await artifactOf(bytes), { signal });
    assert.deepEqual(await collect(reader, 0, 1), bytes.subarray(0, PIECE_BYTES));
    await assert.rejects(collect(reader, 0, 1), fails("E_UNREACHABLE"));
    assert.equal(source.givenBytes, PIECE_BYTES);
  });
});
