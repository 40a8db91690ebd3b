// The lie: a release key that votes, and a governor's key that releases.
import assert from "node:assert/strict";
import { test } from "node:test";
import { approvedUpgrades } from "../../src/trust/effect.ts";
import { epochsOf } from "../../src/trust/epochs.ts";
import { learnCertificate } from "../../src/trust/schedule.ts";
import { signersOf } from "../../src/trust/signers.ts";
import { keyObject } from "../../src/trust/keys.ts";
import { activation, createGovernedNetwork, governanceOf, governorKey, signedBy } from "../support/governed-network.ts";
import { type MutableObject, put } from "../support/signed-file.ts";

const network = createGovernedNetwork({ seed: "release key" });
const state = network.state();

for (const role of ["root", "targets", "snapshot", "timestamp"]) {
  test(`the ${role} key has no vote`, () => {
    const keys = network.repo.signers(role);
    const { outcome, state: after } = learnCertificate(state, signedBy(activation(undefined), ...keys));
    assert.equal(outcome, "ignored");
    assert.equal(after, state);
    const [epoch] = epochsOf(state).all;
    assert.ok(epoch !== undefined);
    assert.deepEqual(signersOf(signedBy(activation(undefined), ...keys, governorKey("a")), epoch), [
      governorKey("a").id,
    ]);
    const together = signedBy(activation(undefined), ...keys, governorKey("a"), governorKey("b"));
    assert.deepEqual(approvedUpgrades(learnCertificate(state, together).state), []);
  });
}

for (const role of ["targets", "snapshot", "timestamp"]) {
  test(`a root that makes the ${role} key a governor governs nothing`, () => {
    const both = createGovernedNetwork({ seed: `both ${role}` });
    const [key] = both.repo.signers(role);
    assert.ok(key !== undefined);
    const governance = governanceOf({ a: 1 }, 1);
    put(governance, ["governors", key.id], 1);
    put(both.repo.draft("root"), ["keys", key.id], keyObject(key.publicKey) as MutableObject);
    put(both.repo.draft("root"), ["x-dchat", "governance"], governance);
    both.repo.publishRoot();
    const after = both.state();
    assert.equal(epochsOf(after).isGoverned, false);
    const c = signedBy(activation(undefined, { root_version: 3 }), governorKey("a"), key);
    assert.throws(() => learnCertificate(after, c));
  });
}
