// A command of the operator's, run through the shell: with an end to its time and to its output, and for those that need
// no terminal with an end to everything the shell has started. Design: "Health" of docs/activation.md, "Chains" of
// docs/chain.md, "Keys that never leave" of docs/publishing.md. Must not: judge how it ended.
import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import type { Opts } from "./api.ts";
import { asUpdateError, systemCode } from "./errors.ts";

export interface ShellCommand extends Opts {
  readonly command: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeLimitMs: number;
  /** So much of its standard output is read; null: it goes to our standard error. */
  readonly maxOutputBytes: number | null;
  /** A file descriptor. Default: nothing to read. */
  readonly input?: number;
  /** It may ask a person for a PIN, so it stays in our group, where the terminal is; the other's errors may be silent. */
  readonly terminal: "needed" | "errors" | "silent";
  /** It must not outlive us, whatever ends us: it works on what somebody else will touch then. For a group of its own. */
  readonly endsWithUs?: true;
}

/** Our end closes the pipe, and what waits at the other one ends the group. */
const LIFELINE = `exec 3<&0 </dev/null; { read -r line <&3; kill -9 -$$; } & watch=$!
(eval "$1") 3<&-; code=$?; kill "$watch"; exit "$code"`;

export type CommandEnd =
  /** Null when a signal ended it. */
  | { readonly how: "ended"; readonly code: number | null; readonly output: Uint8Array }
  | { readonly how: "late" | "too-much" }
  | { readonly how: "not-started"; readonly cause: unknown };

/** @throws UpdateError E_INTERRUPTED when the signal is aborted; it is killed then, as when it is late or says too much */
export async function runShellCommand(o: ShellCommand): Promise<CommandEnd> {
  if (o.signal.aborted) throw asUpdateError(o.signal.reason, "E_INTERRUPTED");
  const { maxOutputBytes } = o, hasOwnGroup = o.terminal !== "needed" && process.platform !== "win32";
  const isTied = hasOwnGroup && o.endsWithUs === true;
  const output = maxOutputBytes === null ? 2 : "pipe", errors = o.terminal === "silent" ? "ignore" : 2;
  const options: SpawnOptions = {
    stdio: [isTied ? "pipe" : o.input ?? "ignore", output, errors],
    env: o.env,
    detached: hasOwnGroup,
  };
  const child: ChildProcess = isTied
    ? spawn("/bin/sh", ["-c", LIFELINE, "dchat-command", o.command], options)
    : spawn(o.command, { ...options, shell: true });
  child.stdin?.on("error", () => {}); // it has ended: its exit says so
  const late = AbortSignal.timeout(o.timeLimitMs), tooMuch = new AbortController();
  const chunks: Uint8Array[] = [];
  let length = 0;
  child.stdout?.on("data", (chunk: Uint8Array) => {
    length += chunk.length;
    if (length > (maxOutputBytes ?? 0)) tooMuch.abort();
    else chunks.push(chunk);
  });
  try {
    const [code] = await once(child, "close", { signal: AbortSignal.any([o.signal, late, tooMuch.signal]) });
    return tooMuch.signal.aborted ? { how: "too-much" } : { how: "ended", code, output: Buffer.concat(chunks) };
  } catch (cause) {
    kill(child, hasOwnGroup);
    if (o.signal.aborted) throw asUpdateError(o.signal.reason, "E_INTERRUPTED");
    if (tooMuch.signal.aborted) return { how: "too-much" };
    return late.aborted ? { how: "late" } : { how: "not-started", cause };
  }
}

function kill(child: ChildProcess, hasOwnGroup: boolean): void {
  child.stdin?.destroy();
  child.stdout?.destroy(); // whoever holds the other end must not hold us
  try {
    if (hasOwnGroup && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  } catch (e) {
    if (systemCode(e) !== "ESRCH") throw e; // it has ended meanwhile
  }
  child.kill("SIGKILL");
}
