// Cold start: the whole process of `version` against that of an empty script, on every runtime, A and B in turn.
// Target: at most 1.5 times or 30 ms more. Medians; read ratios, because a busy machine slows both alike.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runtimes } from "../runtimes/runtimes.ts";

const ROUNDS = 21;
const MAX_RATIO = 1.5;
const MAX_MORE_MS = 30;

const bundle = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "dist", "dchat-update.mjs");
// Away from the project: Deno would read its configuration first.
const folder = mkdtempSync(join(tmpdir(), "dchat-bench-"));
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
  const emptyMs: number[] = [];
  const versionMs: number[] = [];
  for (let i = -2; i < ROUNDS; i++) {
    const pair = [timeMs(fileCommand(empty, [])), timeMs(fileCommand(bundle, ["version"]))] as const;
    if (i < 0) continue; // the first rounds fill the file cache and the runtimes' own
    emptyMs.push(pair[0]);
    versionMs.push(pair[1]);
  }
  const a = median(emptyMs);
  const b = median(versionMs);
  const ok = b <= a * MAX_RATIO || b <= a + MAX_MORE_MS;
  return { runtime: name, emptyMs: round(a), versionMs: round(b), ratio: round(b / a, 2), moreMs: round(b - a), ok };
});
rmSync(folder, { recursive: true });

console.table(rows);
console.log(JSON.stringify({ bench: "startup", rounds: ROUNDS, rows }));
if (rows.some(({ ok }) => !ok)) process.exitCode = 1;
