// The node's process: started through a gate, recorded before it begins, found again after a crash of its supervisor.
// Design: "Never two" of docs/activation.md. A process that nobody has recorded never becomes the node.
// Must not: decide what to start, or signal a process that is not known to be the node's.
import { type ChildProcess, spawn } from "node:child_process";
import { rm } from "node:fs/promises";
import { constants } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { corruptIfMalformed, jsonBytes, readFileIfThere } from "../../config/home-file.ts";
import type { Home } from "../../config/home.ts";
import { writeFileAtomic } from "../../disk/atomic-file.ts";
import { identityOf, isAlive, isGroupAlive, ownIdentity, type ProcessIdentity } from "../../disk/process-identity.ts";
import { asUpdateError, UpdateError } from "../../errors.ts";
import { Field } from "../../trust/fields.ts";
import { type Json, parseJsonObject } from "../../trust/json.ts";

/** How a process ended. Both are undefined for one that was adopted: only its parent is told. */
export interface Exit {
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

/** What was started. */
export interface NodeStart {
  readonly version: string;
  readonly sha256: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  /** What is added to the supervisor's own environment. */
  readonly env: Readonly<Record<string, string>>;
}

export interface NodeProcess extends NodeStart {
  readonly pid: number;
  /** True when another supervisor started it. */
  readonly isAdopted: boolean;
  readonly startedAtMs: number;
  /** Undefined while it runs. */
  exit(): Exit | undefined;
  /** Resolves when it has ended. */
  readonly ended: Promise<Exit>;
  signal(name: NodeJS.Signals): void;
  /**
   * Asks it to end, and makes it when it does not within the time. Resolves when it and all it has started are gone.
   * @param first the signal that asks; undefined when it was asked already
   */
  stop(timeoutMs: number, first: NodeJS.Signals | undefined): Promise<Exit>;
}

const RECORD_FORMAT = "dchat-child-1";
const MAX_RECORD_BYTES = 256 * 1024;
/** Adopted processes are looked at this often: nobody tells of their end. */
const LOOK_MS = 100;
/** What was killed is gone within this time, unless the machine is in trouble. */
const KILL_WAIT_MS = 10_000;
/** Waits for a word before it becomes the program: without one, when its supervisor is killed, it ends. */
const GATE = 'read -r go && exec "$@" </dev/null';

/**
 * Starts the node in a process group of its own. The record is on the disk before the program begins.
 * @param stdout a file descriptor to write to, or "inherit"
 * @throws UpdateError E_IO, E_DISK_FULL; nothing runs then
 */
export async function startNode(home: Home, start: NodeStart, stdout: number | "inherit"): Promise<NodeProcess> {
  const child = spawn("/bin/sh", ["-c", GATE, "dchat-node", ...start.command], {
    detached: true,
    stdio: ["pipe", stdout, "inherit"],
    env: { ...process.env, ...start.env },
  });
  child.stdin?.on("error", () => {}); // it ended before it was let go: its exit says so
  const ended = exitOf(child);
  const { pid } = child;
  if (pid === undefined) throw new UpdateError("E_IO", `the node cannot be started: ${(await ended).code}`);
  const startedAtMs = Date.now();
  try {
    await writeRecord(home, { ...start, ...identityOf(pid), startedAtMs });
  } catch (e) {
    child.stdin?.destroy();
    sendSignal(-pid, "SIGKILL");
    throw e;
  }
  child.stdin?.end("go\n");
  // Not child.kill: some runtimes then report the signal that was sent as the one that ended it.
  const signal = (name: NodeJS.Signals) =>
    child.exitCode === null && child.signalCode === null && sendSignal(pid, name);
  return nodeProcess(start, { pid, isAdopted: false, startedAtMs }, ended, signal);
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve({ code: code ?? undefined, signal: signal ?? undefined }));
    child.once("error", () => resolve({ code: 127, signal: undefined }));
  });
}

/**
 * The node that a killed supervisor left running; undefined when there is none.
 * @throws UpdateError E_LOCKED when nobody can say whether it still runs; E_STATE_CORRUPT
 */
