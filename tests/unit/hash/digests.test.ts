import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { appendFile, mkdtemp, open, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { UpdateError } from "../../../src/errors.ts";
import { digestFile } from "../../../src/hash/digest-file.ts";
import { createDualDigest } from "../../../src/hash/dual-digest.ts";

const signal = new AbortController().signal;
const VECTORS = new URL("../../../../shared/vectors/blake3.json", import.meta.url);

/** The input of the official BLAKE3 vectors: 0, 1, …, 250, 0, 1, … */
const sequence = (length: number) => Uint8Array.from({ length }, (_, i) => i % 251);

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
  const text = await readFile(VECTORS, "utf8").catch(() => undefined);
  if (text === undefined) return t.skip("the official vectors are not on this machine");
  const { cases } = JSON.parse(text) as { cases: { input_len: number; hash: string }[] };
  assert.ok(cases.length > 20);
  for (const { input_len, hash } of cases) {
    for (const chunk of [1000, 65_536]) {
      const d = await digestInChunks(sequence(input_len), chunk);
      assert.equal(d.blake3, hash.slice(0, 64), `${input_len} bytes in chunks of ${chunk}`);
      assert.equal(d.sha256, createHash("sha256").update(sequence(input_len)).digest("hex"));
      assert.equal(d.length, input_len);
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

describe("digests of files", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "dchat-digest-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test("a file's digests are those of its bytes, at and around every buffer boundary", async () => {
    const file = join(folder, "f");
    for (const length of [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, (2 << 20) + 1, 5_000_001]) {
      await writeFile(file, sequence(length));
      const done: number[] = [];
      const measured = await digestFile(file, { signal, onProgress: (n) => done.push(n) });
      assert.deepEqual(measured, await digestInChunks(sequence(length), 100_000));
      assert.equal(done.at(-1) ?? 0, length);
    }
  });

  for (
    const [what, change] of [["grows", (f: string) => appendFile(f, "x")], [
      "shrinks",
      (f: string) => truncate(f, 1 << 20),
    ]] as const
  ) {
    test(`a file that ${what} while it is read is refused`, async () => {
      const file = join(folder, what);
      await writeFile(file, new Uint8Array(64 << 20));
      let changed: Promise<void> | undefined;
      await assert.rejects(
        digestFile(file, { signal, onProgress: () => changed ??= change(file) }),
        (e) => e instanceof UpdateError && e.code === "E_IO" && e.message.includes("changed its length"),
      );
      await changed;
    });
  }

  test("an absent file is an I/O error and an abort ends the work as interrupted", async () => {
    await assert.rejects(digestFile(join(folder, "absent"), { signal }), { code: "E_IO" });
    const file = join(folder, "long");
    const handle = await open(file, "w");
    await handle.truncate(1 << 30);
    await handle.close();
    const controller = new AbortController();
    let calls = 0;
    const onProgress = () => {
      if (++calls === 3) controller.abort();
    };
    await assert.rejects(digestFile(file, { signal: controller.signal, onProgress }), { code: "E_INTERRUPTED" });
    assert.equal(calls, 3);
  });
});
