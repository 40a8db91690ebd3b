// What is wrong with a chain is told apart, and the height that counts never falls.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChainReading } from "../../../src/chain/chain-clock.ts";
import { type ChainStatus, type HeightMemory, judgeAnswer } from "../../../src/chain/chain-state.ts";
import { UpdateError } from "../../../src/errors.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const MINUTE_MS = 60_000;
const NOW_MS = Date.UTC(2026, 0, 1);
const options = { genesis: "0xABCD", nowMs: NOW_MS, stuckAfterMs: 10 * MINUTE_MS };
const reading = (finalized: number, more: Partial<ChainReading> = {}): ChainReading => ({
  genesis: "0xabcd",
  latest: finalized + 20,
  finalized,
  hash: "0x11",
  isSyncing: false,
  ...more,
});
const memory = (height: number, ageMs = 0): HeightMemory => ({
  height,
  hash: "0x11",
  grownAtMs: NOW_MS - ageMs,
  blockTimeMs: undefined,
  lookedHeight: 7,
});
const gone = new UpdateError("E_CHAIN", "the chain gives no height: connection refused");

type Case = [
  why: string,
  answer: ChainReading | UpdateError,
  before: HeightMemory | undefined,
  status: ChainStatus,
  height: number | null,
  words: RegExp,
];

const CASES: Case[] = [
  ["a first height", reading(100), undefined, "ok", 100, /^block 100 is final, 120 the newest$/],
  ["a height that has grown", reading(101), memory(100, 1e9), "ok", 101, /101/],
  ["the same height within its time", reading(100), memory(100, 9 * MINUTE_MS), "ok", 100, /100/],
  [
    "the same height for too long",
    reading(100),
    memory(100, 11 * MINUTE_MS),
    "stuck",
    100,
    /no final block for 11 min/,
  ],
  ["a clock that went back", reading(100), memory(100, -1e12), "ok", 100, /100/],
  [
    "a node that catches up",
    reading(100, { isSyncing: true }),
    memory(90),
    "syncing",
    100,
    /catching up, at block 100/,
  ],
  [
    "one that catches up and stands still",
    reading(90, { isSyncing: true }),
    memory(90, 1e9),
    "syncing",
    90,
    /catching up/,
  ],
  ["a height that fell", reading(60), memory(100), "falling", 100, /fell back to block 60, block 100 was final/],
  ["a wiped chain that catches up", reading(3, { isSyncing: true }), memory(100), "falling", 100, /block 3, block 100/],
  ["an RPC that is gone", gone, memory(100), "unreachable", 100, /connection refused; block 100 was final before/],
  ["an RPC that never was there", gone, undefined, "unreachable", null, /connection refused$/],
  ["another chain", reading(900, { genesis: "0xffff" }), memory(100), "wrong-chain", 100, /calls itself "0xffff"/],
  ["another chain at first", reading(900, { genesis: "" }), undefined, "wrong-chain", null, /the root names "0xABCD"/],
  ["another chain that is behind", reading(1, { genesis: "x" }), memory(100), "wrong-chain", 100, /another chain/],
  ["a command that names no chain", reading(5, { genesis: undefined }), undefined, "ok", 5, /does not say which chain/],
];

for (const [why, answer, before, status, height, words] of CASES) {
  test(`${why}: ${status}`, () => {
    const { state, memory: kept } = judgeAnswer(answer, before, options);
    assert.deepEqual([state.status, state.height], [status, height]);
    assert.match(state.words, words);
    assert.equal(state.error?.code, { unreachable: "E_CHAIN", "wrong-chain": "E_WRONG_CHAIN" }[status as string]);
    assert.equal(kept?.height ?? null, height);
    assert.equal(kept?.lookedHeight, before?.lookedHeight);
    assert.equal(state.latest, answer instanceof Error || status === "wrong-chain" ? null : answer.latest);
  });
}

test("names of chains that are no hexadecimal digits differ by their case", () => {
  const { state } = judgeAnswer(reading(1, { genesis: "Dchat-1" }), undefined, { ...options, genesis: "dchat-1" });
  assert.equal(state.status, "wrong-chain");
});

test("whatever comes in whatever order, the height that counts is the largest that the right chain has made final", () => {
  const random = seededRandom("chain states");
  for (let run = 0; run < 200; run++) {
    let kept: HeightMemory | undefined, largest: number | null = null;
    for (let step = 0; step < 40; step++) {
      const isOther = random.chance(0.2);
      const height = random.below(1000);
      const answer = random.chance(0.2)
        ? gone
        : reading(height, { isSyncing: random.chance(0.3), ...(isOther ? { genesis: "other" } : {}) });
      const { state, memory: next } = judgeAnswer(answer, kept, { ...options, nowMs: random.below(1e12) });
      if (answer !== gone && !isOther) largest = Math.max(largest ?? 0, height);
      assert.equal(state.height, largest);
      kept = next;
    }
  }
});

test("how long a block takes is learnt from growth, slowly while it is little", () => {
  let kept: HeightMemory | undefined;
  const times: (number | null)[] = [];
  for (const [seconds, height] of [[0, 100], [12, 101], [24, 102], [24 + 6000, 1102], [6025, 1103]] as const) {
    const judged = judgeAnswer(reading(height), kept, { ...options, nowMs: NOW_MS + seconds * 1000 });
    kept = judged.memory;
    times.push(judged.state.blockTimeMs);
  }
  assert.deepEqual(times, [null, 12_000, 12_000, 6000, 5950]);
});
