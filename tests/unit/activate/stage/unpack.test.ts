// What an archive holds comes out whole, in its folder and nowhere else; what is odd in it is refused.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createUnpacker } from "../../../../src/activate/stage/unpack.ts";
import type { Artifact, PackageFormat, Verified } from "../../../../src/api.ts";
import { gzipped, type Packed, tarOf, zipOf, zstdBomb, zstdOf, zstdSkippable } from "../../../support/archives.ts";
import { fails } from "../../../support/fails.ts";
import { filesBelow } from "../../../support/operator.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

const o = { signal: new AbortController().signal };
const base = tempFolder("unpack");
const unpacker = createUnpacker();
let count = 0;

const FORMATS: readonly (readonly [PackageFormat, (entries: readonly Packed[]) => Promise<Uint8Array>])[] = [
  ["tar.gz", async (entries) => gzipped(await tarOf(entries))],
  ["tar.zst", async (entries) => zstdOf(await tarOf(entries))],
  ["zip", (entries) => Promise.resolve(zipOf(entries))],
];

/** Unpacks some bytes into a folder of their own, two levels below one that is empty otherwise. */
async function unpack(format: PackageFormat, bytes: Uint8Array, more: Partial<Artifact> = {}) {
  const outer = join(base, String(count++)), folder = join(outer, "version", "files");
  mkdirSync(folder, { recursive: true });
  const archive = join(outer, "archive");
  writeFileSync(archive, bytes);
  // Of an artifact only this is looked at.
  const artifact = { name: "the archive", format, entrypoint: "bin/dchat", length: bytes.length, ...more } as Verified<
    Artifact
  >;
  const result = unpacker.unpack(archive, artifact, folder, o);
  await result.catch(() => {});
  return { outer, folder, result, archive };
}

const PROGRAM: Packed = { name: "bin/dchat", content: "#!/bin/sh\n", mode: 0o755 };

