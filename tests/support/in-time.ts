// Bounds on the work that an input can cause, in processor time: other tests run at the same time.
// Must not: be used for speed as such; that is what the benchmarks are for.
import assert from "node:assert/strict";
import process from "node:process";

/** Runs `work`, which must take less than `ms` milliseconds of processor time; prints what it took. */
export function inTime<T>(ms: number, what: string, work: () => T): T {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  const took = Math.round((user + system) / 1000);
  console.log(`${what}: ${took} ms`);
  assert.ok(took < ms, `${what}: ${took} ms, at most ${ms}`);
  return result;
}
