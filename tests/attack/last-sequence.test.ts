// The lie: a certificate at the end of the numbers, so that nothing can follow it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { approvedUpgrades, switchObstacles } from "../../src/trust/effect.ts";
import { judgementOf, learnCertificate, learnCertificates } from "../../src/trust/schedule.ts";
import { activation, createGovernedNetwork, learnt, signed } from "../support/governed-network.ts";

const LAST = Number.MAX_SAFE_INTEGER;
const network = createGovernedNetwork({ seed: "last" });
const state = network.state();
const by = ["a", "b", "c"];

test("complete, it has no place: sequences are counted one by one", () => {
  for (const prev_sha256 of ["0".repeat(64), "7".repeat(64)]) {
    const c = signed(activation(undefined, { sequence: LAST, prev_sha256 }), ...by);
    const after = learnCertificates(state, [c]);
    assert.deepEqual([judgementOf(after).head, after.schedule.certificates.size], [0, 0]);
  }
  const first = learnt(state, signed(activation(undefined), ...by));
  const [prev] = first.schedule.certificates.values();
  assert.ok(prev !== undefined);
  const jump = signed(activation(prev, { sequence: LAST, activation_height: 5000 }), ...by);
  assert.throws(() => learnCertificate(first, jump));
  assert.equal(judgementOf(learnCertificates(first, [jump])).head, 1);
});

test("named by the snapshot, it stops switching and does not stop learning", () => {
  network.nameHead({ sequence: LAST, sha256: "7".repeat(64) });
  const named = learnt(network.state(), signed(activation(undefined), ...by));
  assert.deepEqual(switchObstacles(named).map((e) => e.code), ["E_WITHHELD"]);
  assert.equal(approvedUpgrades(named).length, 1);
});
