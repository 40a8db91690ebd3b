import assert from "node:assert/strict";
import { test } from "node:test";
import { createRateLimit } from "../../../src/fetch/rate-limit.ts";

const { signal } = new AbortController();

test("without a limit nothing waits", () => {
  assert.equal(createRateLimit(undefined).take(1e12, signal), undefined);
});

test("bytes pass at the rate, however they come", async () => {
  const limit = createRateLimit(1_000_000);
  const startMs = performance.now();
  for (let i = 0; i < 30; i++) await limit.take(10_000, signal);
  const ms = performance.now() - startMs;
  assert.ok(ms >= 190, `300 kB at 1 MB/s, of which 100 ms may come at once, took ${ms} ms`);
});

test("several takers share one limit", async () => {
  const limit = createRateLimit(1_000_000);
  const startMs = performance.now();
  const taker = async () => {
    for (let i = 0; i < 10; i++) await limit.take(10_000, signal);
  };
  await Promise.all([taker(), taker(), taker()]);
  assert.ok(performance.now() - startMs >= 190);
});

test("a pause saves up no more than a short burst", () => {
  let nowMs = 0;
  const limit = createRateLimit(1000, () => nowMs);
  assert.equal(limit.take(100, signal), undefined, "100 ms of it");
  nowMs = 60_000;
  assert.equal(limit.take(100, signal), undefined);
  const abort = new AbortController();
  const wait = limit.take(1, abort.signal);
  assert.ok(wait);
  abort.abort(new Error("enough"));
  return assert.rejects(wait, /enough/);
});

test("what is paid for passes at once, and others wait for it", () => {
  let nowMs = 0;
  const limit = createRateLimit(1000, () => nowMs);
  limit.pay(1100);
  nowMs = 1_000;
  assert.equal(limit.take(0, signal), undefined);
  limit.pay(200);
  const abort = new AbortController();
  const wait = limit.take(1, abort.signal);
  assert.ok(wait);
  abort.abort(new Error("enough"));
  return assert.rejects(wait, /enough/);
});