for (const [format, archiveOf] of FORMATS) {
  const refused = async (code: "E_MALFORMED" | "E_TOO_LARGE" | "E_NOT_STAGED", ...entries: readonly Packed[]) => {
    const { outer, result, folder, archive } = await unpack(format, await archiveOf(entries));
    await assert.rejects(result, fails(code), entries.slice(0, 9).map((e) => `${e.name} ${e.target ?? ""}`).join());
    const outside = filesBelow(outer).filter((file) => !file.startsWith(folder) && file !== archive);
    assert.deepEqual(outside, []);
  };

  test(`${format}: files, folders, modes and links come out as they are`, async () => {
    const big = new Uint8Array(3_000_000).map((_, i) => i * i);
    const { folder, result } = await unpack(
      format,
      await archiveOf([
        { name: "lib/", type: "directory", mode: 0o755 },
        { name: "./lib/big.so.1", content: big },
        { name: "lib/big.so", type: "symlink", target: "big.so.1" },
        { name: "lib/up", type: "symlink", target: "../share/ünï ☃" },
        { name: "share/ünï ☃", content: "text" },
        { name: "share/empty", content: "" },
        { ...PROGRAM, mode: 0o4755 },
      ]),
    );
    assert.equal((await result).entrypoint, "bin/dchat");
    assert.deepEqual(new Uint8Array(readFileSync(join(folder, "lib", "big.so"))), big);
    assert.equal(readlinkSync(join(folder, "lib", "big.so")), "big.so.1");
    assert.equal(readFileSync(join(folder, "lib", "up"), "utf8"), "text");
    assert.equal(statSync(join(folder, "share", "empty")).size, 0);
    assert.equal(statSync(join(folder, "bin", "dchat")).mode & 0o7777, 0o555);
    assert.equal(statSync(join(folder, "share", "empty")).mode & 0o7777, 0o444);
  });

  test(`${format}: no name leads outside`, async () => {
    for (
      const name of [
        "../evil",
        "a/../../evil",
        "/etc/evil",
        "a/./b",
        "a//b",
        "a\\..\\b",
        "C:/evil",
        "x/..",
        "a/\u0001b",
      ]
    ) {
      await refused("E_MALFORMED", PROGRAM, { name, content: "evil" });
    }
  });

  test(`${format}: no link leads outside, on no way`, async () => {
    for (
      const target of ["/etc/passwd", "../../outside", "..", "nowhere", "", "a\\b", "../../../../../../etc/passwd"]
    ) {
      await refused("E_MALFORMED", PROGRAM, { name: "bin/link", type: "symlink", target });
    }
    // Each seems to stay inside; together they do not.
    await refused(
      "E_MALFORMED",
      PROGRAM,
      { name: "a/b/c/file", content: "" },
      { name: "deep", type: "symlink", target: "a/b/c" },
      { name: "up", type: "symlink", target: "deep/../../../../version" },
    );
  });

  test(`${format}: nothing is written through a link`, async () => {
    await refused(
      "E_MALFORMED",
      { name: "bin", type: "symlink", target: "../.." },
      { name: "bin/dchat", content: "evil" },
    );
    await refused("E_MALFORMED", PROGRAM, { name: "bin/dchat", type: "symlink", target: "other" });
    await refused("E_MALFORMED", PROGRAM, { name: "x", type: "symlink", target: "bin" }, { name: "X/y", content: "" });
  });

  test(`${format}: nothing stands in it twice, in no spelling`, async () => {
    await refused("E_MALFORMED", PROGRAM, PROGRAM);
    await refused("E_MALFORMED", PROGRAM, { name: "bin/DCHAT", content: "evil" });
    await refused("E_MALFORMED", PROGRAM, { name: "caf\u00e9" }, { name: "cafe\u0301" });
    await refused("E_MALFORMED", { name: "bin", content: "" }, PROGRAM);
  });

  test(`${format}: devices and pipes are refused`, async () => {
    await refused("E_MALFORMED", PROGRAM, { name: "pipe", type: "fifo" });
    await refused("E_MALFORMED", PROGRAM, { name: "device", type: "character-device" });
  });

  test(`${format}: what is started is a file in it`, async () => {
    await refused("E_MALFORMED", { name: "other", content: "" });
    await refused("E_MALFORMED", { name: "bin/dchat", type: "directory" });
    await refused("E_MALFORMED", { name: "real", content: "" }, {
      name: "bin/dchat",
      type: "symlink",
      target: "../real",
    });
    const { result } = await unpack(format, await archiveOf([PROGRAM]), { entrypoint: undefined as never });
    await assert.rejects(result, fails("E_NOT_STAGED", "what to start"));
  });

  test(`${format}: too many entries, and more bytes than an honest archive has, are refused`, async () => {
    const many = Array.from({ length: 20_001 }, (_, i): Packed => ({ name: `d${i}`, type: "directory" }));
    await refused("E_TOO_LARGE", ...many);
    // What is not packed has a size of its own.
    if (format !== "tar.zst") {
      await refused("E_TOO_LARGE", PROGRAM, { name: "zeros", content: new Uint8Array(80 << 20) });
    }
  });

  test(`${format}: bytes that are no such archive, or half of one, are refused`, async () => {
    const good = await archiveOf([PROGRAM, { name: "more", content: "x".repeat(200_000) }]);
    for (const bytes of [new Uint8Array(100), good.subarray(0, good.length >> 1), new TextEncoder().encode("<html>")]) {
      const { result } = await unpack(format, bytes);
      await assert.rejects(result, fails("E_MALFORMED"));
    }
  });
}

