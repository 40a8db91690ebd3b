// Peak memory of download and verify, the whole process, at 1, 4 and 8 GiB of random bytes. Targets: 150 and 120 MB, and
// no slope: the largest file takes little more than the smallest, for compilers go on for longer (decision 0026). Linux
// only: read from /proc.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { measuredRuntimes } from "../runtimes/runtimes.ts";
import { type CommandLine, round, timeMs } from "../support/measure.ts";
import { publishRandomRelease } from "../support/measured-download.ts";
import { BUNDLE } from "../support/release-fixture.ts";
import { serveFolder } from "../support/mirror-process.ts";
import { tempFolder } from "../support/temp-folder.ts";

const GIBIBYTES = [1, 4, 8];
// From 1 to 8 GiB it was 1 to 9 and -2 to 5 in two runs on each runtime, 1.4 of it piece lists. What is kept of each piece
// shows from 1.5 KB on, and 1 KB.
const MAX_SLOPE_MIB = { downloadMiB: 12, verifyMiB: 8 };
// There the same download varies by 15.
const MAX_SLOPE_OF_BUN_MIB = { ...MAX_SLOPE_MIB, downloadMiB: 16 };
const MAX_MEGABYTES = { downloadMiB: 150, verifyMiB: 120 };
const MEASURED = measuredRuntimes(["node20", "node24", "deno2", "bun1"]);

if (process.platform !== "linux") {
  console.log("skipped: needs /proc");
  process.exit(0);
}

/** The largest resident size of a process, in MiB, read until it ends. */
async function peakMiB([program, ...args]: CommandLine): Promise<number> {
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"] });
  const ended = once(child, "exit");
  let peakKiB = 0;
  while (child.exitCode === null && child.signalCode === null) {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      peakKiB = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? peakKiB);
    } catch {
      // It ended between the question and the answer.
    }
    await delay(20);
  }
  const [status] = await ended;
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${status}`);
  return round(peakKiB / 1024, 0);
}

interface Row {
  runtime: string;
  gibibytes: number;
  downloadMiB: number;
  verifyMiB: number;
}

const rows: Row[] = [];
for (const gibibytes of GIBIBYTES) {
  const folder = tempFolder("bench");
  try {
    const { bavail, bsize } = statfsSync(folder);
    const neededBytes = (2 * gibibytes + 1) * 2 ** 30; // the mirror's copy and the operator's
    if (bavail * bsize < neededBytes) {
      console.log(`skipped: ${gibibytes} GiB need ${neededBytes} bytes of disk`);
      continue;
    }
    const { repo, root } = publishRandomRelease(folder, gibibytes * 1024);
    const server = await serveFolder(repo);
    try {
      for (const { name: runtime, fileCommand } of MEASURED) {
        const home = join(folder, `home-${runtime}`);
        timeMs(fileCommand(BUNDLE, ["init", "--home", home, "--repo", server.url, "--root", root]));
        const release = ["--home", home, "--version", "1.0.0", "--platform", "linux-x64", "--quiet"];
        const file = join(home, "packages", "dchat-1.0.0-linux-x64");
        const downloadMiB = await peakMiB(fileCommand(BUNDLE, ["download", ...release]));
        const verifyMiB = await peakMiB(fileCommand(BUNDLE, ["verify", "--package", file, ...release]));
        rows.push({ runtime, gibibytes, downloadMiB, verifyMiB });
        rmSync(home, { recursive: true });
      }
    } finally {
      await server.stop();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

console.table(rows);
console.log(JSON.stringify({ bench: "memory", rows }));
const say = (what: string) => {
  console.error(what);
  process.exitCode = 1;
};
for (const { name: runtime } of MEASURED) {
  const own = rows.filter((r) => r.runtime === runtime);
  const maxSlope = runtime === "bun1" ? MAX_SLOPE_OF_BUN_MIB : MAX_SLOPE_MIB;
  for (const [what, maxMegabytes] of Object.entries(MAX_MEGABYTES) as [keyof typeof MAX_MEGABYTES, number][]) {
    const slope = (own.at(-1)?.[what] ?? 0) - (own[0]?.[what] ?? 0);
    if (slope > maxSlope[what]) say(`${runtime}: ${what} grows by ${slope} MiB with the file`);
    const most = Math.max(...own.map((row) => row[what]));
    if (most * 2 ** 20 > maxMegabytes * 1e6) {
      say(`${runtime}: ${what} is ${most}, at most ${maxMegabytes} MB are allowed`);
    }
  }
}
