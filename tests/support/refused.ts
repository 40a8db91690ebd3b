// Asserts that something is refused with a certain code of the error table.
import assert from "node:assert/strict";
import type { ErrorCode, UpdateError } from "../../src/errors.ts";
import { fails } from "./fails.ts";

/** Runs `work`, which must throw an UpdateError of this code (and clause, where one is given); returns the error. */
export function refused(code: ErrorCode, work: () => unknown, clause?: string): UpdateError {
  let caught: unknown;
  try {
    work();
    throw new assert.AssertionError({ message: `not refused with ${code}` });
  } catch (e) {
    caught = e;
  }
  fails(code)(caught);
  const error = caught as UpdateError; // `fails` has made sure
  if (clause !== undefined) assert.equal(error.clause, clause);
  return error;
}
