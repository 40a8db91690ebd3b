// The processes of a devnet: the product's own commands, short ones and long ones, and the end of all of them.
// Design: docs/devnet.md. Each has a process group of its own, so that a key on the terminal reaches the devnet alone.
// Must not: know what the commands do.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { startPatience } from "./patience.ts";

/** How a short command ended. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that stays. */
export interface LongChild {
  readonly name: string;
  /** Asks it to end, and makes it. */
  stop(): Promise<void>;
}

export interface Children {
  /** Runs a command to its end. @throws Error when it does not end in time */
  run(args: readonly string[], o?: RunOptions): Promise<Outcome>;
  /**
   * Starts a command that stays until it is stopped.
   * @param home where `run` notes its node; whatever is left of it is ended too
   * @param onLine gets each line of its standard error
   */
  start(name: string, args: readonly string[], onLine: (line: string) => void, home?: string): LongChild;
  /** Ends everything, and comes back when all of it is gone. @param atOnce without asking first */
  stopAll(atOnce?: boolean): Promise<void>;
}

export interface RunOptions {
  /** Comes through standard input instead of from its file. */
  readonly program?: Uint8Array;
  /** Program and arguments that take the place of the product's own. */
  readonly command?: readonly string[];
}

export interface ChildrenOptions {
  /** How the product is started: runtime, its arguments, file. */
  readonly command: readonly string[];
  /** Ends short commands. */
  readonly signal: AbortSignal;
  /** Told of each command that stays. */
  readonly onStart: (pid: number) => void;
  /** A command that stays has ended without being told to. */
  readonly onDeath: (what: string) => void;
}

/** Nothing that a devnet runs takes a tenth of this. */
const SHORT_MS = 30_000;
/** From the polite end to the other one. A node has this long, and `run` a little more. */
const STOP_MS = 6_000;
/** More side by side only take the processor from each other. */
const SHORT_AT_ONCE = 3;
/** As many lines of a dead child as explain its death. */
const LAST_LINES = 5;

export function createChildren(o: ChildrenOptions): Children {
  const long = new Set<LongChild & { kill(): void }>();
  const short = new Set<ChildProcess>();
  const turn = createTurns(SHORT_AT_ONCE);
  const env = { ...process.env, NO_COLOR: "1" };

  async function run(args: readonly string[], { program, command = o.command }: RunOptions = {}): Promise<Outcome> {
    return await turn(async () => {
      o.signal.throwIfAborted();
      const [file = "", ...rest] = command;
      const child = spawn(file, [...rest, ...args], { stdio: ["pipe", "pipe", "pipe"], env, detached: true });
      short.add(child);
      const endWait = startPatience(SHORT_MS, () => killGroup(child));
      const stop = () => killGroup(child);
      o.signal.addEventListener("abort", stop);
      try {
        child.stdin.on("error", () => {}); // it has read enough
        child.stdin.end(program);
        let stdout = "", stderr = "";
        child.stdout.setEncoding("utf8").on("data", (part: string) => stdout += part);
        child.stderr.setEncoding("utf8").on("data", (part: string) => stderr += part);
        const code = await new Promise<number | null>((resolve, reject) => {
          child.once("error", reject);
          child.once("close", resolve);
        });
        o.signal.throwIfAborted();
        return { code, stdout, stderr };
      } finally {
        endWait();
        o.signal.removeEventListener("abort", stop);
        short.delete(child);
      }
    });
  }

  function start(name: string, args: readonly string[], onLine: (line: string) => void, home?: string): LongChild {
    const [file = "", ...rest] = o.command;
    const child = spawn(file, [...rest, ...args], { stdio: ["ignore", "ignore", "pipe"], env, detached: true });
    const last: string[] = [];
    createInterface({ input: child.stderr }).on("line", (line) => {
      last.push(line);
      if (last.length > LAST_LINES) last.shift();
      onLine(line);
    });
    let isStopping = false;
    const ended = new Promise<void>((resolve) => {
      const end = (how: string) => {
        long.delete(entry);
        if (home !== undefined) killRecordedNode(home);
        if (!isStopping) o.onDeath(`${name} has ended (${how}): ${last.join(" | ")}`);
        resolve();
      };
      child.once("error", (e) => end(e.message));
      // With its pipes: its last words explain its end. What it has left behind may hold them open: not for ever.
      child.once("exit", (code, signal) => {
        const how = String(signal ?? code);
        child.once("close", () => end(how));
        setTimeout(() => end(how), 500).unref();
      });
    });
    const entry = {
      name,
      kill() {
        isStopping = true;
        killGroup(child);
      },
      async stop() {
        if (isStopping) return await ended;
        isStopping = true;
        signalTo(child.pid, "SIGTERM");
        const inTime = new AbortController();
        const late = delay(STOP_MS, undefined, { signal: inTime.signal }).then(() => entry.kill(), () => {});
        await ended;
        inTime.abort();
        await late;
      },
    };
    long.add(entry);
    if (child.pid !== undefined) o.onStart(child.pid);
    return entry;
  }

  return {
    run,
    start,
    async stopAll(atOnce = false) {
      for (const child of short) killGroup(child);
      if (atOnce) { for (const child of long) child.kill(); }
      await Promise.all([...long].map((child) => child.stop()));
    },
  };
}

/** At most so many at a time; the others wait for their turn. */
function createTurns(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = most;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else free--;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
}

function killGroup(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  signalTo(-child.pid, "SIGKILL");
}

/** A supervisor that is killed leaves its node to the next one; here none comes. */
function killRecordedNode(home: string): void {
  try {
    const { pid } = JSON.parse(readFileSync(join(home, "child.json"), "utf8")) as { readonly pid?: unknown };
    if (typeof pid === "number" && pid > 1) signalTo(-pid, "SIGKILL");
  } catch {
    // There is none.
  }
}

function signalTo(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, name);
  } catch {
    // It is gone.
  }
}
