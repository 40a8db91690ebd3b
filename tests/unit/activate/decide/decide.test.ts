// The table of cases: each a line of facts and what is decided. Design: "What is decided" of docs/chain.md.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decide, type ReasonCode } from "../../../../src/activate/decide/decide.ts";
import type { Facts, UpgradeFact } from "../../../../src/activate/decide/facts.ts";
import { reasonWords } from "../../../../src/activate/decide/reason-words.ts";
import { sha256Hex } from "../../../../src/trust/hex.ts";

const digest = (text: string) => sha256Hex(new TextEncoder().encode(text));
const artifacts = (version: string) => [{ path: `dchat/${version}/a`, sha256: digest(version) }];
const ref = (version: string) => ({ version, sha256: digest(version) });

/** An upgrade to `version` from `height` on. */
function up(version: string, height: number, more: Partial<UpgradeFact> = {}): UpgradeFact {
  return {
    sequence: height,
    certificate: digest(`certificate ${height}`),
    version,
    upgradeType: "soft-fork",
    activationHeight: height,
    switch: "at",
    switchFrom: null,
    artifacts: artifacts(version),
    release: "matches",
    isReleased: true,
    ...more,
  };
}
const fork = (version: string, height: number, more: Partial<UpgradeFact> = {}) =>
  up(version, height, { upgradeType: "hard-fork", ...more });
const window = (version: string, from: number, height: number, more: Partial<UpgradeFact> = {}) =>
  up(version, height, { switch: "before", switchFrom: from, ...more });
const at = (version: string, activationHeight: number | null) => ({ ...ref(version), activationHeight });

const V = ["0.1.0", "1.0.0", "2.0.0", "3.0.0"] as const;
const [G, A, B, C] = V;

/** A node at genesis, whose upgrades are staged, at height 500 of a chain with instant finality. */
const BASE: Facts = {
  running: at(G, null),
  height: 500,
  latest: 500,
  haltedFor: null,
  isGoverned: true,
  hasInstantFinality: true,
  sync: "walk",
  provenHeight: 10,
  genesis: { version: G, artifacts: artifacts(G) },
  upgrades: [],
  obstacles: [],
  staged: V.map(ref),
  failed: [],
  pin: null,
  autoRestart: true,
  nodeSeed: "node",
};

type Case = [why: string, facts: Partial<Facts>, run: string, ...reasons: ReasonCode[]];

const delayed = { hasInstantFinality: false };
const three = [up(A, 100), up(B, 200), up(C, 300)];
const obstacles = [{ code: "E_WITHHELD", message: "the snapshot names certificate 9, which this node lacks" }];

