// One thread's share of a file: what it reads, where it leaves it, and when it has to stop.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { closeSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openForReading } from "../../../src/disk/raw-file.ts";
import { PART_BYTES, PART_PLACES } from "../../../src/hash/blake3-core.ts";
import { loadBlake3Core } from "../../../src/hash/load-core.ts";
import { createPartHasher } from "../../../src/hash/part-hasher.ts";
import { createPieceJob, holderOf, partAt, partLength, releasePart } from "../../../src/hash/piece-job.ts";
import { sequence } from "../../support/sequence.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const WORKER = 1;
const bytes = sequence(6 * PART_BYTES + 5);
const jobOf = (length: number) => createPieceJob({ file, identity: "", length }, 2);

let folder: string;
let file: string;
let fd: number;
before(() => {
  folder = tempFolder("part");
  file = join(folder, "file");
  writeFileSync(file, bytes);
  fd = openForReading(file);
});
after(() => {
  closeSync(fd);
  rmSync(folder, { recursive: true });
});

test("what it read lies where it says until it is released, and until then it reads no more than it has room for", async () => {
  const job = jobOf(bytes.length);
  const core = await loadBlake3Core();
  const hasher = createPartHasher(job, WORKER, fd, core);
  const sha256 = createHash("sha256");
  let read = 0;
  for (let part = 0; part < job.parts; part++) {
    while (hasher.hashNext()) read++;
    assert.equal(read, Math.min(part + PART_PLACES, job.parts));
    const holder = holderOf(job, part);
    assert.ok(holder?.thread === WORKER);
    sha256.update(partAt(core.places, holder.place, partLength(job, part)));
    releasePart(job, WORKER);
  }
  assert.equal(sha256.digest("hex"), createHash("sha256").update(bytes).digest("hex"));
});

test("a file that ends before its length is one that was changed", async () => {
  const length = bytes.length + 1;
  const job = jobOf(length);
  const hasher = createPartHasher(job, WORKER, fd, await loadBlake3Core());
  for (let part = 0; part < job.parts - 1; part++) {
    assert.ok(hasher.hashNext());
    releasePart(job, WORKER);
  }
  assert.throws(() => hasher.hashNext(), { code: "E_IO", message: /was changed while it was read/ });
  assert.equal(holderOf(job, job.parts - 1), undefined, "nobody is given bytes that were not read");
});
