// A program for tests/bench/hash.ts: bytes in memory, one thread, in one cold process: BLAKE3, ours and hash-wasm's in
// turn, and both digests of a stream. Prints the median of each in bytes per second of processor time, which others on
// the machine change less than wall time; and how long a core takes to start.
// Must not: read a file.
import process from "node:process";
import { createBLAKE3 } from "hash-wasm";
import { createBlake3 } from "../../src/hash/blake3.ts";
import { compileBlake3, instantiateBlake3 } from "../../src/hash/blake3-core.ts";
import { createDualDigest } from "../../src/hash/dual-digest.ts";
import { coreModule } from "../../src/hash/embedded.ts";
import { kernelForHost } from "../../src/hash/load-core.ts";

const UPDATE_BYTES = 1 << 20;
/** What a network gives at a time. */
const CHUNK_BYTES = 1 << 16;
const UPDATES = 64;
const ROUNDS = 9;
const WARM_UPS = 2; // the engines compile twice: fast, then well

/** The first three are bytes a second of processor time. */
export interface HashSpeeds {
  readonly ours: number;
  readonly hashWasm: number;
  readonly bothDigests: number;
  readonly startMs: number;
  readonly startCpuMs: number;
}

const bytes = Uint8Array.from({ length: UPDATE_BYTES }, (_, i) => (i * 7919) >> 3);

/** Each gives the BLAKE3 of the same bytes. */
const rivals = {
  async ours() {
    const hash = await createBlake3();
    for (let i = 0; i < UPDATES; i++) hash.update(bytes);
    return hash.digest();
  },
  async hashWasm() {
    const hash = (await createBLAKE3()).init();
    for (let i = 0; i < UPDATES; i++) hash.update(bytes);
    return hash.digest("hex");
  },
  async bothDigests() {
    const digest = await createDualDigest();
    for (let i = 0; i < UPDATES; i++) {
      for (let at = 0; at < UPDATE_BYTES; at += CHUNK_BYTES) digest.update(bytes.subarray(at, at + CHUNK_BYTES));
    }
    return digest.digest().blake3;
  },
};
const names = Object.keys(rivals) as (keyof typeof rivals)[]; // an object literal has the keys it was written with

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

function cpuMs(since?: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since); // microseconds
  return (user + system) / 1000;
}

const wasm = coreModule(`blake3-${kernelForHost()}`);
const [before, cpuBefore] = [performance.now(), process.cpuUsage()];
await instantiateBlake3(await compileBlake3(wasm));
const [startMs, startCpuMs] = [performance.now() - before, cpuMs(cpuBefore)];

const speeds: Record<keyof typeof rivals, number[]> = { ours: [], hashWasm: [], bothDigests: [] };
const digests = new Set<string>();
for (let round = -WARM_UPS; round < ROUNDS; round++) {
  for (const name of names) {
    const start = process.cpuUsage();
    digests.add(await rivals[name]());
    if (round >= 0) speeds[name].push(UPDATES * UPDATE_BYTES / (cpuMs(start) / 1000));
  }
}
if (digests.size !== 1) throw new Error("the rivals do not agree");
const [ours = NaN, hashWasm = NaN, bothDigests = NaN] = names.map((name) => median(speeds[name]));
console.log(JSON.stringify({ ours, hashWasm, bothDigests, startMs, startCpuMs } satisfies HashSpeeds));
