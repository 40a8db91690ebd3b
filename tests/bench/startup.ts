// Cold start: the whole process of `version` against that of an empty script, on every runtime, A and B in turn.
// Target: at most 1.5 times or 30 ms more. Medians; read ratios, because a busy machine slows both alike.
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runtimes } from "../runtimes/runtimes.ts";
import { tempFolder } from "../support/temp-folder.ts";

const ROUNDS = 21;
const MAX_RATIO = 1.5;
const MAX_MORE_MS = 30;

const bundle = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "dist", "dchat-update.mjs");
// Away from the project: Deno would read its configuration first.
const folder = tempFolder("bench");
const empty = join(folder, "empty.mjs");
writeFileSync(empty, "#!/usr/bin/env node\n");

function timeMs([program, ...args]: [string, ...string[]]): number {
  const start = performance.now();
  const { status, stderr } = spawnSync(program, args, { cwd: folder, encoding: "utf8" });
  const elapsed = performance.now() - start;
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${status}: ${stderr}`);
  return elapsed;
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!; // never empty
const round = (value: number, digits = 1) => Number(value.toFixed(digits));

const rows = runtimes().map(({ name, fileCommand }) => {
  const pairs: { emptyMs: number; versionMs: number }[] = [];
  for (let i = -2; i < ROUNDS; i++) {
    const pair = { emptyMs: timeMs(fileCommand(empty, [])), versionMs: timeMs(fileCommand(bundle, ["version"])) };
    if (i >= 0) pairs.push(pair); // the rounds before fill the file cache and the runtimes' own
  }
  // Of pairs, not of the two lists: a machine that is busy for a while slows both of a pair.
  const ratio = median(pairs.map((p) => p.versionMs / p.emptyMs));
  const moreMs = median(pairs.map((p) => p.versionMs - p.emptyMs));
  return {
    runtime: name,
    emptyMs: round(median(pairs.map((p) => p.emptyMs))),
    versionMs: round(median(pairs.map((p) => p.versionMs))),
    ratio: round(ratio, 2),
    moreMs: round(moreMs),
    ok: ratio <= MAX_RATIO || moreMs <= MAX_MORE_MS,
  };
});
rmSync(folder, { recursive: true });

console.table(rows);
console.log(JSON.stringify({ bench: "startup", rounds: ROUNDS, rows }));
if (rows.some(({ ok }) => !ok)) process.exitCode = 1;
