// Answers that are no pieces, to peers that take all at once. Design: docs/gossip.md, "Connections".
import assert from "node:assert/strict";
import { test } from "node:test";
import { createAnswers } from "../../../src/gossip/answers.ts";
import type { ByteStream } from "../../../src/gossip/byte-stream.ts";
import { createUploadLimit } from "../../../src/gossip/upload-limit.ts";

const { signal } = new AbortController();
const GIVEN = new Uint8Array(64 << 10);
const KIND = { atOnce: 4, intervalMs: 60_000, find: () => GIVEN };

function taker(): ByteStream & { takenBytes(): number } {
  let takenBytes = 0, isAborted = false;
  return {
    takenBytes: () => takenBytes,
    read: () => assert.fail("nothing is asked"),
    chunks: () => assert.fail("nothing is asked"),
    write(bytes) {
      takenBytes += bytes.length;
      return isAborted ? Promise.reject(new Error("given up")) : Promise.resolve();
    },
    pause: () => assert.fail("nothing is waited for"),
    end: () => Promise.resolve(),
    abort: () => void (isAborted = true),
  };
}

test("who waits for this node's own limit is not late, however many others wait", async () => {
  const limits = { leashMs: 500, wholeMs: 20_000 };
  const answer = createAnswers(KIND, limits, createUploadLimit(8 * GIVEN.length, signal)); // half of it, four at a time
  const takers = Array.from({ length: 10 }, taker);
  const alive = setTimeout(() => {}, 60_000); // who waits keeps no process
  await Promise.all(takers.map((bytes, i) => answer(undefined, `peer ${i}`, bytes)));
  clearTimeout(alive);
  for (const t of takers) assert.ok(t.takenBytes() > GIVEN.length);
});

test("what is small waits for no limit, and a peer that is not due is told so", async () => {
  const small = { ...KIND, find: () => new Uint8Array(4 << 10) };
  const answer = createAnswers(small, { leashMs: 500, wholeMs: 20_000 }, createUploadLimit(1_000, signal));
  const first = taker(), second = taker();
  const beganMs = performance.now();
  await answer(undefined, "peer", first);
  await answer(undefined, "peer", second);
  assert.ok(performance.now() - beganMs < 500);
  assert.deepEqual([first.takenBytes(), second.takenBytes()], ["ok 4096".length + 4 + 4096, "busy".length + 4]);
});
