// What a node gives away of what lies on its disk: proven files, the pieces of files on their way, and nothing else.
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Holding } from "../../../src/gossip/shelf.ts";
import { PIECE_BYTES } from "../../../src/hash/blake3-core.ts";
import { createStoredShelf, readPieces } from "../../../src/service/stored-shelf.ts";
import { openPieceMap } from "../../../src/fetch/piece-map.ts";
import { pinRoot } from "../../../src/trust/client.ts";
import { pieceListOf, testBytes } from "../../support/artifact.ts";
import { createReleaseRepository, nameOf } from "../../support/release-repository.ts";
import { sha256 } from "../../support/signed-file.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { strictClock, updated } from "../../support/trust-client.ts";

const NOW = Date.UTC(2026, 0, 1);
const PIECES = 3;
const content = testBytes((PIECES - 1) * PIECE_BYTES + 4_567, "stored shelf");
const digest = sha256(content), list = await pieceListOf(content);
const folder = tempFolder("stored-shelf");
after(() => rmSync(folder, { recursive: true, force: true }));
const { signal } = new AbortController();

const repository = createReleaseRepository({ seed: "stored shelf", nowMs: NOW });
await repository.addRelease("1.0.0", { content });
repository.publish();
const state = updated(pinRoot(repository.pinnedRoot), repository.files(), strictClock(NOW));

let count = 0;

/** An empty home, and what its node gives. */
function place(over = signal) {
  const home = join(folder, String(count++));
  const packagesDir = join(home, "packages"), partialDir = join(home, "partial");
  for (const dir of [packagesDir, partialDir]) mkdirSync(dir, { recursive: true });
  return { packagesDir, partialDir, shelf: createStoredShelf({ packagesDir, partialDir }, () => state, over) };
}

async function bytesOf(holding: Holding, first: number, count: number): Promise<Uint8Array> {
  return new Uint8Array(
    Buffer.concat(await Array.fromAsync(holding.read(first, count), (chunk) => new Uint8Array(chunk))),
  );
}

const held = (h: Holding) => [0, 1, 2].filter((i) => h.pieces.has(i));

test("a proven file is given whole, with its piece list", async () => {
  const { packagesDir, shelf } = place();
  writeFileSync(join(packagesDir, nameOf("1.0.0")), content);
  const holding = await shelf.find(digest);
  assert.ok(holding !== undefined);
  assert.equal(holding.length, content.length);
  assert.deepEqual(held(holding), [0, 1, 2]);
  assert.deepEqual(holding.pieceList, list);
  assert.deepEqual(await bytesOf(holding, 0, 3), content);
  assert.deepEqual(await bytesOf(holding, 2, 1), content.subarray(2 * PIECE_BYTES));
});

test("a file that is damaged, or another one, is not given", async () => {
  const { packagesDir, shelf } = place();
  const damaged = content.slice();
  damaged[5] = (damaged[5] ?? 0) ^ 1;
  writeFileSync(join(packagesDir, nameOf("1.0.0")), damaged);
  assert.equal(await shelf.find(digest), undefined);
  writeFileSync(join(packagesDir, nameOf("1.0.0")), content.subarray(1));
  assert.equal(await shelf.find(digest), undefined);
});

test("a file that could not be measured once is given the next time", async () => {
  let isFaulty = true;
  const { signal: faulty } = new AbortController();
  // It is looked at between two reads: as good a place as any for a read that fails.
  faulty.throwIfAborted = () => {
    if (isFaulty) throw Object.assign(new Error("too many open files"), { code: "EMFILE" });
  };
  const { packagesDir, shelf } = place(faulty);
  writeFileSync(join(packagesDir, nameOf("1.0.0")), content);
  assert.deepEqual(await Promise.all([shelf.find(digest), shelf.find(digest)]), [undefined, undefined]);
  isFaulty = false;
  const holding = await shelf.find(digest);
  assert.equal(holding?.length, content.length);
});

test("of a file on its way the pieces that are here are given", async () => {
  const { partialDir, shelf } = place();
  writeFileSync(join(partialDir, `${digest}.part`), content);
  const map = openPieceMap(join(partialDir, `${digest}.map`), PIECES);
  map.replace({ marks: Uint8Array.of(0, 1, 0), values: list });
  const holding = await shelf.find(digest);
  assert.ok(holding !== undefined);
  assert.deepEqual(held(holding), [1]);
  assert.deepEqual(holding.pieceList, list);
  assert.deepEqual(await bytesOf(holding, 1, 1), content.slice(PIECE_BYTES, 2 * PIECE_BYTES));
  map.mark(2, true);
  map.close();
  assert.deepEqual(held(await shelf.find(digest) ?? assert.fail()), [1, 2], "it grows");
});

test("a map that is torn, or has a list that is not the signed one, gives nothing", async () => {
  const { partialDir, shelf } = place();
  writeFileSync(join(partialDir, `${digest}.part`), content);
  writeFileSync(join(partialDir, `${digest}.map`), "dchat pieces 1\n\n");
  assert.equal(await shelf.find(digest), undefined);
  const map = openPieceMap(join(partialDir, `${digest}.map`), PIECES);
  map.replace({ marks: Uint8Array.of(1, 1, 1), values: new Uint8Array(list.length).fill(7) });
  map.close();
  assert.equal(await shelf.find(digest), undefined);
});

test("a piece that is not what its mark says is not given", async () => {
  const { partialDir, shelf } = place();
  const damaged = content.slice();
  damaged[PIECE_BYTES] = (damaged[PIECE_BYTES] ?? 0) ^ 1;
  writeFileSync(join(partialDir, `${digest}.part`), damaged);
  const map = openPieceMap(join(partialDir, `${digest}.map`), PIECES);
  map.replace({ marks: Uint8Array.of(1, 1, 0), values: list });
  map.close();
  const holding = await shelf.find(digest) ?? assert.fail("it has some");
  assert.deepEqual(await bytesOf(holding, 0, 1), content.slice(0, PIECE_BYTES));
  await assert.rejects(bytesOf(holding, 1, 1));
});

test("what no signed metadata names is not given, wherever it lies", async () => {
  const { packagesDir, shelf } = place();
  const other = testBytes(1000, "not a release");
  writeFileSync(join(packagesDir, nameOf("2.0.0")), other);
  assert.equal(await shelf.find(sha256(other)), undefined);
  assert.equal(await shelf.find("f".repeat(64)), undefined);
});

test("a file that becomes shorter while it is given ends that, at once", async () => {
  const file = join(folder, "short");
  writeFileSync(file, content.subarray(0, PIECE_BYTES));
  const chunks: number[] = [];
  const give = async () => {
    for await (const { length } of readPieces(file, content.length, 0, PIECES)) {
      chunks.push(length);
      if (chunks.length > 100) return; // it would go on without end
    }
  };
  await assert.rejects(give, /became shorter/);
  assert.equal(chunks.reduce((sum, length) => sum + length, 0), PIECE_BYTES);
});
