import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { appendFileSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { UpdateError } from "../../../src/errors.ts";
import { createBlake3 } from "../../../src/hash/blake3.ts";
import { copyMeasured } from "../../../src/publish/copy-file.ts";
import { fails } from "../../support/fails.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const NO_SIGNAL = { signal: new AbortController().signal };

describe("a measured copy", () => {
  let folder: string;
  const path = (...names: string[]) => join(folder, ...names);
  before(() => {
    folder = tempFolder("copy");
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const length of [1, 1 << 20, (2 << 20) + 77]) {
    test(`of ${length} bytes is exact, and so are its digests`, async () => {
      const bytes = randomBytes(length);
      await writeFile(path("from"), bytes);
      const to = path(`exact-${length}`, "to");
      let seen = 0;
      const measured = await copyMeasured(path("from"), to, (d) => {
        assert.equal(d.sha256, createHash("sha256").update(bytes).digest("hex"));
        return to;
      }, { ...NO_SIGNAL, onProgress: (done) => seen = done });
      assert.deepEqual(await readFile(to), bytes);
      assert.deepEqual([measured.length, seen], [length, length]);
      const list = await createBlake3();
      list.update(bytes);
      const pieces = list.pieces();
      assert.equal(pieces.length, length > 1 << 20 ? 32 * 3 : 0);
      assert.deepEqual(
        (await readdir(path(`exact-${length}`))).sort(),
        pieces.length > 0 ? ["to", "to.pieces"] : ["to"],
      );
      if (pieces.length > 0) assert.deepEqual(await readFile(`${to}.pieces`), Buffer.from(pieces));
    });
  }

  const broken: [what: string, during: (from: string, stop: AbortController) => void, refuse: boolean, code: string][] =
    [
      ["that the caller refuses", () => {}, true, "E_HASH_MISMATCH"],
      ["of a file that grows meanwhile", (from) => appendFileSync(from, "more"), false, "E_IO"],
      ["that is interrupted", (_, stop) => stop.abort(), false, "E_INTERRUPTED"],
    ];
  for (const [what, during, refuse, code] of broken) {
    test(`${what} leaves nothing behind`, async () => {
      const from = path(`from-${code}`), to = path(code, "to");
      await writeFile(from, randomBytes(3 << 20));
      const stop = new AbortController();
      const copying = copyMeasured(from, to, () => {
        if (refuse) throw new UpdateError("E_HASH_MISMATCH", "not these");
        return to;
      }, { signal: stop.signal, onProgress: () => during(from, stop) });
      await assert.rejects(copying, (e) => e instanceof UpdateError && e.code === code);
      assert.deepEqual(await readdir(path(code)), []);
    });
  }

  test("of a folder or of nothing is refused", async () => {
    for (const from of [folder, path("absent")]) {
      await assert.rejects(copyMeasured(from, path("x", "to"), () => path("x", "to"), NO_SIGNAL), fails("E_IO"));
    }
    assert.deepEqual(await readdir(path("x")), []);
  });
});
