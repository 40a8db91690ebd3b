// Kills a command at its n-th system call of a kind, by strace. Linux only, and only where tracing is allowed.
// The command runs on Node with one thread for files, so that n counts the same calls every time.
import { spawnSync } from "node:child_process";
import { type Runtime, runtimes } from "../runtimes/runtimes.ts";
import type { RunOptions } from "./bundled-cli.ts";

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

const traced = (call: string, files: readonly string[]): string[] => [
  "-e",
  `trace=${call}`,
  ...files.flatMap((file) => ["-P", file]),
];

/**
 * Options that kill the command when one of its threads makes its n-th call of that kind.
 * @param files only calls on these; on any when there are none
 */
export function killedAt(runtime: Runtime, call: WritingCall, n: number, files: readonly string[]): RunOptions {
  return killing(runtime, call, n, files, []);
}

/** As `killedAt`, for a command that starts programs: those are not traced, and not killed. */
export function killedAloneAt(runtime: Runtime, call: string, n: number): RunOptions {
  return killing(runtime, call, n, [], ["-b", "execve"]);
}

function killing(runtime: Runtime, call: string, n: number, files: readonly string[], more: string[]): RunOptions {
  const inject = ["-e", `inject=${call}:signal=SIGKILL:when=${n}`];
  const under = ["strace", "-f", ...more, "-o", "/dev/null", ...traced(call, files), ...inject];
  return { runtime, env: ONE_THREAD, under };
}
