import assert from "node:assert/strict";
import { test } from "node:test";
import { seenInDownload } from "../../../src/cli/mirror-health.ts";
import type { SourceReport } from "../../../src/fetch/source-report.ts";

const { signal } = new AbortController();

const report = (o: Partial<SourceReport>): SourceReport => ({
  id: "https://m.example/",
  kind: "https",
  outcome: "used",
  pieces: 3,
  bytes: 3 << 20,
  reusedBytes: 0,
  madeFrom: null,
  bytesPerSecond: 1_000_000,
  latencyMs: 20,
  lies: 0,
  failures: 0,
  brokeOff: false,
  error: undefined,
  ...o,
});

const outcomeOf = (o: Partial<SourceReport>, s = signal) => seenInDownload([report(o)], {}, s)[0]?.outcome;

test("a mirror that gave something and then broke off has failed; one that came back has not", () => {
  assert.equal(outcomeOf({}), "success");
  assert.equal(outcomeOf({ failures: 1 }), "success");
  assert.equal(outcomeOf({ failures: 4, brokeOff: true }), "failure");
  assert.equal(outcomeOf({ failures: 4, brokeOff: true, lies: 1 }), "lie");
});

test("what an interruption broke is no failure of a mirror", () => {
  assert.equal(outcomeOf({ failures: 4, brokeOff: true }, AbortSignal.abort()), "success");
});
