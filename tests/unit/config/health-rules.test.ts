// What earlier runs teach of a mirror, and for how long it is held against it. docs/architecture.md, "Mirror health".
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  foldRun,
  type HealthBook,
  liarUntilMs,
  MAX_REMEMBERED_MIRRORS,
  type MirrorHealth,
  type Observation,
  setAsideUntilMs,
} from "../../../src/config/health-rules.ts";

const NOW = Date.parse("2026-06-01T12:00:00Z");
const SECOND = 1000, MINUTE = 60 * SECOND, DAY = 24 * 60 * MINUTE;
const A = "https://a.example", B = "https://b.example";
const good = (id: string, more: Partial<Observation> = {}): Observation => ({ id, outcome: "success", ...more });
const bad = (id: string): Observation => ({ id, outcome: "failure" });
const EMPTY: HealthBook = new Map();

/** The book after runs a second apart, each seeing these. */
function after(...runs: readonly (readonly Observation[])[]): HealthBook {
  return runs.reduce((book, seen, i) => foldRun(book, seen, NOW + i * SECOND), EMPTY);
}

function entry(book: HealthBook, id = A): MirrorHealth {
  return book.get(id) ?? assert.fail(`${id} is not remembered`);
}

test("a run counts once, however often it asked, and what went wrong in it counts more than what went well", () => {
  const book = after([good(A), good(A), good(B)], [good(A), bad(A), good(B)]);
  const { successes, failures, consecutiveFailures } = entry(book);
  assert.deepEqual({ successes, failures, consecutiveFailures }, { successes: 1, failures: 1, consecutiveFailures: 1 });
  assert.equal(entry(book).lastSuccessMs, NOW + SECOND, "it did answer");
});

test("a good run ends a row of bad ones; an answer without what was asked for changes nothing", () => {
  const row = [bad(A), good(B)], absent: Observation = { id: A, outcome: "absent" };
  assert.equal(entry(after(row, row, [absent, good(B)])).consecutiveFailures, 2);
  assert.equal(entry(after(row, row, [good(A)])).consecutiveFailures, 0);
});

const SET_ASIDE: readonly (readonly [failedRuns: number, forMs: number])[] = [
  [1, 0],
  [2, 0],
  [3, MINUTE],
  [4, 2 * MINUTE],
  [5, 4 * MINUTE],
  [13, 1024 * MINUTE],
  [14, DAY],
  [100, DAY],
  [5000, DAY],
];

for (const [failedRuns, forMs] of SET_ASIDE) {
  test(`after ${failedRuns} failed runs in a row a mirror is set aside for ${forMs / MINUTE} min, and then asked again`, () => {
    const health = entry(after(...Array<Observation[]>(failedRuns).fill([bad(A), good(B)])));
    const last = NOW + (failedRuns - 1) * SECOND;
    assert.equal(setAsideUntilMs(health, last), forMs === 0 ? undefined : last + forMs);
    if (forMs > 0) assert.equal(setAsideUntilMs(health, last + forMs - 1), last + forMs);
    assert.equal(setAsideUntilMs(health, last + forMs), undefined);
  });
}

test("runs in which nobody could be reached set nobody aside, and are counted", () => {
  const book = after(...Array<Observation[]>(10).fill([bad(A), bad(B)]));
  assert.equal(entry(book).failures, 10);
  assert.equal(setAsideUntilMs(entry(book), NOW + 10 * SECOND), undefined);
});

test("a lie is remembered for a week, whatever good comes after it", () => {
  const book = after([{ id: A, outcome: "lie", lies: 3 }], [good(A)], [{ id: A, outcome: "lie" }], [good(A)]);
  assert.equal(entry(book).lies, 4);
  const lastLie = NOW + 2 * SECOND;
  assert.equal(liarUntilMs(entry(book), lastLie + 7 * DAY - 1), lastLie + 7 * DAY);
  assert.equal(liarUntilMs(entry(book), lastLie + 7 * DAY), undefined);
  assert.equal(liarUntilMs(entry(after([good(A)])), NOW), undefined);
  assert.equal(entry(book).consecutiveFailures, 0, "lying is no failing: each has its own end");
});

test("a clock that was wrong sets nobody aside for ever: what lies far ahead counts as over", () => {
  const failing = entry(after(...Array<Observation[]>(20).fill([bad(A), good(B)])));
  const lying = entry(after([{ id: A, outcome: "lie" }]));
  assert.notEqual(setAsideUntilMs(failing, NOW - MINUTE), undefined, "a small step back changes nothing");
  assert.equal(setAsideUntilMs(failing, NOW - 2 * DAY), undefined);
  assert.notEqual(liarUntilMs(lying, NOW - DAY), undefined);
  assert.equal(liarUntilMs(lying, NOW - 8 * DAY), undefined);
});

test("latency and rate follow slowly, and a rate over little counts for little", () => {
  const first = after([good(A, { latencyMs: 100, bytesPerSecond: 1_000_000, bytes: 4 << 20 })]);
  assert.deepEqual([entry(first).latencyMs, entry(first).bytesPerSecond], [100, 1_000_000]);
  const next = foldRun(first, [good(A, { latencyMs: 200, bytesPerSecond: 2_000_000, bytes: 4 << 20 })], NOW);
  assert.deepEqual([entry(next).latencyMs, entry(next).bytesPerSecond], [130, 1_300_000]);
  const little = foldRun(first, [good(A, { bytesPerSecond: 0, bytes: 1 << 14 })], NOW);
  assert.ok((entry(little).bytesPerSecond ?? 0) > 990_000);
  const nothing = foldRun(first, [bad(A)], NOW);
  assert.deepEqual([entry(nothing).latencyMs, entry(nothing).bytesPerSecond], [100, 1_000_000]);
});

test("freshness is what was learnt last, and stays when nothing was", () => {
  const book = after([good(A, { timestampVersion: 7, isBehind: false })], [good(A, { isBehind: true })], [bad(A)]);
  assert.deepEqual([entry(book).timestampVersion, entry(book).isBehind], [7, true]);
});

test("of too many mirrors those that were not seen for longest are forgotten", () => {
  const many = Array.from({ length: MAX_REMEMBERED_MIRRORS }, (_, i) => good(`https://${i}.example`));
  const book = after([good(A)], many.slice(1), [good(A)], [many[0] ?? good("none")]);
  assert.equal(book.size, MAX_REMEMBERED_MIRRORS);
  assert.ok(book.has(A) && book.has("https://0.example"), "the ones seen last are there");
});
