// How far a mirror is: the time of its first answer. Design: decision 0008.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Mirror } from "../../../src/api.ts";
import { type ErrorCode, UpdateError } from "../../../src/errors.ts";
import { MirrorReports } from "../../../src/fetch/mirror-reports.ts";

const { signal } = new AbortController();
const failing = (id: string, code: ErrorCode): Mirror => ({
  id,
  fetch: () => Promise.reject(new UpdateError(code, code)),
});

test('"not there" is an answer, as a mirror gives it to whoever asks for the next root; no connection is none', async () => {
  const mirrors = [failing("answers", "E_ABSENT"), failing("is gone", "E_UNREACHABLE")];
  const reports = new MirrorReports(mirrors);
  for (const m of mirrors) await assert.rejects(reports.fetch(m, "metadata/2.root.json", 1, signal));
  assert.deepEqual(reports.all().map((r) => r.latencyMs === null), [false, true]);
});
