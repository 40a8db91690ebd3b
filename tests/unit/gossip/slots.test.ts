import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createSlots } from "../../../src/gossip/slots.ts";

const settled = () => delay(1);
const pause = (ms: number) => delay(ms);

test("of those who wait whoever holds the fewest is first", async () => {
  const slots = createSlots({ atOnce: 2, leashMs: Infinity, pause });
  const first = await slots.take("a");
  await slots.take("a");
  const order: string[] = [];
  void slots.take("a").then(() => order.push("a"));
  void slots.take("b").then(() => order.push("b"));
  slots.free(first!);
  await settled();
  assert.deepEqual(order, ["b"]);
});

test("a slot is wanted by who has none, and by who would have no more with it than its peer without it", async () => {
  const slots = createSlots({ atOnce: 4, leashMs: Infinity, pause });
  const [a, , , b] = [await slots.take("a"), await slots.take("a"), await slots.take("a"), await slots.take("b")];
  assert.equal(slots.isWanted(a!), false);
  void slots.take("b");
  assert.deepEqual([a, b].map((slot) => slots.isWanted(slot!)), [true, false]);
  void slots.take("c");
  assert.deepEqual([a, b].map((slot) => slots.isWanted(slot!)), [true, true]);
});

test("a peer with several makes room for one that has none after a time, one with a single one does not", async () => {
  const slots = createSlots({ atOnce: 3, leashMs: Infinity, shareMs: 20, pause });
  const [a, , b] = [await slots.take("a"), await slots.take("a"), await slots.take("b")];
  const beganMs = performance.now();
  const c = await slots.take("c");
  assert.ok(performance.now() - beganMs >= 19);
  assert.deepEqual([a, b, c].map((slot) => slot!.stop.signal.aborted), [true, false, false]);
  const none = slots.take("d");
  assert.equal(await Promise.race([none, delay(100, "waits")]), "waits");
});

test("whoever waits too long is refused, and nothing is given to him later", async () => {
  const slots = createSlots({ atOnce: 1, leashMs: Infinity, waitMs: 20, pause });
  const held = await slots.take("a");
  assert.equal(await slots.take("b"), undefined);
  slots.free(held!);
  assert.notEqual(await slots.take("c"), undefined);
});

test("in a crowd everybody has less time, also those who began before it came", async () => {
  const slots = createSlots({
    atOnce: 2,
    leashMs: 60_000,
    crowdMs: 20,
    pause: (ms) => delay(ms, undefined, { ref: false }),
  });
  const held = [await slots.take("a"), await slots.take("b")];
  const order: string[] = [];
  for (const peer of ["c", "d"]) void slots.take(peer).then(() => order.push(peer));
  await delay(50);
  assert.equal(order.length, 0, "two are no crowd");
  void slots.take("e").then(() => order.push("e"));
  await delay(50);
  assert.deepEqual(order, ["c"]);
  assert.deepEqual(held.map((slot) => slot!.stop.signal.aborted), [true, false], "the other one's room nobody needs");
});
