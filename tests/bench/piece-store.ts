// The piece store: 512 MiB from memory in chunks of 64 KiB, proven, hashed and made durable, against writing the same
// bytes to a plain file and one fsync; and the time from the last byte to the proof. Target: at most 50 ms.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { runtimes } from "../runtimes/runtimes.ts";
import { bundleHash } from "../support/bundle-hash.ts";
import { median, round } from "../support/measure.ts";
import { tempFolder } from "../support/temp-folder.ts";

const PIECES = 512;
const PROCESSES = 3;
const MAX_END_MS = 50;

const folder = tempFolder("bench");
const program = join(folder, "program.mjs");
writeFileSync(program, await bundleHash(new URL("../support/store-speed-program.ts", import.meta.url), "node"));

const rows = runtimes().map(({ name, fileCommand }) => {
  const rounds = Array.from({ length: PROCESSES }, () => {
    const [command, ...args] = fileCommand(program, []);
    const env = { ...process.env, STORE_DIR: folder, STORE_PIECES: String(PIECES) };
    const { status, stdout, stderr } = spawnSync(command, args, { env, encoding: "utf8" });
    if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
    return JSON.parse(stdout) as { ms: number; endMs: number; plainMs: number }[];
  }).flat();
  const endMs = median(rounds.map((r) => r.endMs));
  return {
    runtime: name,
    storeMs: round(median(rounds.map((r) => r.ms)), 0),
    plainMs: round(median(rounds.map((r) => r.plainMs)), 0),
    ratio: round(median(rounds.map((r) => r.ms / r.plainMs)), 2),
    endMs: round(endMs, 0),
    ok: endMs <= MAX_END_MS,
  };
});

console.table(rows);
console.log(JSON.stringify({ bench: "piece-store", pieces: PIECES, rows }));
if (rows.some(({ ok }) => !ok)) process.exitCode = 1;
