// A piece store in a process of its own, for tests that run it on every runtime, bundled as the product is, and kill it.
// For each line on standard input it puts one piece that is missing and prints `held <index>` once the store says so;
// when none is missing it prints what was measured.
// Must not: end the process; that it ends by itself is part of the test.
import process from "node:process";
import { createInterface } from "node:readline";
import type { Artifact, Verified } from "../../src/api.ts";
import { openPieceStore } from "../../src/fetch/piece-store.ts";
import { storeThreadsOfHost } from "../../src/fetch/store-thread.ts";
import { indexedBytes } from "./indexed-bytes.ts";
import { seededRandom } from "./seeded-random.ts";

export interface StoreProgramOptions {
  readonly artifact: Artifact;
  /** Hex digits. */
  readonly list: string;
  readonly partialDir: string;
  /** Of the order of the pieces. */
  readonly seed: string;
}

const o = JSON.parse(process.env["STORE_OPTIONS"] ?? "") as StoreProgramOptions;
const { signal } = new AbortController();
const artifact = o.artifact as Verified<Artifact>; // the test measured it
const host = { ...storeThreadsOfHost(), minBytes: 0 };

const store = await openPieceStore({ artifact, partialDir: o.partialDir, signal }, host);
await store.setPieceList(new Uint8Array(Buffer.from(o.list, "hex")));
const missing = Array.from({ length: store.pieceCount }, (_, index) => index).filter((index) => !store.has(index));
const order = seededRandom(o.seed).sample(missing, missing.length);
let asked = 0;
const puts = new Set<Promise<void>>();

async function put(index: number): Promise<void> {
  const buffer = await store.takeBuffer({ signal });
  buffer.set(indexedBytes(artifact.length, index));
  if (!await store.put(index, buffer)) throw new Error(`piece ${index} was refused`);
  console.log(`held ${index}`);
}

if (order.length > 0) {
  for await (const _ of createInterface({ input: process.stdin })) {
    const index = order[asked++];
    if (index !== undefined) puts.add(put(index));
    if (asked >= order.length) break;
  }
}
process.stdin.destroy();
await Promise.all(puts);
console.log(JSON.stringify(await store.seal({ signal })));
await store.close();