const CASES: Case[] = [
  // When.
  ["nothing is scheduled", {}, "as-is", "nothing-scheduled"],
  ["two blocks before", { upgrades: [up(A, 502)] }, "as-is", "waiting"],
  ["the last block of the old rules is final", { upgrades: [up(A, 501)] }, A, "due"],
  ["long after: a missed upgrade", { upgrades: [up(A, 7)] }, A, "due"],
  ["no height was ever known", { height: null, latest: null, upgrades: [up(A, 7)] }, "as-is", "no-height", "waiting"],
  ["the chain says nothing now, and did before", { latest: null, upgrades: [up(A, 501)] }, A, "due"],
  ["what is only new does not count", { height: 400, latest: 900, upgrades: [up(A, 500)] }, "as-is", "waiting"],
  ["a window that is not open", { latest: 700, upgrades: [window(A, 501, 700)] }, "as-is", "waiting"],
  ["a window, after its first half", { height: 600, latest: 600, upgrades: [window(A, 501, 700)] }, A, "due"],
  ["a window, by what is new", { latest: 600, upgrades: [window(A, 500, 700)] }, A, "due"],
  ["a window that was missed", { upgrades: [window(A, 100, 200)] }, A, "due"],
  ["the last height there is", { height: 2 ** 53 - 2, upgrades: [up(A, 2 ** 53 - 1)] }, A, "due"],

  // A chain that halts with its RPC gone.
  [
    "the program has halted at the height it was told",
    { height: 480, haltedFor: 501, upgrades: [fork(A, 501)] },
    A,
    "due",
  ],
  ["it has halted for another height", { height: 480, haltedFor: 499, upgrades: [fork(A, 501)] }, "as-is", "waiting"],
  [
    "it has halted for one after the next, which nobody had seen to be due",
    { height: 480, haltedFor: 600, upgrades: [up(A, 501), fork(B, 600)] },
    A,
    "due",
  ],
  [
    "it has halted before a block that its successor knows both sides of",
    { ...delayed, height: 480, haltedFor: 501, upgrades: [window(A, 490, 501)] },
    A,
    "due",
  ],
  [
    "halting proves nothing elsewhere",
    { ...delayed, height: 480, haltedFor: 501, upgrades: [up(A, 501)] },
    "as-is",
    "waiting",
  ],
  ["it has halted for what was cancelled", { height: 480, haltedFor: 501, upgrades: [] }, "as-is", "nothing-scheduled"],

  // In order, or the newest.
  ["off for three upgrades, walking", { upgrades: three }, A, "due"],
  ["the second step", { upgrades: three, running: at(A, 100) }, B, "due"],
  ["the third step", { upgrades: three, running: at(B, 200) }, C, "due"],
  ["it has arrived", { upgrades: three, running: at(C, 300) }, "as-is", "nothing-scheduled"],
  ["syncing by its own height, walking", { upgrades: three, height: 150 }, A, "due"],
  ["off for three upgrades, taking the newest", { upgrades: three, sync: "latest" }, C, "due"],
  [
    "the newest, of which a quorum has said that it has passed",
    { upgrades: three, sync: "latest", height: 5, provenHeight: 250 },
    B,
    "due",
  ],
  ["nobody has said so", { upgrades: three, sync: "latest", height: 5 }, "as-is", "waiting"],
  ["a quorum's word means nothing to who walks", { upgrades: three, height: 5, provenHeight: 250 }, "as-is", "waiting"],
  ["an open window behind a closed one waits", { upgrades: [up(A, 600), window(B, 400, 700)] }, "as-is", "waiting"],
  ["the first failed, the next is due", { upgrades: three, failed: [at(A, 100)] }, B, "failed", "due"],

  // What is not approved, not proven, not allowed.
  ["no governors", { isGoverned: false, upgrades: [up(A, 7)] }, "as-is", "not-governed"],
  ["something is withheld", { upgrades: [up(A, 7)], obstacles }, "as-is", "obstacle", "due"],
  [
    "withheld, past a hard fork that failed",
    { upgrades: [fork(A, 7)], failed: [at(A, 7)], obstacles },
    "as-is",
    "obstacle",
    "failed",
    "would-fork",
  ],
  [
    "not released",
    { upgrades: [up(A, 7, { release: "no-release", isReleased: false })] },
    "as-is",
    "not-released",
    "nothing-scheduled",
  ],
  [
    "released with other bytes",
    { upgrades: [fork(A, 7, { release: "mismatch", isReleased: false })] },
    "as-is",
    "mismatch",
    "nothing-scheduled",
  ],
  ["other bytes for this platform alone", { upgrades: [up(A, 7, { release: "mismatch" })] }, "as-is", "mismatch"],
  ["a hard fork by polling", { ...delayed, upgrades: [fork(A, 7)] }, "as-is", "polled-hard-fork", "nothing-scheduled"],
  [
    "a hard fork in a window is no polling",
    { ...delayed, upgrades: [fork(A, 7, { switch: "before", switchFrom: 3 })] },
    A,
    "due",
  ],
  [
    "not approved for this platform",
    { upgrades: [up(A, 7, { artifacts: [], release: "no-target" })] },
    "as-is",
    "not-for-platform",
  ],
  ["not staged", { upgrades: [up(A, 7)], staged: [] }, "as-is", "not-staged"],
  [
    "other bytes are staged under its number",
    { upgrades: [up(A, 7)], staged: [{ version: A, sha256: digest("x") }] },
    "as-is",
    "not-staged",
  ],
  ["failed at this height", { upgrades: [up(A, 7)], failed: [at(A, 7)] }, "as-is", "failed", "nothing-scheduled"],
  ["failed at another height", { upgrades: [up(A, 7)], failed: [at(A, 6)] }, A, "due"],
  ["other bytes failed", { upgrades: [up(A, 7)], failed: [at(B, 7)] }, A, "due"],

  // The operator.
  ["pinned", { upgrades: [up(A, 7)], pin: G }, "as-is", "pinned"],
  ["pinned to what is due", { upgrades: [up(A, 7)], pin: A }, A, "due"],
  ["wants to be asked", { upgrades: [up(A, 7)], autoRestart: false }, "as-is", "waits-for-operator"],
  ["pinned, before it is time", { upgrades: [up(A, 502)], pin: G }, "as-is", "pinned"],
  ["pinned to what comes", { upgrades: [up(A, 502)], pin: A }, "as-is", "waiting"],
  [
    "wants to be asked, before it is time",
    { upgrades: [up(A, 502)], autoRestart: false },
    "as-is",
    "waiting",
    "will-ask",
  ],
  ["pinned past a hard fork", { upgrades: [fork(A, 7)], pin: G }, "as-is", "pinned"],
  [
    "pinned past a hard fork that failed",
    { upgrades: [fork(A, 7)], pin: G, failed: [at(A, 7)] },
    "as-is",
    "failed",
    "nothing-scheduled",
  ],
  [
    "wants to be asked, past a hard fork",
    { upgrades: [fork(A, 7)], autoRestart: false },
    "as-is",
    "waits-for-operator",
  ],

  // Past a hard fork that cannot be made.
  ["it failed", { upgrades: [fork(A, 501)], failed: [at(A, 501)] }, "halt", "failed", "would-fork"],
  [
    "it failed in its window",
    { height: 490, latest: 495, upgrades: [fork(A, 501, { switch: "before", switchFrom: 400 })], failed: [at(A, 501)] },
    "as-is",
    "failed",
    "nothing-scheduled",
  ],
  [
    "it failed in its window, and the block is there",
    { height: 490, latest: 500, upgrades: [fork(A, 501, { switch: "before", switchFrom: 400 })], failed: [at(A, 501)] },
    "halt",
    "failed",
    "would-fork",
  ],
  ["it is not staged", { upgrades: [fork(A, 501)], staged: [] }, "halt", "not-staged", "would-fork"],
  [
    "it was not approved for this platform",
    { upgrades: [fork(A, 7, { artifacts: [], release: "no-target" })] },
    "halt",
    "not-for-platform",
    "would-fork",
  ],
  [
    "it failed, and another upgrade follows",
    { upgrades: [fork(A, 7), up(B, 9)], failed: [at(A, 7)] },
    B,
    "failed",
    "due",
  ],
  [
    "it failed, and what runs was approved again",
    { upgrades: [fork(A, 7), up(G, 9)], failed: [at(A, 7)] },
    "as-is",
    "failed",
    "nothing-scheduled",
  ],
  [
    "its program has halted and it is not staged",
    { height: 480, haltedFor: 501, upgrades: [fork(A, 501)], staged: [] },
    "halt",
    "not-staged",
    "would-fork",
  ],

  // Never back.
  [
    "a wiped chain: the largest height counts",
    { running: at(C, 300), upgrades: three, height: 500, latest: 3 },
    "as-is",
    "nothing-scheduled",
  ],
  ["less is known than runs", { running: at(C, 300), upgrades: three, height: 50 }, "as-is", "nothing-scheduled"],
  [
    "what runs was cancelled since",
    { running: at(C, 300), upgrades: three.slice(0, 2) },
    "as-is",
    "withdrawn",
    "nothing-scheduled",
  ],
  [
    "what runs was approved by nobody",
    { running: at("9.9.9", null), upgrades: three },
    "as-is",
    "withdrawn",
    "nothing-scheduled",
  ],
  [
    "what runs was approved by nobody, and something comes",
    { running: at("9.9.9", null), upgrades: [...three, up("4.0.0", 600)] },
    "as-is",
    "withdrawn",
    "waiting",
  ],
  [
    "an older version, approved anew",
    { running: at(B, 200), upgrades: [up(A, 100), up(B, 200), up(A, 300)] },
    A,
    "due",
  ],
  [
    "the same bytes, approved anew",
    { running: at(B, 200), upgrades: [up(B, 200), up(B, 300)] },
    "as-is",
    "nothing-scheduled",
  ],
  [
    "a file that tells a number alone",
    { running: { version: B, sha256: null, activationHeight: null }, upgrades: three },
    C,
    "due",
  ],

  // The first version.
  ["nothing runs, nothing is due", { running: null, height: null, upgrades: three }, G, "due"],
  ["nothing runs, the network is further", { running: null, upgrades: three }, C, "due"],
  ["nothing runs, the own height is in between", { running: null, height: 199, upgrades: three }, B, "due"],
  ["nothing runs and wants to be asked", { running: null, upgrades: three, autoRestart: false }, C, "due"],
  ["nothing runs, something is withheld", { running: null, upgrades: three, obstacles }, "as-is", "obstacle", "due"],
  ["nothing runs and nothing is staged", { running: null, upgrades: three, staged: [] }, "as-is", "not-staged"],
  ["nothing runs nor is staged at genesis", { running: null, staged: [] }, "as-is", "not-staged"],
  [
    "nothing runs, what governs has failed",
    { running: null, upgrades: three, failed: [at(C, 300)] },
    "as-is",
    "failed",
  ],
  ["the root names no beginning", { running: null, genesis: null }, "as-is", "no-genesis"],
  [
    "the beginning is not for this platform",
    { running: null, genesis: { version: G, artifacts: [] } },
    "as-is",
    "not-for-platform",
  ],
  ["nothing runs, pinned", { running: null, pin: A }, "as-is", "pinned"],
];

