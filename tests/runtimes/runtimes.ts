// Every runtime that the bundled file promises to run on, ready to be started. Design: "Everywhere".
// The programs are npm packages, locked in the folder of this machine's platform; Deno is the one that runs the tests.
// Must not: hold tests; the suites that run on all runtimes import it.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export interface Runtime {
  /** `node20`, `node22`, `node24`, `node26`, `deno2`, `bun1` */
  readonly name: string;
  /** Runs a program's file: the program to spawn, then its arguments. */
  fileCommand(file: string, args: readonly string[]): [string, ...string[]];
  /** Runs the program that comes through standard input. */
  stdinCommand(args: readonly string[]): [string, ...string[]];
}

/** The runtimes of this machine; installs them at the first call, from the cache when they are there. */
export function runtimes(): readonly Runtime[] {
  return found ??= findRuntimes();
}

/**
 * Those that a benchmark measures: one or some of them by `DCHAT_BENCH_RUNTIMES=node20,bun1`, else the usual ones.
 * @param usual their names; default: all
 */
export function measuredRuntimes(usual?: readonly string[]): readonly Runtime[] {
  const names = process.env["DCHAT_BENCH_RUNTIMES"]?.split(",") ?? usual;
  return names === undefined ? runtimes() : runtimes().filter(({ name }) => names.includes(name));
}

let found: readonly Runtime[] | undefined;

function findRuntimes(): readonly Runtime[] {
  const program = denoProgram();
  const deno: Runtime = {
    name: "deno2",
    fileCommand: (file, args) => [program, "run", "-A", file, ...args],
    stdinCommand: (args) => [program, "run", "-A", "-", ...args],
  };
  const platform = `${process.platform}-${process.arch}`;
  const folder = join(dirname(fileURLToPath(import.meta.url)), platform);
  if (!existsSync(folder)) {
    console.warn(`skipped: no Node and Bun packages for ${platform}; tests run on Deno alone`);
    return [deno];
  }
  // Every time: it takes a moment when nothing is missing, and locks out another test file that does the same.
  runSync([program, "install", "--frozen", "--quiet"], folder);
  const programs = join(folder, "node_modules");
  const nodes = ["node20", "node22", "node24", "node26"].map((name): Runtime => {
    const node = join(programs, name, "bin", "node");
    return {
      name,
      fileCommand: (file, args) => [node, file, ...args],
      stdinCommand: (args) => [node, "--input-type=module", "-", ...args],
    };
  });
  const bun = join(programs, "bun1", "bin", "bun");
  return [...nodes, deno, {
    name: "bun1",
    fileCommand: (file, args) => [bun, file, ...args],
    stdinCommand: (args) => [bun, "run", "-", ...args],
  }];
}

/** The Deno that runs this, or the one that npm gives to other runtimes. */
export function denoProgram(): string {
  if (process.versions["deno"] !== undefined) return process.execPath;
  return foundDeno ??= runSync(["npx", "-y", "deno@2", "eval", "console.log(Deno.execPath())"]).trim();
}

let foundDeno: string | undefined; // asking npx takes longer than most tests

function runSync([program, ...args]: [string, ...string[]], cwd?: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} failed: ${stderr}`, { cause: error });
  return stdout;
}
