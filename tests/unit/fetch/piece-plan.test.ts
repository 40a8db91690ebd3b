import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { seededRandom } from "../../support/seeded-random.ts";
import { createPiecePlan, type PiecePlan, type Run } from "../../../src/fetch/piece-plan.ts";

const EVERYTHING = { has: () => true };
const only = (...indexes: number[]) => ({ has: (i: number) => indexes.includes(i) });
const none = () => false;
const pieces = (run: Run | undefined) => run === undefined ? undefined : [run.next, run.end];

/** What a read does when a piece has come. */
function bring(plan: PiecePlan, run: Run): void {
  plan.arrived(run.next);
  plan.advance(run);
}

describe("the plan of pieces", () => {
  test("hands out the lowest pieces first, and none twice", () => {
    const plan = createPiecePlan(10, (i) => i === 2);
    assert.deepEqual(pieces(plan.takeFree(EVERYTHING, 4)), [0, 2]);
    assert.deepEqual(pieces(plan.takeFree(EVERYTHING, 4)), [3, 7]);
    assert.deepEqual(pieces(plan.takeFree(EVERYTHING, 4)), [7, 10]);
    assert.equal(plan.takeFree(EVERYTHING, 4), undefined);
    assert.equal(plan.missingCount, 9);
  });

  test("gives a partial holder only what it has", () => {
    const plan = createPiecePlan(10, none);
    assert.deepEqual(pieces(plan.takeFree(only(4, 5, 9), 8)), [4, 6]);
    assert.deepEqual(pieces(plan.takeFree(only(4, 5, 9), 8)), [9, 10]);
    assert.equal(plan.wants(only(4)), true);
    plan.arrived(4);
    assert.equal(plan.wants(only(4)), false);
  });

  test("hands out the lowest rank first, and together what follows each other in rank", () => {
    const plan = createPiecePlan(8, (i) => i === 6);
    const holders = [2, 2, 2, 1, 1, 2, 1, 1];
    const rank = (i: number) => (holders[i] ?? 0) * 8 + (i - 4 + 8) % 8; // from piece 4 on
    assert.deepEqual(pieces(plan.takeFree(EVERYTHING, 4, rank)), [4, 5]);
    assert.deepEqual(pieces(plan.takeFree(EVERYTHING, 4, rank)), [7, 8]);
    assert.deepEqual(pieces(plan.takeFree(only(0, 1, 3), 4, rank)), [3, 4]);
    assert.deepEqual(pieces(plan.takeFree(EVERYTHING, 4, rank)), [5, 6]);
    assert.deepEqual(pieces(plan.takeFree(EVERYTHING, 2, rank)), [0, 2]);
    assert.deepEqual(pieces(plan.takeFree(EVERYTHING, 2, rank)), [2, 3]);
    assert.equal(plan.takeFree(EVERYTHING, 2, rank), undefined);
  });

  test("frees what a read that ended has not brought, and what turned out wrong", () => {
    const plan = createPiecePlan(4, none);
    const run = plan.takeFree(EVERYTHING, 4);
    assert.ok(run);
    bring(plan, run);
    plan.finish(run);
    assert.deepEqual(pieces(plan.takeFree(EVERYTHING, 1)), [1, 2]);
    plan.reopen(0);
    assert.equal(plan.missingCount, 4);
    assert.deepEqual(pieces(plan.takeFree(EVERYTHING, 1)), [0, 1]);
  });

  test("does not run far ahead of the first missing piece, unless asked to", () => {
    const plan = createPiecePlan(1000, none);
    plan.takeFree(EVERYTHING, 1);
    const ahead = plan.takeFree(EVERYTHING, 1000);
    assert.deepEqual(pieces(ahead), [1, 64]);
    assert.equal(plan.takeFree(EVERYTHING, 1), undefined);
    assert.deepEqual(pieces(plan.takeAhead(EVERYTHING, 2)), [64, 66]);
  });

  test("lets others have what a stalled read holds, until it goes on", () => {
    const plan = createPiecePlan(2, none);
    const stalled = plan.takeFree(EVERYTHING, 2);
    assert.ok(stalled);
    plan.suspend(stalled);
    const other = plan.takeFree(EVERYTHING, 1);
    assert.deepEqual(pieces(other), [0, 1]);
    plan.resume(stalled);
    assert.equal(plan.takeFree(EVERYTHING, 1), undefined);
    assert.equal(plan.isRelieved(stalled), true);
    assert.ok(other);
    plan.finish(other);
    assert.equal(plan.isRelieved(stalled), false);
  });

  test("takes over the second half of a slow read, then the piece it is busy with, and nothing three times", () => {
    const plan = createPiecePlan(8, none);
    const slow = plan.takeFree(EVERYTHING, 8);
    assert.ok(slow);
    const forever = () => 1e9;
    assert.deepEqual(pieces(plan.takeOver(EVERYTHING, 16, 10, forever)), [4, 8]);
    assert.deepEqual(pieces(plan.takeOver(EVERYTHING, 16, 10, forever)), [2, 4]);
    assert.deepEqual(pieces(plan.takeOver(EVERYTHING, 16, 10, forever)), [1, 2]);
    assert.deepEqual(pieces(plan.takeOver(EVERYTHING, 16, 10, forever)), [0, 1]);
    assert.equal(plan.takeOver(EVERYTHING, 16, 10, forever), undefined);
    assert.equal(plan.isRelieved(slow), true);
  });

  test("who takes over goes on to the end, and who was slow leaves when he gets there", () => {
    const plan = createPiecePlan(8, none);
    const slow = plan.takeFree(EVERYTHING, 8), taker = plan.takeOver(EVERYTHING, 16, 10, () => 1e9);
    assert.ok(slow && taker);
    for (const index of [4, 5, 6]) {
      plan.arrived(index);
      plan.advance(taker);
      assert.equal(plan.isRelieved(taker), false, `behind ${index}`);
    }
    for (const index of [0, 1, 2]) {
      plan.arrived(index);
      plan.advance(slow);
      assert.equal(plan.isRelieved(slow), false, `behind ${index}`);
    }
    plan.arrived(3);
    plan.advance(slow);
    assert.equal(plan.isRelieved(slow), true);
    assert.equal(plan.isRelieved(taker), false);
  });

  test("does not take over what comes soon enough", () => {
    const plan = createPiecePlan(2, none);
    plan.takeFree(EVERYTHING, 2);
    assert.equal(plan.takeOver(EVERYTHING, 16, 100, () => 250), undefined);
    assert.deepEqual(pieces(plan.takeOver(EVERYTHING, 16, 100, () => 2500)), [1, 2]);
  });

  test("a read through everything claims only what is just ahead of it", () => {
    const plan = createPiecePlan(40, none);
    const all = plan.takeAll();
    assert.deepEqual(pieces(plan.takeFree(EVERYTHING, 4)), [8, 12]);
    for (let i = 0; i < 8; i++) bring(plan, all);
    assert.equal(all.next, 8);
    assert.deepEqual(pieces(plan.takeFree(EVERYTHING, 40)), [16, 40]);
    plan.finish(all);
    assert.deepEqual(pieces(plan.takeFree(EVERYTHING, 40)), [12, 16], "8 to 12 are still held by the other one");
  });

  test("whatever happens, every piece is brought and nobody waits for ever", () => {
    const { below: random } = seededRandom("piece plan");
    for (let round = 0; round < 200; round++) {
      const count = 1 + random(90);
      const plan = createPiecePlan(count, () => random(4) === 0);
      const runs = new Set<Run>();
      for (let step = 0; plan.missingCount > 0; step++) {
        assert.ok(step < 20_000, `round ${round} does not end`);
        const [run] = [...runs].slice(random(Math.max(1, runs.size)));
        const action = random(8);
        if (run === undefined || action < 2) {
          const taken = plan.takeFree(EVERYTHING, 1 + random(8)) ??
            plan.takeOver(EVERYTHING, 4, 1, () => 1e9) ?? plan.takeAhead(EVERYTHING, 2);
          if (taken !== undefined) runs.add(taken);
        } else if (action === 2) {
          plan.suspend(run);
        } else if (action === 3) {
          plan.resume(run);
        } else if (action === 4 || run.next >= run.end) {
          plan.finish(run);
          runs.delete(run);
        } else {
          bring(plan, run);
          if (random(20) === 0) plan.reopen(random(count));
        }
      }
      for (const run of runs) plan.finish(run);
      for (let i = 0; i < count; i++) plan.reopen(i);
      assert.deepEqual(pieces(plan.takeAhead(EVERYTHING, count)), [0, count], "nothing is held any more");
    }
  });
});
