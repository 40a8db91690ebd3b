// What an operator's word may do at which height, and what a program is told of heights. docs/activation.md.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Candidate,
  firstHeightFor,
  governingVersion,
  hardForkPassed,
  heightsFor,
  permissionOf,
  requireDue,
  requireWayBack,
} from "../../../../src/activate/decide/permission.ts";
import type { Digests } from "../../../../src/api.ts";
import type { Certificate } from "../../../../src/trust/certificate.ts";
import { approvedUpgrades } from "../../../../src/trust/effect.ts";
import {
  activation,
  createGovernedNetwork,
  learnt,
  releasedTargets,
  signed,
} from "../../../support/governed-network.ts";
import { fails } from "../../../support/fails.ts";
import { nameOf, PLATFORM } from "../../../support/release-repository.ts";
import { type MutableObject, testKey } from "../../../support/signed-file.ts";

const digest = (text: string) => testKey(text).id;
const invented = (version: string): Candidate => ({
  version,
  path: `dchat/${version}/${nameOf(version)}`,
  length: 10,
  sha256: digest(`sha256 ${version}`),
  blake3: digest(`blake3 ${version}`),
});

const genesis = invented("0.9.0");
const { path, version: _, ...target } = genesis;
const network = createGovernedNetwork({ genesis: { version: "0.9.0", targets: { [path]: target } } });
await network.repo.addRelease("1.0.0");
await network.repo.addRelease("2.0.0", { custom: { upgradeType: "hard-fork" } });
network.repo.publish();
const fresh = network.state();
const bytes = (version: string): Candidate => {
  const [[path, digests] = assert.fail()] = Object.entries(releasedTargets(fresh, version));
  return { version, path, ...digests as unknown as Digests }; // as `releasedTargets` makes them
};
const next = (prev: Certificate | undefined, version: string, fields: MutableObject) =>
  signed(activation(prev, { version, targets: releasedTargets(fresh, version), ...fields }), "a", "b", "c");
const FORK = { upgrade_type: "hard-fork", activation_height: 2000, switch: "before", switch_from: 1900 };
const soft = next(undefined, "1.0.0", {});
const fork = next(soft, "2.0.0", FORK);
const state = learnt(fresh, soft, fork);

test("a version is allowed by a certificate or by the root, for exactly its bytes", () => {
  assert.equal(permissionOf(state, bytes("1.0.0")).by, "certificate");
  assert.equal(permissionOf(state, genesis).by, "genesis");
  assert.throws(() => permissionOf(state, invented("3.0.0")), fails("E_NOT_APPROVED"));
  assert.throws(() => permissionOf(state, { ...bytes("1.0.0"), blake3: digest("other") }), fails("E_RELEASE_MISMATCH"));
  assert.throws(() => permissionOf(state, { ...genesis, length: 11 }), fails("E_NOT_APPROVED"));
});

test("it may run from its first block on, and not while nobody knows the height", () => {
  const [at, before] = approvedUpgrades(state);
  assert.deepEqual([at, before].map((u) => u === undefined ? 0 : firstHeightFor(u)), [999, 1900]);
  const permission = permissionOf(state, bytes("2.0.0"));
  for (const height of [undefined, 0, 1899]) {
    assert.throws(() => requireDue(permission, height), fails("E_NOT_APPROVED"));
  }
  requireDue(permission, 1900);
  requireDue({ by: "genesis" }, undefined);
});

test("there is a way back until a hard fork behind it has passed", () => {
  for (const to of ["0.9.0", "1.0.0"]) {
    assert.equal(hardForkPassed(state, to, 1999), undefined);
    assert.equal(hardForkPassed(state, to, 2000)?.activation.version, "2.0.0");
    assert.throws(() => requireWayBack(state, to, 2000), fails("E_PAST_HEIGHT"));
    assert.throws(() => requireWayBack(state, to, undefined), fails("E_PAST_HEIGHT"));
  }
  requireWayBack(state, "2.0.0", 5000);
});

test("the version that governs is the newest whose height is the next block or below", () => {
  const at = (height: number | undefined) => governingVersion(state, PLATFORM, height);
  assert.deepEqual([undefined, 998, 999, 1998, 1999].map(at), [undefined, undefined, "1.0.0", "1.0.0", "2.0.0"]);
});

test("a program is told its own height and the next fork that it does not make", () => {
  assert.deepEqual(heightsFor(state, PLATFORM, "0.9.0", undefined), { haltHeight: 2000, activationHeight: undefined });
  assert.deepEqual(heightsFor(state, PLATFORM, "1.0.0", 1000), { haltHeight: 2000, activationHeight: 1000 });
  assert.deepEqual(heightsFor(state, PLATFORM, "2.0.0", undefined), { haltHeight: undefined, activationHeight: 2000 });
  // Nobody knows which forks a version makes that nobody has approved.
  assert.deepEqual(heightsFor(state, PLATFORM, "7.0.0", undefined), {
    haltHeight: undefined,
    activationHeight: undefined,
  });
});

test("what governors want alone governs nobody, and makes no program halt", () => {
  const unreleased = { ...FORK, targets: { [invented("3.0.0").path]: target } };
  const alone = learnt(fresh, soft, next(soft, "3.0.0", unreleased));
  assert.equal(approvedUpgrades(alone).length, 2);
  assert.equal(governingVersion(alone, PLATFORM, 5000), "1.0.0");
  assert.equal(heightsFor(alone, PLATFORM, "1.0.0", 1000).haltHeight, undefined);
  // Going back is another matter: who does not know refuses.
  assert.throws(() => requireWayBack(alone, "1.0.0", 5000), fails("E_PAST_HEIGHT"));
});