export async function findNode(home: Home): Promise<NodeProcess | undefined> {
  const record = await readRecord(home);
  if (record === undefined) return undefined;
  const own = ownIdentity();
  const alive = isAlive(record, own);
  // The lock of a supervisor in another container is only ours because its owner was silent for a minute; what is left
  // of it cannot be seen or signalled from here.
  if (alive === false || (alive === "unknown" && record.pidNamespace !== own.pidNamespace)) return undefined;
  if (alive === "unknown") {
    throw new UpdateError("E_LOCKED", `process ${record.pid} may still be the node`, {
      hint: `stop it if it is; then remove ${JSON.stringify(home.childFile)}`,
    });
  }
  const ended = (async () => {
    while (isAlive(record, own) === true) await delay(LOOK_MS);
    return { code: undefined, signal: undefined };
  })();
  const { pid, startedAtMs, version, sha256, command, env } = record;
  // Signals go to exactly the process that was recorded: a number that was given out again since is not it.
  const signal = (name: NodeJS.Signals) => isAlive(record, own) === true && sendSignal(pid, name);
  return nodeProcess({ version, sha256, command, env }, { pid, isAdopted: true, startedAtMs }, ended, signal);
}

/** After the end of the node. */
export async function forgetNode(home: Home): Promise<void> {
  await rm(home.childFile, { force: true }).catch((e) => {
    throw asUpdateError(e, "E_IO");
  });
}

function nodeProcess(
  start: NodeStart,
  facts: Pick<NodeProcess, "pid" | "isAdopted" | "startedAtMs">,
  leaderEnded: Promise<Exit>,
  signal: (name: NodeJS.Signals) => unknown,
): NodeProcess {
  const { pid } = facts;
  let exit: Exit | undefined;
  // What it has started ends with it: a wrapper that dies must not leave a node behind.
  const ended = leaderEnded.then(async (e) => {
    await endGroup(pid);
    return exit = e;
  });
  return {
    ...start,
    ...facts,
    exit: () => exit,
    ended,
    signal: (name) => void signal(name),
    async stop(timeoutMs, first) {
      if (first !== undefined) signal(first);
      const late = new AbortController();
      const inTime = await Promise.race([
        ended.then(() => true),
        delay(timeoutMs, false, { signal: late.signal }).catch(() => true),
      ]);
      late.abort();
      if (!inTime) {
        signal("SIGKILL");
        sendSignal(-pid, "SIGKILL");
      }
      return await ended;
    },
  };
}

/** Kills what is left of a process group and waits until nothing is. */
async function endGroup(group: number): Promise<void> {
  const deadlineMs = performance.now() + KILL_WAIT_MS;
  while (isGroupAlive(group) && performance.now() < deadlineMs) {
    sendSignal(-group, "SIGKILL");
    await delay(5);
  }
}

function sendSignal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false; // it is gone
  }
}

/** The exit code of a shell for the end of a program. */
export function exitCodeOf({ code, signal }: Exit): number {
  if (signal !== undefined) return 128 + (constants.signals[signal] ?? 0);
  return code ?? 0;
}

interface NodeRecord extends NodeStart, ProcessIdentity {
  readonly startedAtMs: number;
}

async function writeRecord(home: Home, record: NodeRecord): Promise<void> {
  const { command, env, ...rest } = record;
  await writeFileAtomic(home.childFile, jsonBytes({ format: RECORD_FORMAT, ...rest, command: [...command], env }), {
    mode: 0o600,
  });
}

async function readRecord(home: Home): Promise<NodeRecord | undefined> {
  const bytes = await readFileIfThere(home.childFile, MAX_RECORD_BYTES);
  if (bytes === undefined) return undefined;
  return corruptIfMalformed(() => {
    const f = new Field(parseJsonObject(bytes, "child.json"), "child.json");
    f.get("format").oneOf([RECORD_FORMAT]);
    return {
      version: f.get("version").line(64),
      sha256: f.get("sha256").hex(32),
      command: f.get("command").array().map((x) => x.string()),
      env: Object.fromEntries(f.get("env").entries().map(([name, x]) => [name, x.string()])),
      pid: f.get("pid").integer(1),
      startTime: textOrNull(f.get("startTime")),
      bootId: textOrNull(f.get("bootId")),
      pidNamespace: textOrNull(f.get("pidNamespace")),
      startedAtMs: f.get("startedAtMs").integer(0),
    };
  });
}

const textOrNull = (f: Field): string | null => {
  const value: Json | undefined = f.value;
  return value === null ? null : f.line();
};
