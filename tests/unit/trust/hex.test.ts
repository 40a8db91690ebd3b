// SHA-256 of metadata: the host's and ours are one function.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { sha256Hex } from "../../../src/trust/hex.ts";
import { sequence } from "../../support/sequence.ts";

test("it is the same by the host, and where there is none, as in a page", (t) => {
  const real = process.getBuiltinModule;
  t.after(() => Object.assign(process, { getBuiltinModule: real }));
  let asked = 0;
  const spy = (id: string) => (asked++, real(id));
  for (const length of [0, 1, 63, 64, 65, 5000]) {
    // A view that does not begin its buffer: what is hashed is the view.
    const bytes = sequence(length + 3).subarray(3);
    const expected = createHash("sha256").update(bytes).digest("hex");
    Object.assign(process, { getBuiltinModule: spy });
    assert.equal(sha256Hex(bytes), expected);
    Object.assign(process, { getBuiltinModule: undefined });
    assert.equal(sha256Hex(bytes), expected);
  }
  assert.equal(asked, 6, "the host was asked");
});