test("tar: a second name of a file becomes a copy, and of anything else is refused", async () => {
  const archive = async (target: string) =>
    gzipped(await tarOf([PROGRAM, { name: "again", type: "link", target }, { name: "late", content: "" }]));
  const { folder, result } = await unpack("tar.gz", await archive("bin/dchat"));
  await result;
  assert.equal(statSync(join(folder, "again")).nlink, 1);
  for (const target of ["/etc/passwd", "../archive", "bin", "late", ""]) {
    await assert.rejects((await unpack("tar.gz", await archive(target))).result, fails("E_MALFORMED"), target);
  }
});

test("zstd: what zstd itself makes is read; a large window and a bomb are refused", async (t) => {
  const bomb = await unpack("tar.zst", zstdBomb(50_000));
  await assert.rejects(bomb.result, fails("E_TOO_LARGE"));
  const wide = await unpack("tar.zst", zstdOf(await tarOf([PROGRAM]), 0x98));
  await assert.rejects(wide.result, fails("E_TOO_LARGE", "window"));
  const tar = await tarOf([PROGRAM, { name: "text", content: "a longer text ".repeat(100_000) }]);
  const [front, back] = [tar.subarray(0, 70_000), tar.subarray(70_000)], notes = zstdSkippable(new Uint8Array(5000));
  const parts = await unpack("tar.zst", Buffer.concat([notes, zstdOf(front), notes, notes, zstdOf(back), notes]));
  await parts.result;
  assert.equal(statSync(join(parts.folder, "text")).size, 1_400_000);
  const late = await unpack("tar.zst", Buffer.concat([zstdOf(front), notes, zstdOf(back, 0x98)]));
  await assert.rejects(late.result, fails("E_TOO_LARGE", "window"));
  const { status, stdout } = spawnSync("zstd", ["-19", "--stdout", "-"], { input: tar, maxBuffer: 1 << 26 });
  if (status !== 0) return t.skip("no zstd here");
  const { folder, result } = await unpack("tar.zst", stdout);
  await result;
  assert.equal(statSync(join(folder, "text")).size, 1_400_000);
});

test("zip: encrypted entries, other methods and false sizes are refused", async () => {
  for (const options of [{ flags: 0x801 }, { method: 12 }, { size: 3 }, { method: 0, size: 3 }]) {
    const { result } = await unpack("zip", zipOf([PROGRAM], options));
    await assert.rejects(result, fails("E_MALFORMED"), JSON.stringify(options));
  }
  const { result } = await unpack("zip", zipOf([PROGRAM], { method: 0 }));
  await result;
});

test("what was unpacked is measured, and any change to it shows", async () => {
  const entries = [PROGRAM, { name: "lib/a", content: "one" }, {
    name: "lib/b",
    type: "symlink",
    target: "a",
  }] as const;
  const fresh = async () => await unpack("tar.gz", gzipped(await tarOf(entries)));
  const { folder, result } = await fresh(), { tree } = await result;
  assert.equal(await unpacker.measure(folder, o), tree);
  assert.equal((await (await fresh()).result).tree, tree);
  const lib = (f: string) => join(f, "lib");
  const changes: readonly ((folder: string) => void)[] = [
    (f) => (chmodSync(join(lib(f), "a"), 0o644), writeFileSync(join(lib(f), "a"), "two")),
    (f) => writeFileSync(join(lib(f), "c"), ""),
    (f) => rmSync(join(lib(f), "a")),
    (f) => (rmSync(join(lib(f), "b")), symlinkSync("./a", join(lib(f), "b"))),
    (f) => (rmSync(join(lib(f), "b")), symlinkSync("/etc/passwd", join(lib(f), "b"))),
    (f) => chmodSync(join(f, "bin", "dchat"), 0o444),
    (f) => mkdirSync(join(f, "more")),
    (f) => linkSync(join(lib(f), "a"), join(f, "..", "second-name")),
    (f) => chmodSync(lib(f), 0o777),
  ];
  for (const change of changes) {
    const { folder, result } = await fresh();
    await result;
    change(folder);
    const again = await unpacker.measure(folder, o).catch((e) => e.code);
    assert.notEqual(again, tree, String(change));
  }
});
