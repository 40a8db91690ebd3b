// Runs the bundled file as an operator does: a process of its own, with a clean environment, on any runtime.
// Must not: judge how it ended.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { denoProgram, type Runtime } from "../runtimes/runtimes.ts";

/** What `deno task build` makes; every task that runs tests builds it first. */
export const BUNDLE = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "dist", "dchat-update.mjs");

export interface Outcome {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly elapsedMs: number;
  /** Most memory it held at any time; 0 unless it was asked for, or where the system does not say. */
  readonly peakBytes: number;
}

export interface RunOptions {
  /** Default: Deno. */
  readonly runtime?: Runtime;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Program and arguments to put before the command, such as a tracer. */
  readonly under?: readonly string[];
  readonly measureMemory?: boolean;
  /** Killed after this long, so that a test of hanging ends. */
  readonly deadlineMs?: number;
}

export interface Running {
  readonly child: ChildProcess;
  /** What it has written to standard error so far. */
  readonly said: () => string;
  readonly outcome: Promise<Outcome>;
}

// Nothing here takes a tenth of this; what does is hanging.
const DEADLINE_MS = 90_000;
/** What is there until it is told to end lives as long as its test, and that can be long on a machine that others use. */
const LASTING: ReadonlySet<string | undefined> = new Set(["daemon", "run", "devnet-chain", "devnet-mirror"]);
const LASTING_DEADLINE_MS = 600_000;
const MEMORY_POLL_MS = 10;

const deno: Runtime["fileCommand"] = (file, args) => [denoProgram(), "run", "-A", file, ...args];

export function startDchat(args: readonly string[], o: RunOptions = {}): Running {
  const command = (o.runtime?.fileCommand ?? deno)(BUNDLE, args);
  const [program = "", ...rest] = [...o.under ?? [], ...command];
  const startMs = performance.now();
  const child = spawn(program, rest, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...cleanEnvironment(), ...o.env },
    ...(o.cwd === undefined ? {} : { cwd: o.cwd }),
  });
  const usualMs = LASTING.has(args[0]) ? LASTING_DEADLINE_MS : DEADLINE_MS;
  const deadline = setTimeout(() => child.kill("SIGKILL"), o.deadlineMs ?? usualMs);
  let peakBytes = 0;
  const poll = o.measureMemory === true
    ? setInterval(() => peakBytes = Math.max(peakBytes, peakMemoryOf(child.pid)), MEMORY_POLL_MS)
    : undefined;
  let stdout = "", stderr = "";
  child.stdout.setEncoding("utf8").on("data", (part) => stdout += part);
  child.stderr.setEncoding("utf8").on("data", (part) => stderr += part);
  const end = async (): Promise<Outcome> => {
    try {
      const [code] = await once(child, "close") as [number | null]; // as Node documents the event
      return { code, stdout, stderr, elapsedMs: performance.now() - startMs, peakBytes };
    } finally {
      clearTimeout(deadline);
      clearInterval(poll);
    }
  };
  return { child, said: () => stderr, outcome: end() };
}

export async function runDchat(args: readonly string[], o: RunOptions = {}): Promise<Outcome> {
  return await startDchat(args, o).outcome;
}

/** The environment of the tests without what would change the product's answers. */
function cleanEnvironment(): Record<string, string> {
  const dropped = /^(dchat_|no_color$|term$|lc_|lang$|(https?|no|all)_proxy$)/i;
  const kept = Object.entries(process.env).filter(([name, value]) => value !== undefined && !dropped.test(name));
  return { ...Object.fromEntries(kept) as Record<string, string>, LANG: "C.UTF-8" }; // undefined was filtered out
}

/** The kernel remembers the peak, so that a late look is enough. */
function peakMemoryOf(pid: number | undefined): number {
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  } catch {
    return 0; // it has ended, or this is not Linux
  }
}
