import assert from "node:assert/strict";
import { test } from "node:test";
import { AllSourcesFailedError, asUpdateError, systemCode, UpdateError } from "../../src/errors.ts";

test("no text from outside can move the cursor, break the line or turn it around", () => {
  const hostile = "a\nb\rc\u001b[2Jd\u009b2Je\u007f\u2028f\u202eg\u200bh\ud800";
  const shown = "a\\u{a}b\\u{d}c\\u{1b}[2Jd\\u{9b}2Je\\u{7f}\\u{2028}f\\u{202e}g\\u{200b}h\\u{d800}";
  const e = new UpdateError("E_MALFORMED", hostile, { hint: hostile });
  assert.equal(e.message, shown);
  assert.equal(e.hint, shown);
  assert.equal(asUpdateError(new Error(hostile)).message, shown);
  assert.equal(new AllSourcesFailedError("x", [{ source: "m", error: e }]).message, `x: m: ${shown}`);
});

test("an error of many suppliers names the gravest first, and not all of them", () => {
  const attempts = Array.from({ length: 200 }, (_, i) => ({
    source: `m${i}`,
    error: new UpdateError(i === 150 ? "E_HASH_MISMATCH" : "E_TIMEOUT", `reason ${i}`),
  }));
  const e = new AllSourcesFailedError("x", attempts);
  assert.equal(e.code, "E_HASH_MISMATCH");
  assert.equal(e.message, "x: m150: reason 150; m0: reason 0; m1: reason 1; m2: reason 2; m3: reason 3; 195 more");
  assert.equal(e.attempts.length, 200);
  const few = new AllSourcesFailedError("x", attempts.slice(149, 151));
  assert.equal(few.message, "x: m149: reason 149; m150: reason 150", "few stay in their order");
});

test("ordinary text stays as it is", () => {
  const text = 'ä ☃ 😀 "quoted" \\ back';
  assert.equal(new UpdateError("E_USAGE", text).message, text);
});

test("the system's name of an error is found through whatever it was wrapped in, and nowhere else", () => {
  const missing = Object.assign(new Error("no such file"), { code: "ENOENT" });
  const wrapped = new UpdateError("E_STATE_CORRUPT", "x", { cause: new UpdateError("E_IO", "y", { cause: missing }) });
  for (const e of [missing, asUpdateError(missing), wrapped]) assert.equal(systemCode(e), "ENOENT");
  for (const e of [new UpdateError("E_IO", "x"), new Error("x"), { code: 2 }, "ENOENT", null, undefined]) {
    assert.equal(systemCode(e), undefined);
  }
});
