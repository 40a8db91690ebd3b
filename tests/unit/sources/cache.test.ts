import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { systemCode, type UpdateError } from "../../../src/errors.ts";
import { PIECE_BYTES } from "../../../src/hash/blake3-core.ts";
import { createCacheSource } from "../../../src/sources/cache.ts";
import { createSources, SOURCE_KINDS } from "../../../src/sources/index.ts";
import { artifactOf, pieceListOf, testBytes } from "../../support/artifact.ts";
import { createDownloadPlace } from "../../support/download-place.ts";
import { fails } from "../../support/fails.ts";
import { createMemorySource } from "../../support/memory-source.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { collect, openAndRead, testSource } from "../../support/source-suite.ts";
import { testClient } from "../../support/test-client.ts";

describe("the cache", () => {
  testSource({
    leavesOut: {
      slow: "the disk of a test is as fast as it is",
      dying: "there is no connection; a file that is cut is a short one",
      silent: "the disk answers or fails",
      sequential: "a file can be read from anywhere",
      growing: "a cached file is whole",
    },
    supply: async (a, bytes, list) => {
      const packagesDir = tempFolder("cache");
      const file = join(packagesDir, a.name);
      const write = (content: Uint8Array) => writeFile(file, content);
      await write(bytes);
      await writeFile(`${file}.pieces`, list);
      return {
        source: createCacheSource({ packagesDir }),
        async behave(b) {
          switch (b.kind) {
            case "honest":
              return await write(bytes);
            case "absent":
              return void await Promise.all([rm(file), rm(`${file}.pieces`)]);
            case "lying":
              return await write(bytes.with(b.piece * PIECE_BYTES, 1 ^ (bytes[b.piece * PIECE_BYTES] ?? 0)));
            case "short":
              return await truncate(file, b.bytes);
            case "endless":
              return await truncate(file, 2 * bytes.length); // as endless as a file can be
          }
        },
        close: () => rm(packagesDir, { recursive: true }),
      };
    },
  });

  test("a file that is cut while it is read gives what it had, and has no more", async () => {
    const packagesDir = tempFolder("cache"), bytes = testBytes(3 * PIECE_BYTES), a = await artifactOf(bytes);
    await writeFile(join(packagesDir, a.name), bytes);
    const { signal } = new AbortController();
    const reader = await createCacheSource({ packagesDir }).open(a, { signal });
    const reading = reader.read(0, 3, { signal })[Symbol.asyncIterator]();
    const { value } = await reading.next();
    assert.deepEqual(value, bytes.subarray(0, PIECE_BYTES));
    await truncate(join(packagesDir, a.name), PIECE_BYTES);
    await assert.rejects(reading.next(), fails("E_ABSENT", "shorter"));
    await reader.close();
    await rm(packagesDir, { recursive: true });
  });

  test("a pipe of its name is not waited for", { skip: process.platform === "win32" }, async () => {
    const packagesDir = tempFolder("cache"), a = await artifactOf(testBytes(2 * PIECE_BYTES));
    const pipe = join(packagesDir, a.name);
    assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
    await assert.rejects(openAndRead(createCacheSource({ packagesDir }), a), fails("E_ABSENT", "not a file"));
    await writeFile(join(packagesDir, `${a.name}.full`), testBytes(2 * PIECE_BYTES));
    await rename(join(packagesDir, `${a.name}.full`), pipe);
    assert.equal(spawnSync("mkfifo", [`${pipe}.pieces`]).status, 0);
    const { signal } = new AbortController(), reader = await createCacheSource({ packagesDir }).open(a, { signal });
    await assert.rejects(reader.pieceList({ signal }), fails("E_ABSENT", "not a file"));
    await reader.close();
    await rm(packagesDir, { recursive: true });
  });

  test("a file of another length is not the artifact", async () => {
    const packagesDir = tempFolder("cache");
    const a = await artifactOf(testBytes(100));
    await writeFile(join(packagesDir, a.name), testBytes(99));
    await assert.rejects(openAndRead(createCacheSource({ packagesDir }), a), fails("E_ABSENT", "99 bytes"));
    await rm(packagesDir, { recursive: true });
  });

  test(
    "what cannot be read is not there, whatever the system says",
    { skip: process.platform === "win32" },
    async () => {
      const packagesDir = tempFolder("cache"), source = createCacheSource({ packagesDir });
      const a = await artifactOf(testBytes(PIECE_BYTES + 1)), file = join(packagesDir, a.name);
      const { signal } = new AbortController();
      await symlink(a.name, file); // a loop: ELOOP
      await assert.rejects(source.open(a, { signal }), (e) => {
        assert.equal((e as UpdateError).source, "cache");
        assert.equal(systemCode(e), "ELOOP");
        return fails("E_ABSENT", "cannot be read")(e);
      });
      await rm(file);
      await writeFile(file, testBytes(a.length));
      const reader = await source.open(a, { signal });
      await rm(file);
      await symlink(a.name, file);
      await symlink(`${a.name}.pieces`, `${file}.pieces`);
      await assert.rejects(collect(reader, 0, 1), fails("E_ABSENT", "cannot be read"));
      await assert.rejects(reader.pieceList({ signal }), fails("E_ABSENT", "cannot be read"));
      await reader.close();
      await rm(packagesDir, { recursive: true });
    },
  );
});

