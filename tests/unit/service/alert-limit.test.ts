import assert from "node:assert/strict";
import { test } from "node:test";
import { createAlertLimit } from "../../../src/service/alert-limit.ts";

const HOUR_MS = 3_600_000;

test("the same source, file and code are on record once an hour; anything else is told at once", () => {
  const limit = createAlertLimit(), mirror = "https://m.example/";
  assert.equal(limit.isDue(0, mirror, "dchat-1.0.0", "E_HASH_MISMATCH"), true);
  assert.equal(limit.isDue(1, mirror, "dchat-1.0.0", "E_HASH_MISMATCH"), true, "it was not written yet");
  limit.raised(1, mirror, "dchat-1.0.0", "E_HASH_MISMATCH");
  assert.equal(limit.isDue(HOUR_MS, mirror, "dchat-1.0.0", "E_HASH_MISMATCH"), false);
  assert.equal(limit.isDue(HOUR_MS + 1, mirror, "dchat-1.0.0", "E_HASH_MISMATCH"), true);
  assert.equal(limit.isDue(2, "https://n.example/", "dchat-1.0.0", "E_HASH_MISMATCH"), true);
  assert.equal(limit.isDue(2, mirror, "dchat-1.1.0", "E_HASH_MISMATCH"), true);
  assert.equal(limit.isDue(2, mirror, "dchat-1.0.0", "E_SIGNATURE"), true);
});

test("of peers sixteen are on record in an hour, however many are made up, and what is remembered is bounded", () => {
  const limit = createAlertLimit(), lie = ["dchat-1.0.0", "E_HASH_MISMATCH"] as const;
  for (let i = 0; i < 16; i++) {
    assert.equal(limit.isDue(i, `peer:${i}`, ...lie), true);
    limit.raised(i, `peer:${i}`, ...lie);
  }
  assert.equal(limit.isDue(16, "peer:16", ...lie), false);
  assert.equal(limit.isDue(16, "https://m.example/", ...lie), true, "mirrors are not made up");
  assert.equal(limit.isDue(HOUR_MS, "peer:16", ...lie), true);
  for (let i = 0; i < 1000; i++) limit.raised(16, `https://${i}.example/`, ...lie);
  assert.equal(limit.isDue(16, "peer:0", ...lie), true, "the oldest are forgotten");
  assert.equal(limit.isDue(16, "https://0.example/", ...lie), false);
});
