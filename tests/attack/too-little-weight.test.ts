// The lie: an upgrade that too few governors want, shown as approved.
import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateBytes, parseCertificate } from "../../src/trust/certificate.ts";
import { approvedUpgrades } from "../../src/trust/effect.ts";
import { learnCertificate, learnCertificates } from "../../src/trust/schedule.ts";
import { activation, createGovernedNetwork, signed } from "../support/governed-network.ts";

const weights = { whale: 50, a: 10, b: 10, c: 10, d: 10, e: 10 };
const state = createGovernedNetwork({ seed: "weight", weights }).state();
const minorities = [["whale"], ["a", "b", "c", "d", "e"], ["a", "b", "c", "d"], []];

for (const names of minorities) {
  test(`half of the weight or less approves nothing: ${names.join(" ") || "nobody"}`, () => {
    const c = signed(activation(undefined), ...names);
    for (
      const after of [
        learnCertificate(state, c).state,
        learnCertificates(state, [parseCertificate(certificateBytes(c))]),
      ]
    ) {
      assert.deepEqual(approvedUpgrades(after), []);
    }
  });
}

test("strangers add no weight, however many they are", () => {
  const strangers = Array.from({ length: 40 }, (_, i) => `stranger ${i}`);
  assert.deepEqual(
    approvedUpgrades(learnCertificate(state, signed(activation(undefined), "whale", ...strangers)).state),
    [],
  );
});

test("one more than half approves, so that the tests above can fail", () => {
  assert.equal(approvedUpgrades(learnCertificate(state, signed(activation(undefined), "whale", "a")).state).length, 1);
});

test("two thirds less one do not make a hard fork, nor undo one", () => {
  const three = createGovernedNetwork({ seed: "thirds", weights: { x: 33, y: 33, z: 34 } }).state();
  const fork = activation(undefined, { upgrade_type: "hard-fork", switch: "before", switch_from: 900 });
  assert.deepEqual(approvedUpgrades(learnCertificate(three, signed(fork, "x", "y")).state), []);
  assert.equal(approvedUpgrades(learnCertificate(three, signed(fork, "x", "z")).state).length, 1);
});
