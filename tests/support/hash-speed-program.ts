// A program for tests/bench/hash.ts: BLAKE3 of bytes in memory, one thread, ours and hash-wasm's in turn, in one cold
// process. Prints the median of each in bytes per second of processor time: a busy machine then slows neither.
// Must not: read a file.
import process from "node:process";
import { createBLAKE3 } from "hash-wasm";
import { createBlake3 } from "../../src/hash/blake3.ts";
import { compileBlake3, instantiateBlake3 } from "../../src/hash/blake3-core.ts";
import { coreModule } from "../../src/hash/embedded.ts";
import { kernelForHost } from "../../src/hash/load-core.ts";

const UPDATE_BYTES = 1 << 20;
const UPDATES = 64;
const ROUNDS = 9;
const WARM_UPS = 2; // the engines compile twice: fast, then well

const bytes = Uint8Array.from({ length: UPDATE_BYTES }, (_, i) => (i * 7919) >> 3);

const rivals: Record<string, () => Promise<string>> = {
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
};

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;

const wasm = coreModule(`blake3-${kernelForHost()}`);
const before = performance.now();
await instantiateBlake3(await compileBlake3(wasm));
const startMs = performance.now() - before;

const speeds: Record<string, number[]> = { ours: [], hashWasm: [] };
const digests = new Set<string>();
for (let round = -WARM_UPS; round < ROUNDS; round++) {
  for (const [name, run] of Object.entries(rivals)) {
    const start = process.cpuUsage();
    digests.add(await run());
    const { user, system } = process.cpuUsage(start); // microseconds
    if (round >= 0) speeds[name]!.push(UPDATES * UPDATE_BYTES / ((user + system) / 1e6)); // both names are there
  }
}
if (digests.size !== 1) throw new Error("the rivals do not agree");
console.log(JSON.stringify({
  ours: median(speeds["ours"]!),
  hashWasm: median(speeds["hashWasm"]!),
  startMs,
}));
