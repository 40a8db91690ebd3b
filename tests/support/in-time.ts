// Bounds on the work that an input can cause, in processor time: other tests run at the same time.
// Must not: be used for speed as such; that is what the benchmarks are for.
import assert from "node:assert/strict";
import process from "node:process";

/**
 * Files run in parallel are threads of one process, whose time cannot be told apart, and machines differ. What is looked
 * for is work that grows with the square of its input, and that takes hours.
 */
const TOLERANCE = 10;

/** Runs `work`, whose processor time must be of the order of `ms` milliseconds; prints what it took. */
export function inTime<T>(ms: number, what: string, work: () => T): T {
  const before = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(before);
  const took = Math.round((user + system) / 1000);
  console.log(`${what}: ${took} ms`);
  assert.ok(took < ms * TOLERANCE, `${what}: ${took} ms, expected about ${ms}`);
  return result;
}
