// From real roots, certificates and releases to facts and a decision: what governors do is what nodes do.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "../../../../src/activate/decide/decide.ts";
import { factsOf, type NodeFacts } from "../../../../src/activate/decide/facts.ts";
import type { Certificate } from "../../../../src/trust/certificate.ts";
import { pinRoot, type TrustState } from "../../../../src/trust/client.ts";
import { latchReleases } from "../../../../src/trust/release-match.ts";
import { recordSeen, withSchedule } from "../../../../src/trust/schedule.ts";
import {
  activation,
  cancellation,
  createGovernedNetwork,
  learnt,
  releasedTargets,
  signed,
} from "../../../support/governed-network.ts";
import { createReleaseRepository, nameOf, PLATFORM } from "../../../support/release-repository.ts";
import type { MutableObject } from "../../../support/signed-file.ts";
import { strictClock, updated } from "../../../support/trust-client.ts";

const network = createGovernedNetwork({ seed: "facts", finality: "instant" });
const VERSIONS = ["1.0.0", "2.0.0", "3.0.0"];
for (const version of VERSIONS) await network.repo.addRelease(version);
network.repo.publish();
const fresh = network.state();
const pathOf = (version: string) => `dchat/${version}/${nameOf(version)}`;
const targets = fresh.targets.get("targets")?.signed.targets;

const targetsOf = (version: string) => releasedTargets(fresh, version);

const next = (prev: Certificate | undefined, version: string, height: number, fields: MutableObject = {}) =>
  signed(
    activation(prev, { version, activation_height: height, targets: targetsOf(version), ...fields }),
    "a",
    "b",
    "c",
  );
const first = next(undefined, "1.0.0", 1000);
const second = next(first, "2.0.0", 2000);
const cancelSecond = signed(cancellation(second, [2]), "a", "b", "c");
const shaOf = (version: string) => targets?.get(pathOf(version))?.hashes["sha256"] ?? "";

const NODE: NodeFacts = {
  running: { version: "1.0.0", sha256: shaOf("1.0.0"), activationHeight: 1000 },
  height: 1999,
  latest: 1999,
  haltedFor: null,
  staged: VERSIONS.map((version) => ({ version, sha256: shaOf(version) })),
  failed: [],
  pin: null,
  autoRestart: true,
  nodeSeed: "n",
};
const runs = (state: TrustState, more: Partial<NodeFacts> = {}) => {
  const { run } = decide(factsOf(state, PLATFORM, { ...NODE, ...more }));
  return typeof run === "string" ? run : run.version;
};
const codes = (state: TrustState) => decide(factsOf(state, PLATFORM, NODE)).why.map((r) => r.code);

test("an approved, released upgrade runs at its height, and not a block before", () => {
  const state = learnt(fresh, first, second);
  assert.equal(runs(state), "2.0.0");
  assert.equal(runs(state, { height: 1998 }), "as-is");
  assert.equal(runs(state, { running: null, height: 50 }), "as-is");
  assert.equal(runs(state, { running: null, height: 999 }), "1.0.0");
});

test("too little weight approves nothing", () => {
  const weak = signed(
    activation(first, { version: "2.0.0", activation_height: 2000, targets: targetsOf("2.0.0") }),
    "a",
    "b",
  );
  assert.equal(runs(learnt(fresh, first, weak)), "as-is");
});

test("a cancellation that was seen in time stops it, one that came too late does not", () => {
  const before = recordSeen(learnt(fresh, first, second), 1500);
  assert.equal(runs(recordSeen(learnt(before, cancelSecond), 1989)), "as-is");
  assert.equal(runs(recordSeen(learnt(before, cancelSecond), 1990)), "2.0.0");
});

test("an upgrade that was seen complete too late does not count, and to a joiner it does", () => {
  const before = recordSeen(learnt(fresh, first), 900);
  assert.equal(runs(recordSeen(learnt(before, second), 1995)), "as-is");
  assert.equal(runs(recordSeen(learnt(before, second), null)), "2.0.0");
});

test("a replacement takes the place of what it names", () => {
  const replaced = next(second, "3.0.0", 1500, { replaces: [2] });
  assert.equal(runs(learnt(fresh, first, second, replaced)), "3.0.0");
});

test("two complete certificates of one sequence bring nothing about", () => {
  const rival = next(first, "3.0.0", 1900);
  assert.equal(runs(learnt(fresh, first, second, rival)), "as-is");
});

test("a cancellation that a mirror withholds is an obstacle", () => {
  const other = createGovernedNetwork({ seed: "facts", finality: "instant" });
  other.nameHead({ sequence: 3, sha256: cancelSecond.sha256 });
  const state = learnt(other.state(), first, second);
  assert.equal(runs(state), "as-is");
  assert.ok(codes(state).includes("obstacle"));
  assert.equal(factsOf(learnt(state, cancelSecond), PLATFORM, NODE).obstacles.length, 0);
});

test("what governors approved and release keys did not sign does not run, and stops nobody", () => {
  const wrong = { ...targetsOf("2.0.0")[pathOf("2.0.0")] as MutableObject, sha256: "00".repeat(32) };
  for (const upgrade_type of ["soft-fork", "hard-fork"]) {
    const certificate = next(first, "2.0.0", 2000, { upgrade_type, targets: { [pathOf("2.0.0")]: wrong } });
    const state = learnt(fresh, first, certificate);
    assert.equal(runs(state), "as-is");
    assert.ok(codes(state).includes("mismatch"));
  }
});

test("an upgrade of another type than was released does not run", () => {
  assert.equal(runs(learnt(fresh, first, next(first, "2.0.0", 2000, { upgrade_type: "hard-fork" }))), "as-is");
});

test("a match is remembered: a release that leaves the list later changes nothing", () => {
  const approved = learnt(fresh, first, second);
  const latched = latchReleases(approved, PLATFORM, { nowMs: 0, expired: "allow" });
  const without = createGovernedNetwork({ seed: "facts", finality: "instant" }).state();
  assert.equal(runs(withSchedule(without, latched.schedule)), "2.0.0");
  assert.equal(runs(withSchedule(without, approved.schedule)), "as-is");
});

test("a platform that was not approved stays where it is, and past a hard fork it stops", () => {
  const facts = factsOf(learnt(fresh, first, second), "windows-x64", NODE);
  assert.deepEqual(facts.upgrades.map((u) => [u.release, u.isReleased]), [["no-target", true], ["no-target", true]]);
  assert.equal(decide(facts).run, "as-is");
});

test("metadata that expired long ago changes nothing: no clock is asked", () => {
  const { timestamp } = fresh;
  assert.ok((timestamp?.signed.expiresMs ?? Infinity) < Date.UTC(2100, 0, 1), "it expires some day");
  // The facts have no time in them, and are made from the state alone.
  assert.ok(!/time|now|expire/i.test(JSON.stringify(factsOf(learnt(fresh, first, second), PLATFORM, NODE))));
});

test("the greatest height that a quorum has signed is proven", () => {
  assert.equal(factsOf(fresh, PLATFORM, NODE).provenHeight, 0);
  assert.equal(factsOf(learnt(fresh, first, second), PLATFORM, NODE).provenHeight, 10);
});

test("a network without governors decides nothing by itself", async () => {
  const repo = createReleaseRepository({ seed: "ungoverned" });
  await repo.addRelease("2.0.0");
  repo.publish();
  const state = updated(pinRoot(repo.pinnedRoot), repo.files(), strictClock(repo.nowMs));
  assert.equal(factsOf(state, PLATFORM, NODE).isGoverned, false);
  assert.deepEqual(codes(state), ["not-governed"]);
});
