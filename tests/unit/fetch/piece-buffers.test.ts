import assert from "node:assert/strict";
import { test } from "node:test";
import { UpdateError } from "../../../src/errors.ts";
import { createPieceBuffers, type PieceBuffer } from "../../../src/fetch/piece-buffers.ts";
import { PIECE_BYTES } from "../../../src/hash/blake3-core.ts";
import { fails } from "../../support/fails.ts";

const { signal } = new AbortController();

/** Takes without waiting for it. */
function ask(buffers: ReturnType<typeof createPieceBuffers>, o = { signal }) {
  const asked: { buffer?: PieceBuffer; failed?: unknown } = {};
  buffers.take(o).then((buffer) => asked.buffer = buffer, (e) => asked.failed = e);
  return asked;
}

// Not by deepEqual, which would print megabytes.
const waits = (...asked: readonly ReturnType<typeof ask>[]) =>
  asked.every(({ buffer, failed }) => buffer === undefined && failed === undefined);

/** Until nothing more can happen by itself. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

test("there are so many buffers, made when needed and used again, the last one first", async () => {
  const buffers = createPieceBuffers(2, 9);
  const a = await buffers.take({ signal });
  buffers.giveBack(a);
  assert.ok(await buffers.take({ signal }) === a);
  const b = await buffers.take({ signal });
  assert.ok(a !== b && a.length === PIECE_BYTES);
  const [third, fourth] = [ask(buffers), ask(buffers)];
  await settled();
  assert.ok(waits(third, fourth));
  buffers.giveBack(b);
  await settled();
  assert.ok(third.buffer === b);
  assert.ok(waits(fourth));
  buffers.startProof();
  const back = new Uint8Array(PIECE_BYTES); // the same memory, as it comes from another thread
  buffers.endProof(back);
  await settled();
  assert.ok(fourth.buffer === back);
});

test("while so many are being proven nobody gets another, though there are free ones", async () => {
  const buffers = createPieceBuffers(9, 2);
  const [a, b, c] = [await buffers.take({ signal }), await buffers.take({ signal }), await buffers.take({ signal })];
  buffers.startProof();
  const free = ask(buffers);
  await settled();
  assert.ok(free.buffer !== undefined);
  buffers.startProof();
  const [first, second] = [ask(buffers), ask(buffers)];
  buffers.giveBack(c);
  await settled();
  assert.ok(waits(first, second));
  buffers.endProof(a);
  await settled();
  assert.ok(first.buffer !== undefined && second.buffer !== undefined, "two are free, one is being proven");
  buffers.endProof(b);
});

test("who is aborted or told of a failure waits no more, and the others keep their turn", async () => {
  const buffers = createPieceBuffers(1, 1);
  const only = await buffers.take({ signal });
  const controller = new AbortController();
  const aborted = buffers.take({ signal: controller.signal });
  const next = ask(buffers), last = ask(buffers);
  controller.abort(new Error("any reason"));
  await assert.rejects(aborted, fails("E_INTERRUPTED"));
  buffers.giveBack(only);
  await settled();
  assert.ok(next.buffer === only);
  const failure = new UpdateError("E_IO", "broken");
  buffers.fail(failure);
  buffers.fail(new UpdateError("E_INTERNAL", "said later"));
  await settled();
  assert.equal(last.failed, failure);
  await assert.rejects(buffers.take({ signal }), failure);
  buffers.giveBack(only); // whoever has one may give it back
});

test("spare ones are given while at least half are there, and never before whoever waits", async () => {
  const buffers = createPieceBuffers(4, 2);
  const a = await buffers.take({ signal });
  const b = buffers.takeSpare();
  assert.ok(b !== undefined && b !== a);
  assert.ok(buffers.takeSpare() === undefined, "two of four are out");
  buffers.giveBack(b);
  assert.ok(buffers.takeSpare() === b);
  buffers.startProof();
  buffers.startProof();
  const waiting = ask(buffers);
  buffers.giveBack(a);
  await settled();
  assert.ok(waits(waiting));
  assert.ok(buffers.takeSpare() === undefined, "somebody waits");
  buffers.fail(new UpdateError("E_INTERRUPTED", "over"));
  await settled();
  assert.ok(buffers.takeSpare() === undefined, "it is over");
});

test("spare ones are few where few are in proof at a time", async () => {
  const buffers = createPieceBuffers(20, 3);
  for (let out = 1; out < 5; out++) await buffers.take({ signal });
  assert.ok(buffers.takeSpare() !== undefined);
  assert.ok(buffers.takeSpare() === undefined, "three in proof, one that is filled and one ahead of it");
  await buffers.take({ signal }); // who needs one gets it
});
