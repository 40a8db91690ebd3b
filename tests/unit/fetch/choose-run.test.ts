// How long the runs of pieces are that sources are asked for.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PieceReader } from "../../../src/api.ts";
import { createRunChooser } from "../../../src/fetch/choose-run.ts";
import { createPiecePlan } from "../../../src/fetch/piece-plan.ts";
import type { PieceReading } from "../../../src/fetch/piece-reading.ts";
import type { Supplier } from "../../../src/fetch/supplier.ts";
import { SmallSet } from "../../../src/small-set.ts";

const MIB = 1 << 20;
const PIECES = 200;

/** What the choice looks at: an open mirror that has everything. */
function mirror(mibPerSecond?: number, readTarget = 1): Supplier {
  const reader = { isSequential: false, have: () => ({ has: () => true }) } as unknown as PieceReader;
  const readRate = mibPerSecond === undefined ? undefined : mibPerSecond * MIB;
  return { source: { kind: "https" }, state: "ready", reader, readRate, readTarget } as unknown as Supplier;
}

/** A peer of whom nothing is known but what it has. */
function peer(has: (index: number) => boolean): Supplier {
  const reader = { isSequential: false, have: () => ({ has }) } as unknown as PieceReader;
  return {
    source: { kind: "peer" },
    state: "ready",
    reader,
    readRate: undefined,
    readTarget: 1,
  } as unknown as Supplier;
}

/** The run that the first of them is asked for when so many pieces are left and nobody reads. */
function firstRun(asked: [Supplier, ...Supplier[]], left = PIECES): number {
  const choose = createRunChooser(createPiecePlan(PIECES, (i) => i < PIECES - left), PIECES);
  const run = choose(asked[0], asked, new SmallSet<PieceReading>()) ?? assert.fail("there is something to fetch");
  assert.equal(run.next, PIECES - left);
  return run.end - run.next;
}

test("a run is what a source brings in half a second, and one piece of a source nobody knows", () => {
  assert.deepEqual([firstRun([mirror(20)]), firstRun([mirror(3)]), firstRun([mirror()])], [10, 1, 1]);
});

test("quick sources share what may be read ahead, and are many before a run gets short", () => {
  const quick = [1, 2, 3, 4, 8].map((n) => firstRun(Array(n).fill(mirror(1000)) as [Supplier]));
  assert.deepEqual(quick, [64, 32, 21, 16, 16]);
  assert.equal(firstRun([mirror(1000, 2)]), 32, "a source that is read twice at a time");
});

test("one source is asked for all that is left; several are not, so that they end at the same time", () => {
  assert.equal(firstRun([mirror(1000)], 20), 20);
  assert.equal(firstRun([mirror(1000), mirror(1000)], 20), 10);
  const gone = { ...mirror(1000), state: "down" } as const;
  assert.equal(firstRun([mirror(1000), gone], 20), 20, "the other one is down");
});

test("of peers the rarest piece comes first, and of pieces that all have another one in each download", () => {
  const count = 50, downloads = Array.from({ length: 40 }, (_, i) => i);
  const firstPiece = (asked: [Supplier, ...Supplier[]]) => {
    const choose = createRunChooser(createPiecePlan(count, () => false), count);
    return choose(asked[0], asked, new SmallSet<PieceReading>())?.next;
  };
  const whole = peer(() => true), lacking = peer((index) => index !== 17);
  assert.deepEqual(downloads.map(() => firstPiece([whole, lacking, lacking])), downloads.map(() => 17));
  assert.ok(new Set(downloads.map(() => firstPiece([whole, whole]))).size > 5);
  assert.equal(firstPiece([mirror(), whole, lacking]), 0, "mirrors give them in order");
});

test("who is slow in its first read takes nothing over that another brings as soon", () => {
  const [first, second] = [mirror(), mirror()];
  const plan = createPiecePlan(2, () => false), readings = new SmallSet<PieceReading>();
  for (const supplier of [first, second]) {
    const run = plan.takeFree({ has: () => true }, 1) ?? assert.fail("nobody reads it");
    readings.add({ supplier, run, bytes: 100_000, elapsedMs: 1_250, estimateMs: () => 11_800 } as PieceReading);
  }
  const choose = createRunChooser(plan, 2);
  assert.equal(choose(second, [first, second], readings), undefined);
  assert.equal(choose(mirror(5), [first, second], readings)?.end, 1, "who is quick does");
});
