// When the mirrors are asked by a node that runs for months. docs/gossip.md.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type CheckTimes, createCheckTimes } from "../../../src/service/check-times.ts";

const MINUTE_MS = 60_000, DAY_MS = 1_440 * MINUTE_MS;

/** @returns after how many minutes it is due again */
function minutesUntilDue(times: CheckTimes, fromMs: number, intervalMs: number): number {
  let minutes = 0;
  while (!times.isDue(fromMs + minutes * MINUTE_MS, intervalMs)) minutes++;
  return minutes;
}

test("the first check is due at once, the next one after the interval", () => {
  const times = createCheckTimes(() => 0.5);
  assert.equal(times.isDue(0, DAY_MS), true);
  times.begin(0);
  times.succeeded();
  assert.equal(minutesUntilDue(times, 0, DAY_MS), 1_440);
  assert.equal(minutesUntilDue(times, 0, DAY_MS / 2), 720, "an interval that was changed counts at once");
});

test("what failed is tried again after a minute, then twice as long each time, up to half an hour", () => {
  const times = createCheckTimes(() => 0.5);
  const waits = Array.from({ length: 7 }, () => {
    times.begin(0);
    return minutesUntilDue(times, 0, DAY_MS);
  });
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 30, 30]);
  assert.equal(minutesUntilDue(times, 0, 5 * MINUTE_MS), 5, "never later than without a failure");
  times.succeeded();
  assert.equal(minutesUntilDue(times, 0, DAY_MS), 1_440);
  times.begin(0);
  assert.equal(minutesUntilDue(times, 0, DAY_MS), 1, "and from the beginning");
});

test("a network that was started together does not go on asking together", () => {
  const waits = Array.from({ length: 1_000 }, () => {
    const times = createCheckTimes();
    times.begin(0);
    times.succeeded();
    return minutesUntilDue(times, 0, DAY_MS);
  });
  const [least, most] = [Math.min(...waits), Math.max(...waits)];
  assert.ok(least >= 1_296 && most <= 1_584, "within a tenth");
  assert.ok(least < 1_340 && most > 1_540, `spread over all of that: ${least} to ${most} minutes`);
});
