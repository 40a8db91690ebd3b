// Peer to peer, one to one, over TCP, Noise and Yamux: 512 MiB as the product fetches them, each piece proven, the whole
// durable on disk, against a bare stream between the same two nodes that does nothing with its bytes. In turn, ratios of
// pairs. Target: 90 % of the bare stream's speed.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { measuredRuntimes, type Runtime } from "../runtimes/runtimes.ts";
import { bundleNode } from "../support/bundle-node.ts";
import { median, medianRatio, round, writeRandomFile } from "../support/measure.ts";
import { ended } from "../support/mirror-process.ts";
import type { SpeedRound } from "../support/peer-speed-program.ts";
import { tempFolder } from "../support/temp-folder.ts";

const MEBIBYTES = Number(process.env["DCHAT_BENCH_MIB"] ?? 512);
const ROUNDS = 7;
const MIN_RATIO = 0.9;

const folder = tempFolder("bench");
const program = join(folder, "program.mjs");
writeFileSync(program, await bundleNode(new URL("../support/peer-speed-program.ts", import.meta.url)));
const file = join(folder, "given");
writeRandomFile(file, MEBIBYTES);

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: stdout! })) return line; // a pipe, as it was started
  throw new Error("the giver has ended");
}

async function measure({ name, fileCommand }: Runtime) {
  const [giverProgram, ...giverArgs] = fileCommand(program, ["give", file]);
  const giver = spawn(giverProgram, giverArgs, { stdio: ["pipe", "pipe", "inherit"] });
  try {
    const offer = await firstLine(giver);
    const [command, ...args] = fileCommand(program, ["take", offer, String(ROUNDS), folder]);
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`${name} ended with ${status}: ${stderr}`);
    const rounds: SpeedRound[] = JSON.parse(stdout); // the program's own line
    const libraryMs = rounds.map((r) => r.libraryMs);
    const bareMs = rounds.map((r) => r.bareMs), productMs = rounds.map((r) => r.productMs);
    const mibPerSecond = (ms: number) => round(MEBIBYTES * 1000 / ms, 0);
    const ratio = round(medianRatio(libraryMs, productMs), 2);
    return {
      runtime: name,
      libraryMiBps: mibPerSecond(median(libraryMs)),
      bareMiBps: mibPerSecond(median(bareMs)),
      productMiBps: mibPerSecond(median(productMs)),
      ratio,
      ratioToBare: round(medianRatio(bareMs, productMs), 2),
      ok: ratio >= MIN_RATIO,
    };
  } finally {
    await ended(giver);
  }
}

try {
  const rows: Awaited<ReturnType<typeof measure>>[] = [];
  for (const runtime of measuredRuntimes()) rows.push(await measure(runtime));
  console.table(rows);
  console.log(JSON.stringify({ bench: "peer-transfer", mebibytes: MEBIBYTES, rounds: ROUNDS, rows }));
  if (rows.some(({ ok }) => !ok)) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
