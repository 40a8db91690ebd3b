// A program for tests/bench/piece-store.ts: pushes pieces through the store from memory, in chunks as a network gives
// them, and writes the same bytes to a plain file without any proof, in turn, in one process. Prints what each took.
import { closeSync, fsyncSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Artifact, Verified } from "../../src/api.ts";
import { openPieceStore } from "../../src/fetch/piece-store.ts";
import { PIECE_BYTES } from "../../src/hash/blake3-core.ts";
import { createDualDigest } from "../../src/hash/dual-digest.ts";

const CHUNK_BYTES = 64 << 10;
const ROUNDS = 3;

const folder = process.env["STORE_DIR"] ?? "";
const pieces = Number(process.env["STORE_PIECES"]);
const chunk = Uint8Array.from({ length: CHUNK_BYTES }, (_, i) => (i * 7919) >> 3);
const { signal } = new AbortController();

/** What a connection does: it copies chunk after chunk. No two pieces are the same. */
function fill(buffer: Uint8Array, index: number): void {
  for (let at = 0; at < buffer.length; at += CHUNK_BYTES) buffer.set(chunk, at);
  new DataView(buffer.buffer).setUint32(0, index);
}

async function describe(): Promise<{ artifact: Verified<Artifact>; list: Uint8Array }> {
  const digest = await createDualDigest();
  const buffer = new Uint8Array(PIECE_BYTES);
  for (let index = 0; index < pieces; index++) {
    fill(buffer, index);
    digest.update(buffer);
  }
  // All that the store looks at; it was measured just now.
  return { artifact: digest.digest() as Verified<Artifact>, list: digest.pieces() };
}

const { artifact, list } = await describe();

/** `endMs` is from the last byte to the proof. */
async function throughStore(): Promise<{ ms: number; endMs: number }> {
  const partialDir = join(folder, "partial");
  mkdirSync(partialDir);
  const start = performance.now();
  const store = await openPieceStore({ artifact, partialDir, signal });
  const puts = [store.setPieceList(list).then(() => true)];
  for (let index = 0; index < pieces; index++) {
    const buffer = await store.takeBuffer({ signal });
    fill(buffer, index);
    puts.push(store.put(index, buffer));
    await new Promise((resolve) => setImmediate(resolve)); // as between two chunks of a network
  }
  const lastByte = performance.now();
  if (!(await Promise.all(puts)).every((isRight) => isRight)) throw new Error("a right piece was refused");
  const { sha256, blake3 } = await store.seal({ signal });
  const end = performance.now();
  if (sha256 !== artifact.sha256 || blake3 !== artifact.blake3) throw new Error("wrong digests");
  await store.close();
  rmSync(partialDir, { recursive: true });
  return { ms: end - start, endMs: end - lastByte };
}

function plainWrite(): number {
  const file = join(folder, "plain");
  const buffer = new Uint8Array(PIECE_BYTES);
  const start = performance.now();
  const fd = openSync(file, "wx");
  for (let index = 0; index < pieces; index++) {
    fill(buffer, index);
    writeSync(fd, buffer);
  }
  fsyncSync(fd);
  closeSync(fd);
  const ms = performance.now() - start;
  rmSync(file);
  return ms;
}

const rounds: { ms: number; endMs: number; plainMs: number }[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const plainMs = plainWrite();
  rounds.push({ ...await throughStore(), plainMs });
}
console.log(JSON.stringify(rounds));
