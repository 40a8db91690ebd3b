// The lie: votes that were given for another network, another version or other bytes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateOf, withSignatures } from "../../src/trust/certificate.ts";
import { approvedUpgrades } from "../../src/trust/effect.ts";
import { latchReleases, matchRelease, scheduleAlarms } from "../../src/trust/release-match.ts";
import { listReleases } from "../../src/trust/releases.ts";
import { learnCertificate, learnCertificates } from "../../src/trust/schedule.ts";
import { activation, createGovernedNetwork, learnt, signed } from "../support/governed-network.ts";
import { refused } from "../support/refused.ts";
import { PLATFORM } from "../support/release-repository.ts";
import { strictClock } from "../support/trust-client.ts";

const network = createGovernedNetwork({ seed: "foreign" });
await network.repo.addRelease("1.0.0");
network.repo.publish();
const state = network.state();
const clock = strictClock(network.repo.nowMs);
const released = listReleases(state, clock).artifacts;
const [artifact] = released;
assert.ok(artifact !== undefined);
const { path, length, sha256, blake3 } = artifact;
const by = ["a", "b", "c"];

test("for another network, by the same governors, are refused", () => {
  const c = signed(activation(undefined, { network: "mainnet" }), ...by);
  refused("E_CERTIFICATE", () => learnCertificate(state, c));
  assert.deepEqual(approvedUpgrades(learnCertificates(state, [c])), []);
});

test("moved under another body do not verify", () => {
  const honest = signed(activation(undefined), ...by);
  for (
    const change of [{ activation_height: 999, expires_height: 999 }, { version: "6.6.6" }, {
      network: "testnet",
      title: "x",
    }]
  ) {
    const moved = withSignatures(certificateOf(activation(undefined, change)), honest.signatures);
    refused("E_SIGNATURE", () => learnCertificate(state, moved));
  }
});

test("for other bytes, another length or another type than the release has match no release", () => {
  const good = { [path]: { length, sha256, blake3 } };
  const matching = (targets: typeof good, fields = {}) => {
    const c = signed(activation(undefined, { targets, ...fields }), ...by);
    assert.ok(c.body.kind === "activate");
    assert.equal(approvedUpgrades(learnt(state, c)).length, 1);
    return c.body;
  };
  assert.equal(matchRelease(matching(good), PLATFORM, released), "matches");
  for (const wrong of [{ sha256: "0".repeat(64) }, { blake3: "0".repeat(64) }, { length: length + 1 }]) {
    const body = matching({ [path]: { length, sha256, blake3, ...wrong } });
    refused("E_RELEASE_MISMATCH", () => matchRelease(body, PLATFORM, released));
    const approved = learnt(
      state,
      signed(activation(undefined, { targets: { [path]: { length, sha256, blake3, ...wrong } } }), ...by),
    );
    assert.deepEqual(scheduleAlarms(approved, PLATFORM, clock).map((e) => e.code), ["E_RELEASE_MISMATCH"]);
    assert.deepEqual(scheduleAlarms(latchReleases(approved, PLATFORM, clock), PLATFORM, clock).length, 1);
    assert.deepEqual(scheduleAlarms(approved, "plan9-mips", clock), []);
  }
  const patch = matching(good, { upgrade_type: "security-patch" });
  refused("E_RELEASE_MISMATCH", () => matchRelease(patch, PLATFORM, released));
});
