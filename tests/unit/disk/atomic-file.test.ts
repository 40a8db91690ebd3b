import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  LEFTOVER_SUFFIX,
  readFileBounded,
  sweepLeftovers,
  temporaryBeside,
  writeFileAtomic,
} from "../../../src/disk/atomic-file.ts";
import { UpdateError } from "../../../src/errors.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const hasCode = (code: string) => (e: unknown) => e instanceof UpdateError && e.code === code;

describe("atomic files", () => {
  let folder: string;
  before(() => {
    folder = tempFolder("atomic");
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test("a write replaces the whole file, keeps the asked mode and leaves nothing else in the folder", async () => {
    const home = join(folder, "replace");
    await mkdir(home);
    const file = join(home, "state.json");
    await writeFileAtomic(file, bytes("a long first version"), { mode: 0o600 });
    await writeFileAtomic(file, bytes("short"), { mode: 0o600 });
    assert.equal(await readFile(file, "utf8"), "short");
    assert.deepEqual(await readdir(home), ["state.json"]);
    if (process.platform !== "win32") assert.equal((await stat(file)).mode & 0o777, 0o600);
  });

  test("a write that fails at the last step leaves the old state and no temporary file", async () => {
    const home = join(folder, "blocked");
    await mkdir(join(home, "taken", "inner"), { recursive: true });
    // A folder that is not empty cannot be replaced by a file.
    await assert.rejects(writeFileAtomic(join(home, "taken"), bytes("x")), hasCode("E_IO"));
    assert.deepEqual(await readdir(home), ["taken"]);
    assert.deepEqual(await readdir(join(home, "taken")), ["inner"]);
  });

  test("a missing folder is an error, not a file elsewhere", async () => {
    await assert.rejects(writeFileAtomic(join(folder, "nowhere", "f"), bytes("x")), hasCode("E_IO"));
  });

  test("concurrent writers leave one whole version", async () => {
    const file = join(folder, "contended");
    const versions = Array.from({ length: 16 }, (_, i) => String(i).repeat(10_000 + i));
    await Promise.all(versions.map((v) => writeFileAtomic(file, bytes(v))));
    assert.ok(versions.includes(await readFile(file, "utf8")));
  });

  test("a bounded read returns exactly the file up to its limit and refuses one byte more", async () => {
    const file = join(folder, "bounded");
    await writeFile(file, "12345678");
    assert.deepEqual(await readFileBounded(file, 8), bytes("12345678"));
    assert.deepEqual(await readFileBounded(file, 1 << 20), bytes("12345678"));
    await assert.rejects(readFileBounded(file, 7), hasCode("E_TOO_LARGE"));
    // It is a file of this machine: another mirror, the general advice, is none.
    await assert.rejects(readFileBounded(file, 7), { hint: "is it the right file? None of its kind is that large" });
    await writeFile(file, "");
    assert.equal((await readFileBounded(file, 0)).length, 0);
    await assert.rejects(readFileBounded(join(folder, "absent"), 10), hasCode("E_IO"));
  });

  test("a bounded read of a file that claims to be empty stops at the limit", async (t) => {
    const endless = "/dev/zero";
    if (await stat(endless).then(() => false, () => true)) return t.skip("no such device here");
    await assert.rejects(readFileBounded(endless, 3_000_000), hasCode("E_TOO_LARGE"));
  });

  test("a bounded read gives all of a file that says less than it has, and of one of any size", async (t) => {
    for (const length of [64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1]) {
      const file = join(folder, "sized");
      await writeFile(file, new Uint8Array(length).fill(7));
      assert.deepEqual(await readFileBounded(file, 1 << 20), new Uint8Array(length).fill(7));
      await assert.rejects(readFileBounded(file, length - 1), hasCode("E_TOO_LARGE"));
    }
    const claimsToBeEmpty = "/proc/version";
    if (await stat(claimsToBeEmpty).then(() => false, () => true)) return t.skip("no such file here");
    const read = await readFileBounded(claimsToBeEmpty, 1 << 20);
    assert.equal(new TextDecoder().decode(read), await readFile(claimsToBeEmpty, "utf8"));
  });

  test("a pipe is waited for, its writer keeps its reader, and meanwhile others get their turn", async (t) => {
    const pipe = join(folder, "pipe");
    if (spawnSync("mkfifo", [pipe]).status !== 0) return t.skip("no pipes with a name here");
    const read = readFileBounded(pipe, 100);
    await new Promise((resolve) => setTimeout(resolve, 1));
    await writeFile(pipe, "from a pipe");
    assert.deepEqual(await read, bytes("from a pipe"));
  });

  test("sweeping removes old leftovers, and neither young ones nor anything else", async () => {
    const home = join(folder, "sweep");
    await mkdir(home);
    const old = temporaryBeside(join(home, "state.json"));
    const young = temporaryBeside(join(home, "state.json"));
    assert.ok(old.endsWith(LEFTOVER_SUFFIX));
    for (const file of [old, young, join(home, "state.json")]) await writeFile(file, "x");
    const twoHoursAgo = new Date(Date.now() - 2 * 3_600_000);
    for (const file of [old, join(home, "state.json")]) await utimes(file, twoHoursAgo, twoHoursAgo);
    await sweepLeftovers(home);
    assert.deepEqual((await readdir(home)).map((n) => join(home, n)).sort(), [young, join(home, "state.json")].sort());
    await sweepLeftovers(join(folder, "absent")); // nothing to do is not an error
  });

  test("a folder that cannot be written refuses and keeps its file", async (t) => {
    if (process.platform === "win32" || process.getuid?.() === 0) return t.skip("this user may write everywhere");
    const home = join(folder, "read-only");
    await mkdir(home);
    await writeFile(join(home, "f"), "old");
    await chmod(home, 0o555);
    await assert.rejects(writeFileAtomic(join(home, "f"), bytes("new")), hasCode("E_IO"));
    assert.equal(await readFile(join(home, "f"), "utf8"), "old");
    await chmod(home, 0o755);
  });
});
