import assert from "node:assert/strict";
import { test } from "node:test";
import { createReadCount } from "../../../src/fetch/read-count.ts";

/** Plays seconds with a supplier that gives so much with so many reads. */
function play(gives: (reads: number) => number, seconds: number, max = 8): number[] {
  const count = createReadCount(max);
  const targets: number[] = [];
  for (let s = 1; s <= seconds; s++) {
    count.judge(gives(count.target), true, s * 1000);
    targets.push(count.target);
  }
  return targets;
}

test("a supplier that gives more to more reads gets more, up to the maximum", () => {
  assert.deepEqual(play((n) => n * 100, 6, 4), [2, 3, 4, 4, 4, 4]);
});

test("one that gives the same however often it is asked goes back to one read, and is tried again later", () => {
  const targets = play(() => 100, 14);
  assert.deepEqual(targets.slice(0, 11), [2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
  assert.equal(targets[11], 2);
});

test("one with a limit settles where more does not help", () => {
  const targets = play((n) => Math.min(n, 3) * 100, 10);
  assert.equal(targets.at(-1), 3);
});

test("seconds in which it had nothing to do say nothing", () => {
  const count = createReadCount(4);
  for (let s = 1; s < 9; s++) count.judge(100, false, s * 1000);
  assert.equal(count.target, 1);
});
