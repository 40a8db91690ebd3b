// Our own SHA-256, for hosts without one, against the host's.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import process from "node:process";
import { test } from "node:test";
import { createDualDigest } from "../../../src/hash/dual-digest.ts";
import { createNativeSha256, createSha256, createWasmSha256 } from "../../../src/hash/sha256.ts";
import { blake3Vectors, sequence } from "../../support/blake3-vectors.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const native = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

test("lengths around every edge of blocks, padding and buffer equal the host's", async () => {
  const lengths = [...Array(260).keys()];
  for (const edge of [1024, 32 * 1024, 64 * 1024, 100_000]) lengths.push(edge - 9, edge - 1, edge, edge + 1, edge + 56);
  for (const length of lengths) {
    const hash = await createWasmSha256();
    hash.update(sequence(length));
    assert.equal(hash.digest(), native(sequence(length)), `${length} bytes`);
  }
});

test("the digest does not depend on how the bytes are split", async () => {
  const random = seededRandom("sha256 splits");
  for (let i = 0; i < 40; i++) {
    const bytes = sequence(random.below(200_000));
    const hash = await createWasmSha256();
    for (let at = 0; at < bytes.length;) {
      const next = at + 1 + random.below(50_000);
      hash.update(bytes.subarray(at, next));
      at = next;
    }
    assert.equal(hash.digest(), native(bytes));
  }
});

test("the length of the message is counted beyond 32 bits", { timeout: 60_000 }, async () => {
  // 2²⁹ bytes and more have a length in bits that needs a second word.
  const [ours, theirs] = [await createWasmSha256(), createHash("sha256")];
  const buffer = sequence(1 << 20);
  for (let i = 0; i < 513; i++) {
    ours.update(buffer);
    theirs.update(buffer);
  }
  assert.equal(ours.digest(), theirs.digest("hex"));
});

test("where there is no node:crypto both digests are our own, and the official vectors hold", async (t) => {
  const { getBuiltinModule } = process;
  process.getBuiltinModule = ((id: string) => id === "node:crypto" ? undefined : getBuiltinModule(id)) as never;
  try {
    assert.equal(createNativeSha256(), undefined);
    const hash = await createSha256();
    assert.equal(hash.digest(), native(new Uint8Array(0)));
    const vectors = blake3Vectors();
    if (vectors === undefined) return t.skip("the official vectors are not on this machine");
    for (const { length, digest } of vectors) {
      const dual = await createDualDigest();
      dual.update(sequence(length));
      assert.deepEqual(dual.digest(), { length, sha256: native(sequence(length)), blake3: digest });
    }
  } finally {
    process.getBuiltinModule = getBuiltinModule;
  }
});
