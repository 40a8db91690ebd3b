// Writes past the page cache: what it says it wrote is there, and where it cannot be done it says so and harms nothing.
import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { type DirectFile, openDirectFile } from "../../../src/disk/direct-file.ts";
import { sequence } from "../../support/sequence.ts";
import { createSmallDisks, fillDisk } from "../../support/small-disk.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const PAGE_BYTES = 4096;
const disks = createSmallDisks();
const folder = tempFolder("direct");
after(() => {
  disks.remove();
  rmSync(folder, { recursive: true });
});

/** Whole pages of memory, with something in them. */
function pages(count: number): Uint8Array {
  const memory = new WebAssembly.Memory({ initial: Math.ceil(count * PAGE_BYTES / 0x10000) });
  const bytes = new Uint8Array(memory.buffer, 0, count * PAGE_BYTES);
  bytes.set(sequence(bytes.length));
  return bytes;
}

function newFile(parent: string, name: string, content: Uint8Array | string = ""): string {
  const file = join(parent, name);
  writeFileSync(file, content);
  return file;
}

const open = (file: string) => openDirectFile(file, statSync(file).ino);

async function closing(direct: DirectFile | undefined, use: (direct: DirectFile) => Promise<void>): Promise<void> {
  if (direct === undefined) return console.warn("skipped: no direct I/O here");
  try {
    await use(direct);
  } finally {
    direct.close();
  }
}

test("what was written is there for every reader, before and behind what others write", async () => {
  const file = newFile(folder, "kept", "before");
  const bytes = pages(3);
  await closing(open(file), async (direct) => {
    if (!await direct.write(bytes, PAGE_BYTES)) return console.warn("skipped: no direct I/O here");
    const other = openSync(file, "r+");
    writeFileSync(other, "BEFORE"); // by the page cache
    closeSync(other);
    const expected = Buffer.concat([Buffer.from("BEFORE"), new Uint8Array(PAGE_BYTES - 6), bytes]);
    assert.ok(readFileSync(file).equals(expected));
    assert.equal(await direct.write(bytes.subarray(PAGE_BYTES), 0), true);
    assert.ok(readFileSync(file).equals(Buffer.concat([bytes.subarray(PAGE_BYTES), bytes.subarray(PAGE_BYTES)])));
  });
});

test("what is not at a page is either written or refused, and after a refusal so is everything", async () => {
  const file = newFile(folder, "odd");
  await closing(open(file), async (direct) => {
    const bytes = pages(2);
    const isWritten = await direct.write(bytes.subarray(1, 1 + PAGE_BYTES), 1);
    if (isWritten) assert.ok(readFileSync(file).subarray(1).equals(bytes.subarray(1, 1 + PAGE_BYTES)));
    else assert.equal(await direct.write(bytes, 0), false);
  });
});

test("a file that is not the one that is meant, a link and nothing at all are left alone", () => {
  const file = newFile(folder, "meant");
  const other = newFile(folder, "other");
  const link = join(folder, "link");
  symlinkSync(file, link);
  assert.equal(openDirectFile(other, statSync(file).ino), undefined);
  assert.equal(openDirectFile(link, statSync(file).ino), undefined);
  assert.equal(openDirectFile(join(folder, "absent"), 1), undefined);
});

test("a file system that does not know it says so, before or with the first write", async () => {
  const disk = disks.mount("ramfs");
  if (disk === undefined) return;
  const direct = open(newFile(disk, "file"));
  assert.equal(await direct?.write(pages(1), 0) ?? false, false);
  direct?.close();
});

test("a full disk is its own error, not a refusal", async () => {
  const disk = disks.mount("ext4");
  if (disk === undefined) return;
  const file = newFile(disk, "file");
  const makeRoom = fillDisk(disk);
  await closing(open(file), async (direct) => {
    const bytes = pages(16);
    await assert.rejects(direct.write(bytes, 0), { code: "ENOSPC" });
    makeRoom();
    assert.equal(await direct.write(bytes, 0), true);
    assert.ok(readFileSync(file).equals(bytes));
  });
});

test("a disk that takes a part of it has not taken it", async () => {
  const disk = disks.mount("tmpfs");
  if (disk === undefined) return;
  await closing(open(newFile(disk, "file")), async (direct) => {
    let isWritten = false;
    try {
      isWritten = await direct.write(pages(9 << 8), 0); // 9 MiB on a disk of 8
    } catch (e) {
      assert.equal((e as NodeJS.ErrnoException).code, "ENOSPC"); // Deno tries the rest by itself
    }
    assert.equal(isWritten, false);
  });
});
