import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { UpdateError } from "../../../src/errors.ts";
import { createFetchSlots } from "../../../src/gossip/fetch-slots.ts";
import { fails } from "../../support/fails.ts";

const settled = () => delay(1);
const pause = (ms: number) => delay(ms);
const untilAborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

test("so many run at a time, and the next as soon as one has ended", async () => {
  const inSlot = createFetchSlots({ atOnce: 2, leashMs: 60_000, pause });
  const ends: (() => void)[] = [];
  let running = 0, most = 0;
  const work = async () => {
    most = Math.max(most, ++running);
    await new Promise<void>((resolve) => ends.push(resolve));
    running--;
  };
  const all = Promise.all([inSlot(work), inSlot(work), inSlot(work)]);
  await settled();
  assert.equal(ends.length, 2);
  ends[0]?.();
  await settled();
  assert.equal(ends.length, 3);
  for (const end of ends) end();
  await all;
  assert.equal(most, 2);
});

test("whoever takes long makes room when another one waits, and only then", async () => {
  const inSlot = createFetchSlots({ atOnce: 1, leashMs: 5, pause });
  let hasEnded = false;
  const slow = inSlot(untilAborted).finally(() => hasEnded = true);
  const refused = assert.rejects(slow, fails("E_TIMEOUT"));
  await delay(20);
  assert.equal(hasEnded, false);
  assert.equal(await inSlot(() => Promise.resolve("quick")), "quick");
  await refused;
});

test("one that is on its leash is waited for", async () => {
  const inSlot = createFetchSlots({ atOnce: 1, leashMs: 50, pause });
  const beganMs = performance.now();
  const refused = assert.rejects(inSlot(untilAborted), fails("E_TIMEOUT"));
  await inSlot(() => Promise.resolve());
  assert.ok(performance.now() - beganMs >= 49);
  await refused;
});

test("what the work throws is thrown, and its slot is free", async () => {
  const inSlot = createFetchSlots({ atOnce: 1, leashMs: 60_000, pause });
  const gone = inSlot(() => Promise.reject(new UpdateError("E_UNREACHABLE", "gone")));
  await assert.rejects(gone, fails("E_UNREACHABLE"));
  assert.equal(await inSlot(() => Promise.resolve(1)), 1);
});

test("who has as many as a peer may have waits for himself, on no leash, and keeps nobody else waiting", async () => {
  const inSlot = createFetchSlots({ atOnce: 2, maxPerPeer: 1, leashMs: 5, pause });
  const { promise, resolve } = Promise.withResolvers<string>();
  const first = inSlot(() => promise, "a"), second = inSlot(() => Promise.resolve("second"), "a");
  await delay(20);
  assert.equal(await inSlot(() => Promise.resolve("other"), "b"), "other");
  resolve("first");
  assert.deepEqual(await Promise.all([first, second]), ["first", "second"]);
});

test("whoever was ended is behind those who waited, though he has asked for more before them", async () => {
  const inSlot = createFetchSlots({ atOnce: 1, maxPerPeer: 1, leashMs: 10, pause });
  const order: string[] = [];
  const ended = assert.rejects(inSlot(untilAborted, "holder"), fails("E_TIMEOUT"));
  const more = inSlot(() => Promise.resolve(order.push("holder")), "holder");
  const honest = inSlot(() => Promise.resolve(order.push("honest")), "honest");
  await Promise.all([ended, more, honest]);
  assert.deepEqual(order, ["honest", "holder"]);
});
