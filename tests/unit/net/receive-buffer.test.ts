import assert from "node:assert/strict";
import { test } from "node:test";
import { type Chunk, createReceiveBuffer, type ReceiveBuffer } from "../../../src/net/receive-buffer.ts";
import { seededRandom } from "../../support/seeded-random.ts";

/** What a runtime does with it: asks for memory, writes into it, tells how much. */
function receiveBytes({ onread: { buffer, callback } }: ReceiveBuffer, wanted: number, fill: number): number {
  assert.ok(typeof buffer === "function");
  const memory = buffer();
  const count = Math.min(wanted, memory.length);
  memory.fill(fill, 0, count);
  callback(count, memory);
  return count;
}

test("what somebody still reads is never written to again, what nobody reads is", () => {
  const random = seededRandom("receive buffer");
  const receive = createReceiveBuffer();
  const held: { chunk: Chunk; fill: number }[] = [];
  const memories = new Set<ArrayBufferLike>();
  let fill = 0;
  receive.deliver = (chunk) => {
    if (typeof chunk.owner === "object") chunk.owner.held++;
    memories.add(chunk.bytes.buffer);
    held.push({ chunk, fill });
  };
  for (let i = 0; i < 500; i++) {
    fill = i % 251;
    assert.ok(receiveBytes(receive, 1 + random.below(300_000), fill) > 0);
    while (held.length > random.below(8)) {
      const [{ chunk, fill: expected } = assert.fail()] = held.splice(random.below(held.length), 1);
      assert.ok(chunk.bytes.every((byte) => byte === expected), `read ${i}`);
      if (typeof chunk.owner === "object") chunk.owner.held--;
    }
  }
  assert.ok(memories.size < 50, `${memories.size} pieces of memory for 500 reads`);
});

test("who keeps everything keeps it unharmed", () => {
  const receive = createReceiveBuffer();
  const kept: Uint8Array[] = [];
  receive.deliver = ({ bytes, owner }) => {
    if (typeof owner === "object") owner.held++;
    kept.push(bytes);
  };
  for (let i = 0; i < 200; i++) receiveBytes(receive, 100_000, i);
  kept.forEach((bytes, i) => assert.ok(bytes.every((byte) => byte === i), `read ${i}`));
});

test("a reader that keeps up needs one piece of memory", () => {
  const receive = createReceiveBuffer();
  const memories = new Set<ArrayBufferLike>();
  receive.deliver = ({ bytes }) => void memories.add(bytes.buffer);
  for (let i = 0; i < 100; i++) receiveBytes(receive, 500_000, i);
  assert.equal(memories.size, 1);
});
