// On one thread, from memory, on every runtime, in cold processes: BLAKE3, our core against hash-wasm, both in turn in
// each; both digests of a stream; and the time to compile, start and test the core in a process that did nothing before.
// Also its size. Targets: 2.4 times hash-wasm on Node and Deno, 2 times on Bun; 2 ms; 20 KB for both
// kernels.
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { coreModule } from "../../src/hash/embedded.ts";
import { runtimes } from "../runtimes/runtimes.ts";
import { bundleHash } from "../support/bundle-hash.ts";
import type { HashSpeeds } from "../support/hash-speed-program.ts";
import { median, round } from "../support/measure.ts";
import { tempFolder } from "../support/temp-folder.ts";

const PROCESSES = 7;
const MIN_RATIO = { bun1: 2, others: 2.4 };
const MAX_START_MS = 2;
const MAX_BASE64_BYTES = 20_000;

const folder = tempFolder("bench");
const program = join(folder, "program.mjs");
writeFileSync(program, await bundleHash(new URL("../support/hash-speed-program.ts", import.meta.url), "node"));

const rows = runtimes().map(({ name, fileCommand }) => {
  const runs = Array.from({ length: PROCESSES }, () => {
    const [command, ...args] = fileCommand(program, []);
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: "utf8" });
    if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
    return JSON.parse(stdout) as HashSpeeds; // what the program prints
  });
  const medianOf = (what: keyof HashSpeeds) => median(runs.map((run) => run[what]));
  const ratio = median(runs.map(({ ours, hashWasm }) => ours / hashWasm));
  const startMs = medianOf("startMs"), startCpuMs = medianOf("startCpuMs");
  return {
    runtime: name,
    oursMBs: round(medianOf("ours") / 1e6, 0),
    hashWasmMBs: round(medianOf("hashWasm") / 1e6, 0),
    ratio: round(ratio, 2),
    bothDigestsMBs: round(medianOf("bothDigests") / 1e6, 0),
    startMs: round(startMs, 2),
    startCpuMs: round(startCpuMs, 2),
    ok: ratio >= (name === "bun1" ? MIN_RATIO.bun1 : MIN_RATIO.others) && startMs <= MAX_START_MS,
  };
});
rmSync(folder, { recursive: true });

const base64Bytes = (["blake3-unrolled", "blake3-looped"] as const)
  .reduce((sum, name) => sum + Buffer.from(coreModule(name)).toString("base64").length, 0);
console.table(rows);
console.log(`both kernels: ${base64Bytes} bytes of base64`);
console.log(JSON.stringify({ bench: "hash", processes: PROCESSES, base64Bytes, rows }));
if (base64Bytes > MAX_BASE64_BYTES || rows.some(({ ok }) => !ok)) process.exitCode = 1;
