// Steps one after the other, and what is said of them. docs/devnet.md.
import assert from "node:assert/strict";
import { test } from "node:test";
import { mustHold, runSteps, type Step, type StepResult } from "../../../src/devnet/scenario.ts";

const step = (claim: string, run: Step["run"]): Step => ({ act: "an act", claim, run });

async function results(steps: readonly Step[], signal = new AbortController().signal): Promise<StepResult[]> {
  const found: StepResult[] = [];
  await runSteps(steps, { onStep: () => {}, onResult: (r) => found.push({ ...r, seconds: 0 }), signal });
  return found;
}

test("what was seen is told of each step", async () => {
  const [first, second] = await results([
    step("a", () => Promise.resolve("5 of 5")),
    step("b", () => Promise.resolve("")),
  ]);
  assert.deepEqual(first, { act: "an act", claim: "a", ok: true, seen: "5 of 5", seconds: 0 });
  assert.equal(second?.claim, "b");
});

test("the first step that does not hold is the last one", async () => {
  const run = () => {
    mustHold(false, "4 of 5");
    return Promise.resolve("never");
  };
  const found = await results([step("a", run), step("b", () => Promise.resolve(""))]);
  assert.deepEqual(found.map(({ claim, ok, seen }) => [claim, ok, seen]), [["a", false, "4 of 5"]]);
});

test("a step that was cut short says what cut it short", async () => {
  const stop = new AbortController();
  const waiting = step("a", () => {
    stop.abort(new Error("node-3 has ended"));
    return Promise.reject(stop.signal.aborted ? new Error("this operation was aborted") : undefined);
  });
  assert.deepEqual((await results([waiting], stop.signal)).map(({ ok, seen }) => [ok, seen]), [
    [false, "node-3 has ended"],
  ]);
});
