import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { createDualDigest } from "../../../src/hash/dual-digest.ts";
import { blake3Vectors, sequence } from "../../support/blake3-vectors.ts";

async function digestInChunks(bytes: Uint8Array, chunk: number) {
  const digest = await createDualDigest();
  for (let at = 0; at < bytes.length; at += chunk) digest.update(bytes.subarray(at, at + chunk));
  return digest.digest();
}

test("both digests of nothing and of 'abc' are the published ones", async () => {
  assert.deepEqual((await createDualDigest()).digest(), {
    length: 0,
    sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    blake3: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
  });
  assert.deepEqual(await digestInChunks(new TextEncoder().encode("abc"), 2), {
    length: 3,
    sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    blake3: "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
  });
});

test("every official BLAKE3 vector holds, whatever the chunks", async (t) => {
  const vectors = blake3Vectors();
  if (vectors === undefined) return t.skip("the official vectors are not on this machine");
  for (const { length, digest } of vectors) {
    for (const chunk of [1000, 65_536]) {
      const sha256 = createHash("sha256").update(sequence(length)).digest("hex");
      assert.deepEqual(await digestInChunks(sequence(length), chunk), { length, sha256, blake3: digest });
    }
  }
});

test("two digests that run at the same time do not mix", async () => {
  const [a, b] = [await createDualDigest(), await createDualDigest()];
  for (const part of [sequence(3000), sequence(10)]) {
    a.update(part);
    b.update(part.slice().reverse());
  }
  assert.deepEqual(a.digest(), await digestInChunks(Uint8Array.of(...sequence(3000), ...sequence(10)), 7));
});
