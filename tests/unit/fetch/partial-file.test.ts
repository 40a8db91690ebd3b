import assert from "node:assert/strict";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { EARLIER_RUN, openPartialFile } from "../../../src/fetch/partial-file.ts";
import { artifactOf, testBytes } from "../../support/artifact.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const MIB = 1 << 20;
const bytes = testBytes(3 * MIB);
const { signal } = new AbortController();

describe("a partial file", () => {
  let folder: string;
  before(() => {
    folder = tempFolder("partial");
  });
  after(() => rm(folder, { recursive: true }));

  const digestsOf = async (part: Uint8Array) => {
    const { length, sha256, blake3 } = await artifactOf(part);
    return { length, sha256, blake3 };
  };

  /** A file to which each part was appended by its source. */
  async function filled(name: string, parts: readonly (readonly [source: string, from: number, to: number])[]) {
    const file = join(folder, name);
    const partial = await openPartialFile({ file, maxLength: bytes.length, signal });
    for (const [source, from, to] of parts) await partial.append(bytes.subarray(from, to), source);
    return { file, partial };
  }

  test("knows who supplied what and measures all of it", async () => {
    const { file, partial } = await filled("who", [["a", 0, 10], ["a", 10, MIB + 5], ["b", MIB + 5, 2 * MIB], [
      "c",
      0,
      0,
    ]]);
    assert.deepEqual([partial.length, partial.contributors, partial.resumedBytes], [2 * MIB, ["a", "b"], 0]);
    assert.deepEqual(await partial.finish(), await digestsOf(bytes.subarray(0, 2 * MIB)));
    await partial.close();
    assert.deepEqual(new Uint8Array(await readFile(file)), bytes.subarray(0, 2 * MIB));
  });

  for (const at of [1000, MIB, MIB + 1000, 2 * MIB + 7]) {
    for (const more of [10, MIB]) {
      test(`forgets ${more} bytes of one source after ${at} of another, and can go on`, async () => {
        const { file, partial } = await filled(`drop-${at}-${more}`, [["honest", 0, at]]);
        await partial.append(testBytes(more, "lie").subarray(0, more), "liar");
        await partial.dropFrom("liar");
        await partial.dropFrom("nobody");
        assert.deepEqual([partial.length, partial.contributors], [at, ["honest"]]);
        await partial.append(bytes.subarray(at), "other");
        assert.deepEqual(await partial.finish(), await digestsOf(bytes));
        await partial.close();
        assert.deepEqual(new Uint8Array(await readFile(file)), bytes);
      });
    }
  }

  test("continues what an earlier run left, and starts anew after it was cleared", async () => {
    const first = await filled("resume", [["a", 0, MIB + 77]]);
    await first.partial.close();
    const hashed: number[] = [];
    const partial = await openPartialFile({
      file: first.file,
      maxLength: bytes.length,
      signal,
      onHashing: (n) => hashed.push(n),
    });
    assert.equal(hashed.at(-1), MIB + 77);
    await partial.append(bytes.subarray(MIB + 77, 2 * MIB), "b");
    assert.deepEqual([partial.contributors, partial.resumedBytes], [[EARLIER_RUN, "b"], MIB + 77]);
    await partial.clear();
    assert.deepEqual([partial.length, partial.contributors, partial.resumedBytes], [0, [], 0]);
    await partial.append(bytes, "b");
    assert.deepEqual(await partial.finish(), await digestsOf(bytes));
    await partial.close();
    assert.equal((await stat(first.file)).size, bytes.length);
  });

  test("cuts off what no artifact of this length can have", async () => {
    const file = join(folder, "long");
    await writeFile(file, Buffer.concat([bytes, Buffer.from("tail")]));
    const partial = await openPartialFile({ file, maxLength: bytes.length, signal });
    assert.deepEqual(await partial.finish(), await digestsOf(bytes));
    await partial.close();
    assert.equal((await stat(file)).size, bytes.length);
  });
});
