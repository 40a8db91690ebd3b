// The lie: a platform that joins a release after it was approved. No node changes its mind by it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { approvedUpgrades } from "../../src/trust/effect.ts";
import { createApprovals, latchReleases, matchRelease } from "../../src/trust/release-match.ts";
import { listReleases } from "../../src/trust/releases.ts";
import { activation, createGovernedNetwork, learnt, signed } from "../support/governed-network.ts";
import { PLATFORM } from "../support/release-repository.ts";
import { strictClock, updated } from "../support/trust-client.ts";

const network = createGovernedNetwork({ seed: "platform" });
const { repo } = network;
const clock = strictClock(repo.nowMs);
await repo.addRelease("1.0.0");
repo.publish();
const releasesOf = (s: Parameters<typeof listReleases>[0]) => listReleases(s, clock).artifacts;
const start = network.state();
const targets = Object.fromEntries(
  releasesOf(start).map(({ path, length, sha256, blake3 }) => [path, { length, sha256, blake3 }]),
);
const approved = learnt(start, signed(activation(undefined, { targets }), "a", "b", "c"));

const arm = { path: "dchat/1.0.0/dchat-1.0.0-linux-arm64", custom: { platform: "linux-arm64" } };
await repo.addRelease("1.0.0", { ...arm, content: new Uint8Array(10).fill(1) });
repo.publish();
const later = updated(approved, repo.files(), clock);

test("the approval stands for those it was given to, and is none for the new platform", () => {
  const [upgrade] = approvedUpgrades(later);
  assert.ok(upgrade !== undefined);
  assert.equal(approvedUpgrades(approved)[0]?.sha256, upgrade.sha256);
  assert.equal(matchRelease(upgrade.activation, PLATFORM, releasesOf(later)), "matches");
  assert.equal(matchRelease(upgrade.activation, "linux-arm64", releasesOf(later)), "no-target");
  const approvals = createApprovals(later);
  const words = releasesOf(later).map((a) => `${a.platform} ${approvals(a).approved}`).sort();
  assert.deepEqual(words, ["linux-arm64 pending", "linux-x64 approved"]);
});

test("a release that leaves the list, or changes after it was matched, is still what was approved on this node", () => {
  const latched = latchReleases(approved, PLATFORM, clock);
  const [facts] = latched.schedule.local.values();
  assert.equal(facts?.matchedPlatform, PLATFORM);
  assert.equal(latchReleases(latched, PLATFORM, clock), latched);
  const gone = { ...latched, targets: new Map() };
  assert.equal([...latchReleases(gone, PLATFORM, clock).schedule.local.values()][0]?.matchedPlatform, PLATFORM);
});

test("a platform whose name begins like another is not that one", () => {
  const [upgrade] = approvedUpgrades(later);
  assert.ok(upgrade !== undefined);
  assert.equal(matchRelease(upgrade.activation, "linux", releasesOf(later)), "no-target");
  assert.equal(matchRelease(upgrade.activation, "linux-x6", releasesOf(later)), "no-target");
});
