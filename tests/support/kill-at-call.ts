// Kills a command at its n-th system call of a kind, by strace. Linux only, and only where tracing is allowed.
// The command runs on Node with one thread for files, so that n counts the same calls every time.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Runtime, runtimes } from "../runtimes/runtimes.ts";
import type { RunOptions } from "./bundled-cli.ts";
import { tempFolder } from "./temp-folder.ts";

/** What changes a folder or makes a change durable; and writes, but those to files with known names alone. */
export const WRITING_CALLS = ["write", "pwrite64", "fsync", "link", "rename", "unlink"] as const;
export type WritingCall = (typeof WRITING_CALLS)[number];

/** A Node that can be traced; undefined, with a notice, where there is none. */
export function traceableNode(): Runtime | undefined {
  const node = runtimes().find(({ name }) => name === "node24");
  const can = spawnSync("strace", ["-f", "-o", "/dev/null", "true"]).status === 0;
  if (node === undefined || !can) console.warn("skipped: killing at system calls needs strace and the Node packages");
  return can ? node : undefined;
}

const ONE_THREAD = { UV_THREADPOOL_SIZE: "1", UV_USE_IO_URING: "0" };

/** What to trace of a call: of writes only those to the files in question, the runtime makes many of its own. */
const traced = (call: WritingCall, files: readonly string[]): string[] => [
  "-e",
  `trace=${call}`,
  ...(call.includes("write") ? files.flatMap((file) => ["-P", file]) : []),
];

/** Options that kill the command when it makes the n-th call of that kind. */
export function killedAt(runtime: Runtime, call: WritingCall, n: number, files: readonly string[]): RunOptions {
  const inject = ["-e", `inject=${call}:signal=SIGKILL:when=${n}`];
  return { runtime, env: ONE_THREAD, under: ["strace", "-f", "-o", "/dev/null", ...traced(call, files), ...inject] };
}

/** Runs a command to its end and counts its calls of one kind. */
export async function countCalls(
  runtime: Runtime,
  call: WritingCall,
  files: readonly string[],
  run: (o: RunOptions) => Promise<unknown>,
): Promise<number> {
  const folder = tempFolder("calls");
  const log = join(folder, "log");
  try {
    await run({ runtime, env: ONE_THREAD, under: ["strace", "-f", "-o", log, ...traced(call, files)] });
    return readFileSync(log, "utf8").split("\n").filter((line) => line.includes(` ${call}(`)).length;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