for (const [why, facts, run, ...reasons] of CASES) {
  test(`${why}: ${run}`, () => {
    const d = decide({ ...BASE, ...facts });
    assert.equal(typeof d.run === "string" ? d.run : d.run.version, run);
    assert.deepEqual(d.why.map((r) => r.code), reasons);
    for (const r of d.why) assert.match(reasonWords(r), /^[^\n.]([^\n]*[^\n.])$/);
  });
}

test("what is to be staged is told before it is time, the nearest first, and the same bytes once", () => {
  const steps = (facts: Partial<Facts>) => decide({ ...BASE, staged: [], ...facts }).prepare.map((s) => s.version);
  const later = [up(A, 600), up(B, 700), up(B, 800)];
  assert.deepEqual(steps({ upgrades: later }), [A, B]);
  assert.deepEqual(steps({ upgrades: later, staged: [ref(A)] }), [B]);
  assert.deepEqual(steps({ upgrades: later, failed: [at(A, 600)] }), [B]);
  assert.deepEqual(steps({ upgrades: later, obstacles }), [A, B]);
  assert.deepEqual(steps({ upgrades: later, pin: G, autoRestart: false }), [A, B]);
  assert.deepEqual(steps({ upgrades: three }), [A, B, C]);
  assert.deepEqual(steps({ upgrades: three, sync: "latest" }), [C]);
  assert.deepEqual(steps({ upgrades: [up(A, 600, { release: "no-release" })] }), []);
  assert.deepEqual(steps({ running: null, upgrades: later }), [G, A, B]);
  assert.deepEqual(steps({ running: null, upgrades: three }), [C]);
});

test("nodes spread over the first half of a window, each at its own place, the same each time", () => {
  const upgrades = [window(A, 1000, 3001)];
  const placeOf = (nodeSeed: string) => {
    const [waiting] = decide({ ...BASE, upgrades, nodeSeed }).why;
    return 500 + (waiting?.blocksLeft ?? 0);
  };
  const places = Array.from({ length: 400 }, (_, i) => placeOf(`node ${i}`));
  assert.deepEqual(places, Array.from({ length: 400 }, (_, i) => placeOf(`node ${i}`)));
  assert.ok(Math.min(...places) >= 1000 && Math.max(...places) <= 2000);
  for (let from = 1000; from < 2000; from += 100) {
    const inside = places.filter((p) => p >= from && p < from + 100).length;
    assert.ok(inside > 15 && inside < 80, `${inside} of 400 nodes in a tenth`);
  }
  const [place = 0] = places;
  const height = (n: number) => decide({ ...BASE, upgrades, nodeSeed: "node 0", height: n, latest: n }).run;
  assert.equal(height(place - 1), "as-is");
  assert.notEqual(height(place), "as-is");
});
