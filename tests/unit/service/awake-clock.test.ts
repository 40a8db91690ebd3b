import assert from "node:assert/strict";
import { test } from "node:test";
import { createAwakeClock } from "../../../src/service/awake-clock.ts";

const HOUR_MS = 3_600_000;

test("the sleep of a machine counts, and a wall clock that is put back holds nothing up", () => {
  let steadyMs = 5, wallMs = Date.UTC(2026, 0, 1);
  const clock = createAwakeClock(() => steadyMs, () => wallMs);
  const after = (steady: number, wall: number) => {
    [steadyMs, wallMs] = [steadyMs + steady, wallMs + wall];
    return clock();
  };
  assert.equal(after(1_000, 1_000), 1_000, "awake");
  assert.equal(after(10, 8 * HOUR_MS), 1_000 + 8 * HOUR_MS, "asleep");
  assert.equal(after(500, -365 * 24 * HOUR_MS), 1_500 + 8 * HOUR_MS, "put back by a year");
  assert.equal(after(500, 500), 2_000 + 8 * HOUR_MS, "awake again");
});
