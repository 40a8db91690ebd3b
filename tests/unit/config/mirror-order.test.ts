// Who is asked first. docs/architecture.md, "Mirror health".
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HealthBook, MirrorHealth } from "../../../src/config/health-rules.ts";
import { orderMirrors, type RankableMirror } from "../../../src/config/mirror-order.ts";

const NOW = Date.parse("2026-06-01T12:00:00Z");

function health(h: Partial<MirrorHealth> = {}): MirrorHealth {
  const times = { lastSuccessMs: null, lastFailureMs: null, lastLieMs: null, lastSeenMs: NOW };
  const counts = { successes: 0, failures: 0, consecutiveFailures: 0, lies: 0 };
  const rest = { latencyMs: null, bytesPerSecond: null, timestampVersion: null, isBehind: false };
  return { ...times, ...counts, ...rest, ...h };
}

type Row = readonly [id: string, mirror: Partial<RankableMirror>, known?: Partial<MirrorHealth>];

/** Ids in the order in which they are asked. */
function order(rows: readonly Row[], region?: string): string[] {
  const mirrors = rows.map(([id, m]): RankableMirror => ({ id, priority: 100, origin: "config", ...m }));
  const book: HealthBook = new Map(
    rows.flatMap(([id, , known]) => known === undefined ? [] : [[id, health(known)] as const]),
  );
  return orderMirrors(mirrors, book, region, NOW).map((m) => m.id);
}

const ASIDE = { consecutiveFailures: 5, lastFailureMs: NOW - 1000 };
const LIAR = { lies: 1, lastLieMs: NOW - 1000 };

const CASES: readonly (readonly [title: string, wanted: string, rows: readonly Row[], region?: string])[] = [
  ["as they came when nothing is known", "b a c", [["b", {}], ["a", {}], ["c", {}]]],
  ["by priority before anything else", "slow quick", [
    ["quick", { priority: 2 }, { bytesPerSecond: 9 }],
    ["slow", { priority: 1 }, { bytesPerSecond: 1, isBehind: true, consecutiveFailures: 2 }],
  ]],
  ["the operator's own before signed ones of one priority", "own signed", [
    ["signed", { origin: "signed", region: "eu" }, { bytesPerSecond: 9 }],
    ["own", {}, { isBehind: true }],
  ], "eu"],
  ["a signed one of a lower number before the operator's own", "signed own", [
    ["own", {}],
    ["signed", { origin: "signed", priority: 1 }],
  ]],
  ["this node's region first, in any spelling", "near far", [
    ["far", { region: "us" }, { bytesPerSecond: 9 }],
    ["near", { region: "EU" }, { isBehind: true }],
  ], "eu"],
  ["no region first where this node has none", "a b", [["a", {}], ["b", { region: "eu" }]]],
  ["the up to date before those behind", "fresh behind", [
    ["behind", {}, { isBehind: true, bytesPerSecond: 9 }],
    ["fresh", {}, { bytesPerSecond: 1 }],
  ]],
  ["fewer failed runs in a row first, the unknown before the failing", "good unknown once twice", [
    ["twice", {}, { consecutiveFailures: 2, bytesPerSecond: 9 }],
    ["once", {}, { consecutiveFailures: 1 }],
    ["unknown", {}],
    ["good", {}, { bytesPerSecond: 1 }],
  ]],
  ["the faster first, those of unknown rate by their distance", "fast slow near far unknown", [
    ["unknown", {}],
    ["far", {}, { latencyMs: 90 }],
    ["slow", {}, { bytesPerSecond: 1000, latencyMs: 1 }],
    ["near", {}, { latencyMs: 10 }],
    ["fast", {}, { bytesPerSecond: 2000, latencyMs: 500 }],
  ]],
  ["at the same rate the nearer first", "near far", [
    ["far", {}, { bytesPerSecond: 5, latencyMs: 90 }],
    ["near", {}, { bytesPerSecond: 5, latencyMs: 10 }],
  ]],
  ["the set aside after every other class, in the operator's order; liars last", "good last aside aside2 liar", [
    ["liar", { priority: 0 }, LIAR],
    ["aside2", { priority: 2 }, ASIDE],
    ["aside", { priority: 1 }, ASIDE],
    ["last", { priority: 1_000_000 }],
    ["good", {}],
  ]],
  ["all of them, when all are in disgrace", "aside liar", [["liar", {}, { ...LIAR, ...ASIDE }], ["aside", {}, ASIDE]]],
];

for (const [title, wanted, rows, region] of CASES) {
  test(`mirrors are asked ${title}`, () => assert.equal(order(rows, region).join(" "), wanted));
}

test("whoever is behind the others is a class of its own: side by side only with its like", () => {
  const mirror = (id: string): RankableMirror => ({ id, priority: 100, origin: "config" });
  const book = new Map([["aside", health(ASIDE)], ["aside2", health(ASIDE)], ["liar", health(LIAR)]]);
  const ordered = orderMirrors(["aside", "aside2", "liar", "good"].map(mirror), book, undefined, NOW);
  const [good, aside, aside2, liar] = ordered.map((m) => m.priority);
  assert.equal(good, 100);
  assert.ok(aside !== undefined && aside > 1_000_000 && aside2 === aside && liar !== undefined && liar > aside);
  assert.ok(ordered.every((m) => Number.isSafeInteger(m.priority)));
});

test("a priority that was written by hand reaches into no other class", () => {
  const mirror = (id: string, priority: number): RankableMirror => ({ id, priority, origin: "config" });
  const book = new Map([["aside", health(ASIDE)]]);
  const mirrors = [mirror("aside", 0), mirror("huge", Number.MAX_SAFE_INTEGER)];
  assert.deepEqual(orderMirrors(mirrors, book, undefined, NOW).map((m) => m.id), ["huge", "aside"]);
});
