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

test("peers count as one, and what is remembered is bounded", () => {
  const limit = createAlertLimit();
  limit.raised(0, "peer:a", "dchat-1.0.0", "E_HASH_MISMATCH");
  assert.equal(limit.isDue(0, "peer:b", "dchat-1.0.0", "E_HASH_MISMATCH"), false);
  for (let i = 0; i < 1000; i++) limit.raised(0, `https://${i}.example/`, "a file", "E_HASH_MISMATCH");
  assert.equal(limit.isDue(0, "peer:b", "dchat-1.0.0", "E_HASH_MISMATCH"), true, "the oldest is forgotten");
  assert.equal(limit.isDue(0, "https://0.example/", "a file", "E_HASH_MISMATCH"), false);
});
