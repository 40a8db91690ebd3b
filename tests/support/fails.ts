// What a test expects of an error.

import assert from "node:assert/strict";
import { type ErrorCode, UpdateError } from "../../src/errors.ts";

/** For `assert.rejects`: an UpdateError of that code whose one-line message holds the words. */
export const fails = (code: ErrorCode, ...words: string[]) => (e: unknown): true => {
  assert.ok(e instanceof UpdateError, `${e}`);
  assert.equal(e.code, code, e.message);
  for (const word of words) assert.ok(e.message.includes(word), `"${word}" in "${e.message}"`);
  assert.match(e.message, /^[\P{C}]+$/u); // one line, no control characters
  return true;
};
