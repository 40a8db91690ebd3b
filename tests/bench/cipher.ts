// On one thread, from memory: messages of 65,519 bytes sealed and opened, our compiled cipher against the library's, both in
// turn in each of some cold processes; and the time to compile, start and test ours. Only Bun has no cipher of its own; the
// others are there because any runtime may lack it one day. Targets: 3 times the library's on Bun; 5 ms.
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { measuredRuntimes } from "../runtimes/runtimes.ts";
import { bundleNode } from "../support/bundle-node.ts";
import type { CipherSpeeds } from "../support/cipher-speed-program.ts";
import { median, round } from "../support/measure.ts";
import { tempFolder } from "../support/temp-folder.ts";

const PROCESSES = 3;
const MIN_RATIO = 3;
const MAX_START_MS = 5;

const folder = tempFolder("bench");
const program = join(folder, "program.mjs");
writeFileSync(program, await bundleNode(new URL("../support/cipher-speed-program.ts", import.meta.url)));

const rows = measuredRuntimes().map((runtime) => {
  const runs = Array.from({ length: PROCESSES }, () => {
    const [command, ...args] = runtime.fileCommand(program, []);
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: "utf8" });
    if (status !== 0) throw new Error(`${runtime.name} ended with ${status}: ${stderr}`);
    return JSON.parse(stdout) as CipherSpeeds; // what the program prints
  });
  const mbps = (what: keyof CipherSpeeds) => round(median(runs.map((run) => run[what])) / 1e6, 0);
  const sealRatio = median(runs.map((run) => run.seal / run.librarySeal));
  const openRatio = median(runs.map((run) => run.open / run.libraryOpen));
  const startMs = median(runs.map((run) => run.startMs));
  return {
    runtime: runtime.name,
    ...{ sealMBs: mbps("seal"), librarySealMBs: mbps("librarySeal"), sealRatio: round(sealRatio, 2) },
    ...{ openMBs: mbps("open"), libraryOpenMBs: mbps("libraryOpen"), openRatio: round(openRatio, 2) },
    startMs: round(startMs, 2),
    ok: runtime.name !== "bun1" || (Math.min(sealRatio, openRatio) >= MIN_RATIO && startMs <= MAX_START_MS),
  };
});
rmSync(folder, { recursive: true });

console.table(rows);
console.log(JSON.stringify({ bench: "cipher", processes: PROCESSES, rows }));
if (rows.some(({ ok }) => !ok)) process.exitCode = 1;
