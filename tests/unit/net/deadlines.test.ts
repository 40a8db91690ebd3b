import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createDeadlines } from "../../../src/net/deadlines.ts";

describe("deadlines", { timeout: 30_000 }, () => {
  /** Resolves to the milliseconds after which a deadline was due that `use` set. */
  function dueAfter(use: (deadline: ReturnType<ReturnType<typeof createDeadlines>["create"]>) => void) {
    return new Promise<number>((resolve) => {
      const startMs = performance.now();
      use(createDeadlines().create(() => resolve(performance.now() - startMs)));
    });
  }

  test("are due when they were set for, not before and not much later", async () => {
    const ms = await dueAfter((d) => d.set(100));
    assert.ok(ms >= 100 && ms < 1_000, `${ms} ms`);
  });

  test("can be pushed on for as long as one likes, and brought forward", async () => {
    const later = await dueAfter((d) => {
      for (let i = 0; i < 10_000; i++) d.set(50);
      setTimeout(() => d.set(100), 20);
    });
    assert.ok(later >= 118 && later < 1_000, `${later} ms`);
    const sooner = await dueAfter((d) => {
      d.set(60_000);
      d.set(50);
    });
    assert.ok(sooner >= 50 && sooner < 1_000, `${sooner} ms`);
  });

  test("that were unset or ended are never due; others are, in their order, once each time they are set", async () => {
    const deadlines = createDeadlines();
    const due: string[] = [];
    const create = (name: string) => deadlines.create(() => due.push(name));
    const [unset, ended, late, early] = [create("unset"), create("ended"), create("late"), create("early")];
    const last = new Promise<void>((resolve) => deadlines.create(resolve).set(150));
    late.set(100);
    early.set(10);
    unset.set(10);
    ended.set(10);
    unset.unset();
    ended.end();
    ended.set(10);
    await last;
    assert.deepEqual(due, ["early", "late"]);
    await new Promise<void>((resolve) => {
      deadlines.create(resolve).set(30);
      early.set(10);
    });
    assert.deepEqual(due, ["early", "late", "early"]);
  });

  test("may set, end and make others when they are due", async () => {
    const deadlines = createDeadlines();
    await new Promise<void>((resolve) => {
      const other = deadlines.create(() => assert.fail("it was ended"));
      other.set(30);
      const first = deadlines.create(() => {
        other.end();
        first.end();
        deadlines.create(resolve).set(60);
      });
      first.set(20);
    });
  });
});
