// Whatever happens in whatever order: never early, never without proof, never what is not approved, never two switches,
// never a silent downgrade; and once all is well, what governs is what runs.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decide, type Decision } from "../../../../src/activate/decide/decide.ts";
import type { Facts } from "../../../../src/activate/decide/facts.ts";
import { playHistory, type Truth } from "../../../support/activation-history.ts";

const HISTORIES = 400;

/** What must hold of every decision. */
function requireSound(f: Facts, { run, prepare, why }: Decision, truth: Truth): void {
  for (const step of prepare) {
    for (const { sha256 } of step.artifacts) assert.ok(!f.staged.some((s) => s.sha256 === sha256), "staged again");
  }
  assert.ok(why.length > 0, "a decision without a reason");
  if (run === "as-is") return;
  assert.deepEqual(f.obstacles, [], "changed in spite of an obstacle");
  const known = f.sync === "latest" ? Math.max(truth.ownHeight, f.provenHeight) : truth.ownHeight;
  assert.ok(f.provenHeight <= truth.networkHeight);
  if (run === "halt") {
    const forks = f.upgrades.filter((u) => u.upgradeType === "hard-fork" && u.isReleased);
    const reached = Math.max(known, f.latest ?? 0);
    assert.ok(
      forks.some((u) => reached >= u.activationHeight - 1 && u.activationHeight > (f.running?.activationHeight ?? 0)),
    );
    assert.ok(f.pin === null || f.pin !== f.running?.version, "stopped in spite of a pin");
    return;
  }
  assert.ok(f.staged.some((s) => s.sha256 === run.sha256 && s.version === run.version), "not staged");
  assert.ok(f.pin === null || f.pin === run.version, "not what the pin says");
  if (run.activationHeight === null) {
    assert.equal(f.running, null, "back to what the network began with");
    assert.equal(run.sha256, f.genesis?.artifacts[0]?.sha256);
    return;
  }
  assert.ok(f.running === null || f.autoRestart, "not asked");
  const upgrade = f.upgrades.find((u) => u.activationHeight === run.activationHeight);
  assert.equal(upgrade?.release, "matches", "not approved and released");
  assert.ok(upgrade?.artifacts.some((a) => a.sha256 === run.sha256), "other bytes");
  assert.equal(upgrade?.sequence, run.sequence);
  const { activationHeight, switchFrom } = upgrade ?? assert.fail();
  assert.ok(known >= (switchFrom ?? activationHeight - 1), `early: ${known} for ${activationHeight}`);
  assert.ok(!f.failed.some((x) => x.sha256 === run.sha256 && x.activationHeight === activationHeight), "tried again");
  assert.ok(activationHeight > (f.running?.activationHeight ?? 0), "a downgrade, or the same switch again");
  assert.ok(upgrade?.switch === "before" || upgrade?.upgradeType !== "hard-fork" || f.hasInstantFinality, "polled");
  requireOneAtATime(f, run);
}

/** Once a switch is carried out the same facts ask for another one only where a node walks, and then a later one. */
function requireOneAtATime(f: Facts, run: Exclude<Decision["run"], string>): void {
  const { version, sha256, activationHeight } = run;
  const next = decide({ ...f, running: { version, sha256, activationHeight } }).run;
  if (typeof next === "string") return;
  assert.equal(f.sync, "walk", "two switches");
  assert.ok((next.activationHeight ?? 0) > (activationHeight ?? 0));
}

/** The facts as another node has them: read from somewhere, in other objects. */
const copyOf = (f: Facts): Facts => JSON.parse(JSON.stringify(f));

test(`${HISTORIES} random histories: every decision is sound, and the same for whoever has the same facts`, () => {
  let switches = 0, halts = 0, walked = 0, early = 0;
  for (let i = 0; i < HISTORIES; i++) {
    playHistory(`history ${i}`, (facts, decision, truth) => {
      const before = JSON.stringify(facts);
      try {
        requireSound(facts, decision, truth);
        assert.deepEqual(decide(copyOf(facts)), decision);
        assert.equal(JSON.stringify(facts), before, "the facts were changed");
      } catch (e) {
        throw new Error(`history ${i}: ${(e as Error).message}\n${before}\n${JSON.stringify(decision)}`);
      }
      if (decision.run === "halt") halts++;
      else if (decision.run !== "as-is") {
        switches++;
        if (facts.sync === "walk") walked++;
        if (facts.haltedFor !== null) early++;
      }
    });
  }
  // The histories are worth something: all of it happens, and often.
  for (const count of [switches, halts, walked, early]) assert.ok(count > 50, [switches, halts, walked, early].join());
});

test("once all is well, nothing that is due and can be run is left", () => {
  let finished = 0;
  for (let i = 0; i < HISTORIES; i++) {
    let last: { facts: Facts; decision: Decision; truth: Truth } | undefined;
    playHistory(`history ${i}`, (facts, decision, truth) => void (last = { facts, decision, truth }));
    const { facts: f, decision } = last ?? assert.fail();
    assert.ok(typeof decision.run === "string", `history ${i} never comes to rest`);
    const isFailed = (sha256: string | undefined, height: number) =>
      f.failed.some((x) => x.sha256 === sha256 && x.activationHeight === height);
    const left = f.upgrades.filter((u) =>
      u.release === "matches" && u.activationHeight > (f.running?.activationHeight ?? 0) &&
      u.activationHeight - 1 <= (f.height ?? -1) && !isFailed(u.artifacts[0]?.sha256, u.activationHeight) &&
      (f.hasInstantFinality || u.switch === "before" || u.upgradeType !== "hard-fork") &&
      u.artifacts[0]?.sha256 !== f.running?.sha256
    );
    const isBlocked = f.upgrades.some((u) => u.release === "no-target" && u.activationHeight - 1 <= (f.height ?? -1));
    if (isBlocked || f.running === null) continue;
    // With `latest` what came before the newest is skipped, also where the newest is what runs already.
    const newest = f.upgrades.findLast((u) => u.release === "matches" && u.activationHeight - 1 <= (f.height ?? -1));
    if (f.sync === "latest" && newest?.artifacts[0]?.sha256 === f.running.sha256) continue;
    assert.deepEqual(left, [], `history ${i}`);
    finished++;
  }
  assert.ok(finished > HISTORIES / 4, String(finished));
});
