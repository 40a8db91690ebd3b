import assert from "node:assert/strict";
import { test } from "node:test";
import { UpdateError } from "../../../../src/errors.ts";
import { daemonParts } from "../../../support/daemon-parts.ts";

const MINUTE_MS = 60_000;
const away = new UpdateError("E_UNREACHABLE", "connection refused");
const refused = new UpdateError("E_HASH_MISMATCH", "wrong bytes");

test("of what fails again and again in the same way a line is written every ten minutes, and all of it is counted", () => {
  let nowMs = Date.UTC(2026, 0, 1);
  const { log, lines, metric } = daemonParts({ home: "/nowhere", now: () => new Date(nowMs) });
  for (let minute = 0; minute < 30; minute++, nowMs += MINUTE_MS) {
    log.failure("download", away);
    log.trouble("a mirror: connection refused");
  }
  assert.equal(lines().length, 6);
  assert.equal(metric("download_failures_total"), 30);

  log.failure("download", refused);
  log.failure("staging", away);
  assert.equal(lines().length, 8, "another failure, and the same of another attempt, are told at once");

  nowMs -= 365 * 24 * 60 * MINUTE_MS;
  log.failure("download", away);
  assert.equal(lines().length, 9, "a clock that is set back silences nothing");
  log.checked();
  log.failure("download", away);
  assert.equal(lines().length, 10, "nor does what was before something succeeded");
});

test("a check that fails because of this home blames no mirror", () => {
  const { log, lines, metric } = daemonParts({ home: "/nowhere" });
  log.failure("check", new UpdateError("E_DISK_FULL", "no space left"));
  assert.match(lines().join(), / what is newer could not be stored: no space left$/);
  log.failure("check", away);
  assert.match(lines().join(), / no mirror could bring anything newer: connection refused$/);
  assert.equal(metric('checks_total{result="failed"}'), 2);
});
