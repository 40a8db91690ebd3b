// The lie: votes of governors who were replaced in the middle of a vote, in every order of messages and roots.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Certificate } from "../../src/trust/certificate.ts";
import type { TrustState } from "../../src/trust/client.ts";
import { approvedUpgrades } from "../../src/trust/effect.ts";
import { learnCertificates } from "../../src/trust/schedule.ts";
import { activation, createGovernedNetwork, signed } from "../support/governed-network.ts";

const network = createGovernedNetwork({ seed: "rotated", weights: { a: 1, b: 1, c: 1 } });
const before = network.state();
network.govern({ c: 1, x: 1, y: 1 }, 1);
const after = network.state();

/** The same upgrade, proposed under the old root and under the new one. */
const old = activation(undefined), renewed = activation(undefined, { root_version: 3 });
const messages: (Certificate | "root")[] = [
  signed(old, "a"),
  signed(old, "c"),
  signed(renewed, "c"),
  signed(renewed, "x"),
  "root",
];

function permutations<T>(list: readonly T[]): T[][] {
  if (list.length < 2) return [[...list]];
  return list.flatMap((one, i) => permutations(list.filter((_, j) => j !== i)).map((rest) => [one, ...rest]));
}

const run = (order: readonly (Certificate | "root")[]): TrustState =>
  order.reduce<TrustState>(
    (state, message) =>
      message === "root" ? { ...after, schedule: state.schedule } : learnCertificates(state, [message]),
    before,
  );

test("all 120 orders of votes and the new root end in the same approval, once each message has come again", () => {
  const again = messages.filter((m) => m !== "root");
  const ends = new Set(
    permutations(messages).map((order) =>
      approvedUpgrades(again.reduce((s, c) => learnCertificates(s, [c]), run(order))).map((u) => u.sha256).join()
    ),
  );
  assert.deepEqual([...ends], [signed(renewed).sha256]);
});

test("old votes and new ones never add up: neither under the old body nor under the new one", () => {
  const mixed = [signed(old, "a"), signed(old, "x"), signed(renewed, "a"), signed(renewed, "x")];
  for (const order of permutations([...mixed, "root" as const])) {
    const state = mixed.reduce((s, c) => learnCertificates(s, [c]), run(order));
    assert.deepEqual(approvedUpgrades(state), []);
  }
});

test("what was approved before is void where the new root begins at it, and stands where it begins behind it", () => {
  const complete = signed(old, "a", "b");
  assert.equal(approvedUpgrades(learnCertificates(before, [complete])).length, 1);
  assert.deepEqual(approvedUpgrades(run([complete, "root"])), []);
  const kept = createGovernedNetwork({ seed: "kept", weights: { a: 1, b: 1, c: 1 } });
  kept.govern({ x: 1, y: 1 }, 2);
  assert.equal(approvedUpgrades(learnCertificates(kept.state(), [complete])).length, 1);
});
