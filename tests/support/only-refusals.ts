// Runs work on hostile input and lets nothing through but a typed refusal.
import assert from "node:assert/strict";
import { UpdateError } from "../../src/errors.ts";

/** Whatever is thrown must be a refusal: an integrity code, never a crash, never a bug. */
export function onlyRefusals(what: string, work: () => unknown): "refused" | "accepted" {
  try {
    work();
    return "accepted";
  } catch (e) {
    const refusal = e instanceof UpdateError && e.exitCode >= 30 && e.exitCode < 40;
    if (!refusal) throw new assert.AssertionError({ message: `${what}: ${String(e)}`, actual: e });
    assert.ok(e.message.length < 1000, `${what}: a message of ${e.message.length} characters`);
    return "refused";
  }
}
