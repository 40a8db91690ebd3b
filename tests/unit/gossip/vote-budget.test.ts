// What a governor may say, and what is remembered of governors. Design: docs/gossip.md, "Votes".
import assert from "node:assert/strict";
import { test } from "node:test";
import { createVoteBudget } from "../../../src/gossip/vote-budget.ts";

test("of more governors than a root names the one who voted longest ago is forgotten", () => {
  const budget = createVoteBudget(() => 0);
  const silence = (governor: string) => {
    for (let i = 0; i < 16; i++) budget.spend(governor);
  };
  silence("first");
  silence("second");
  budget.spend("first");
  assert.deepEqual([budget.has("first"), budget.has("second")], [false, false]);
  for (let i = 0; i < 1_023; i++) budget.spend(`governor ${i}`);
  assert.deepEqual([budget.has("first"), budget.has("second")], [false, true]);
});
