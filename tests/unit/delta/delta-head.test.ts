import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { canHaveDelta, deltaHeadBytes, deltaPath, readDeltaHead } from "../../../src/delta/delta-head.ts";
import { pieceListOf } from "../../support/artifact.ts";
import { testDelta } from "../../support/deltas.ts";
import { fails } from "../../support/fails.ts";

const ENTRY_BYTES = 68;
const LENGTH_AT = 8 + 32;

describe("the head of a delta", () => {
  let d: Awaited<ReturnType<typeof testDelta>>;
  let head: Uint8Array;
  before(async () => {
    d = await testDelta();
    head = d.file.subarray(0, d.headLength);
  });
  const read = (bytes: Uint8Array, delta = d.delta) => readDeltaHead(bytes, d.artifact, delta);

  /** With another length of the patch of one piece. */
  function withLength(piece: number, change: (length: number) => number): Uint8Array {
    const other = Uint8Array.from(head);
    const view = new DataView(other.buffer);
    const at = LENGTH_AT + piece * ENTRY_BYTES;
    view.setUint32(at, change(view.getUint32(at, true)), true);
    return other;
  }

  test("has the piece list, and the place of every patch", async () => {
    const { pieceList, patches } = read(head);
    assert.deepEqual(pieceList, await pieceListOf(d.bytes));
    assert.equal(patches.length, 4);
    assert.equal(patches[0]?.offset, deltaHeadBytes(d.artifact.length));
    const last = patches.at(-1)!;
    assert.equal(last.offset + last.length, d.file.length);
  });

  test("is refused when it has another length, another beginning or a missing entry", () => {
    for (const other of [head.with(0, 0), head.subarray(1), head.subarray(0, -ENTRY_BYTES), new Uint8Array(0)]) {
      assert.throws(() => read(other), fails("E_MALFORMED"));
    }
    assert.throws(() => read(Buffer.concat([head, head.subarray(-ENTRY_BYTES)])), fails("E_MALFORMED"));
  });

  test("is refused when a patch is empty or larger than a piece, or when they are not as long as was signed", () => {
    assert.throws(() => read(withLength(1, () => 0)), fails("E_MALFORMED", "0 bytes"));
    assert.throws(() => read(withLength(1, () => 2 ** 32 - 1)), fails("E_MALFORMED", "4294967295"));
    assert.throws(() => read(withLength(1, (n) => n + 1)), fails("E_MALFORMED", "signed length"));
    assert.throws(() => read(head, { ...d.delta, length: d.delta.length - 1 }), fails("E_MALFORMED", "signed length"));
  });

  test("is refused for an artifact that can have no delta", () => {
    for (const length of [1, 1 << 20, 2 ** 43]) {
      assert.equal(canHaveDelta(length), false);
      assert.throws(() => readDeltaHead(head, { ...d.artifact, length }, d.delta), fails("E_MALFORMED"));
    }
  });

  test("names its file", () => {
    const delta = { ...d.delta, headSha256: "0123456789abcdef".repeat(4) };
    assert.equal(deltaPath("a/b", delta), "a/b.0123456789abcdef.delta");
  });
});