test("what is installed and is no longer in the cache need not be fetched; an archive's folder is no artifact", async () => {
  const packagesDir = tempFolder("cache"), versionsDir = join(packagesDir, "versions");
  const bytes = testBytes(PIECE_BYTES + 1), a = await artifactOf(bytes);
  await mkdir(join(versionsDir, a.version), { recursive: true });
  await writeFile(join(versionsDir, a.version, "dchat"), bytes);
  const source = createCacheSource({ packagesDir, versionsDir });
  assert.deepEqual(await openAndRead(source, a), bytes.subarray(0, PIECE_BYTES));
  await writeFile(join(packagesDir, a.name), testBytes(3)); // of no use, and the other one is
  assert.deepEqual(await openAndRead(source, a), bytes.subarray(0, PIECE_BYTES));
  const archive = { ...a, format: "tar.gz", name: `${a.name}.tar.gz` } as typeof a;
  await assert.rejects(openAndRead(source, archive), fails("E_ABSENT", "does not have it"));
  await rm(packagesDir, { recursive: true });
});

test("a cache that cannot be read keeps nobody from giving", { skip: process.platform === "win32" }, async () => {
  const bytes = testBytes(3 * PIECE_BYTES), a = await artifactOf(bytes), list = await pieceListOf(bytes);
  for (const unreadable of [[`${a.name}.pieces`], [a.name, `${a.name}.pieces`]]) {
    const packagesDir = tempFolder("cache"), at = createDownloadPlace(a);
    if (unreadable.length === 1) await writeFile(join(packagesDir, a.name), testBytes(bytes.length, "another"));
    for (const name of unreadable) await symlink(name, join(packagesDir, name)); // a loop: ELOOP, whoever asks
    const good = createMemorySource({ id: "good", priority: 1, bytes, list });
    const got = await at.download([createCacheSource({ packagesDir }), good]);
    await at.assertPlaced(bytes);
    assert.equal(got.source, "good");
    await at.remove();
    await rm(packagesDir, { recursive: true });
  }
});

test("a cached artifact has a piece list only where one of the right size lies beside it", async () => {
  const packagesDir = tempFolder("cache");
  const bytes = testBytes(PIECE_BYTES + 1);
  const a = await artifactOf(bytes);
  await writeFile(join(packagesDir, a.name), bytes);
  const { signal } = new AbortController();
  const reader = await createCacheSource({ packagesDir }).open(a, { signal });
  await assert.rejects(reader.pieceList({ signal }), fails("E_ABSENT"));
  await writeFile(join(packagesDir, `${a.name}.pieces`), new Uint8Array(65));
  await assert.rejects(reader.pieceList({ signal }), fails("E_ABSENT", "65 bytes"));
  await writeFile(join(packagesDir, `${a.name}.pieces`), new Uint8Array(64));
  assert.deepEqual(await reader.pieceList({ signal }), new Uint8Array(64));
  await rm(packagesDir, { recursive: true });
});

test("the list of channels makes every source, the cache first, then by priority, and leaves out other types", async () => {
  const client = testClient();
  const mirrors = [
    { url: "https://b.example/", type: "https", priority: 20 },
    { url: "https://a.example/", type: "https", priority: 10 },
    { url: "ipfs://x", type: "ipfs", priority: 0 },
  ];
  const context = { packagesDir: "/nowhere", client };
  assert.deepEqual(createSources(mirrors, context).map((s) => s.id), [
    "cache",
    "https://a.example",
    "https://b.example",
  ]);
  const from = { version: "0.9.0", length: 1, sha256: "00".repeat(32) };
  const base = { delta: { from, length: 1, headSha256: "00".repeat(32) }, file: "/nowhere/older" };
  const ids = createSources(mirrors, { ...context, base }).map((s) => s.id);
  const deltas = ["https://b.example", "https://a.example"]; // both before the first mirror is asked for all of it
  assert.deepEqual(ids, ["cache", ...deltas, "https://a.example", "https://b.example"]);
  assert.deepEqual(createSources(mirrors, context, "cache").map((s) => s.kind), ["cache"]);
  assert.deepEqual(createSources(mirrors, context, "ipfs"), []);
  assert.deepEqual([...SOURCE_KINDS], ["cache", "https"]);
  await client.close();
});
