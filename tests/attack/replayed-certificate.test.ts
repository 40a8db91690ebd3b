// The lie: a certificate that was cancelled, shown again as if it were new.
import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateBytes, parseCertificate } from "../../src/trust/certificate.ts";
import { approvedUpgrades } from "../../src/trust/effect.ts";
import { learnCertificate, learnCertificates, withSchedule } from "../../src/trust/schedule.ts";
import { activation, cancellation, createGovernedNetwork, learnt, signed } from "../support/governed-network.ts";

const fresh = createGovernedNetwork({ seed: "replay" }).state();
const by = ["a", "b", "c"];
const first = signed(activation(undefined), ...by);
const cancel = signed(cancellation(first, [1]), ...by);
const cancelled = learnt(fresh, first, cancel);

test("alone, with more votes, or out of an older state, it stays cancelled", () => {
  const again = parseCertificate(certificateBytes(first));
  assert.deepEqual(approvedUpgrades(learnCertificate(cancelled, again).state), []);
  assert.deepEqual(approvedUpgrades(learnCertificate(cancelled, signed(activation(undefined), ...by, "d")).state), []);
  assert.deepEqual(approvedUpgrades(learnCertificates(cancelled, [again, again])), []);
  assert.deepEqual(approvedUpgrades(withSchedule(cancelled, learnt(fresh, first).schedule)), []);
  assert.deepEqual(approvedUpgrades(withSchedule(learnt(fresh, first), cancelled.schedule)), []);
});

test("under the next sequence it is another certificate, and needs votes of its own", () => {
  const moved = activation(cancel, { activation_height: 1000 });
  const replayed = { ...signed(moved), signatures: first.signatures };
  assert.throws(() => learnCertificate(cancelled, replayed));
  assert.deepEqual(approvedUpgrades(learnCertificates(cancelled, [replayed])), []);
  assert.equal(approvedUpgrades(learnt(cancelled, signed(moved, ...by))).length, 1);
});
