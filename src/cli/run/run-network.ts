// The network half of `run`: the daemon, as a process of its own beside the node, so that nothing that goes wrong with
// peers, mirrors, memory or a library ends or delays the node or its switch; what the two know of each other lies on the
// disk. Design: "The network half" of docs/activation.md. Must not: know what it does.
import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { ERROR_CODES } from "../../errors.ts";

export interface NetworkHalf {
  /** Starts it, once: when the node has been seen to. */
  begin(): void;
  /** Resolves when it is gone. */
  stop(): Promise<void>;
}

export interface NetworkHalfOptions {
  /** Program and arguments. It ends with its standard input. */
  readonly command: readonly string[];
  readonly signal: AbortSignal;
  /** It has ended, and is started again. @param retryMs after so long */
  readonly onEnd: (why: string, retryMs: number) => void;
}

const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 60_000;
/** One that ran for so long has not failed at its start. */
const STEADY_MS = 60_000;
/** It says good-bye to its peers; more than this is hanging. */
const STOP_MS = 10_000;

export function createNetworkHalf({ command, signal, onEnd }: NetworkHalfOptions): NetworkHalf {
  const stopping = new AbortController();
  const ending = AbortSignal.any([signal, stopping.signal]);
  let running: Promise<void> | undefined;

  async function keep(): Promise<void> {
    let backoffMs = FIRST_BACKOFF_MS;
    while (!ending.aborted) {
      const startedAtMs = performance.now();
      const why = await runOnce(command, ending);
      if (ending.aborted) return;
      if (performance.now() - startedAtMs > STEADY_MS) backoffMs = FIRST_BACKOFF_MS;
      onEnd(why, backoffMs);
      await delay(backoffMs, undefined, { signal: ending }).catch(() => {}); // the loop looks at the signal
      backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
    }
  }

  return {
    begin: () => void (running ??= keep()),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** @returns why it ended */
function runOnce([program = "", ...args]: readonly string[], signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    // A group of its own: what a terminal tells `run` is for `run` to act on.
    const child = spawn(program, args, { detached: true, stdio: ["pipe", "ignore", "inherit"] });
    let deadline: ReturnType<typeof setTimeout> | undefined;
    const stop = () => {
      child.stdin.end();
      deadline = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    };
    const done = (why: string) => {
      clearTimeout(deadline);
      signal.removeEventListener("abort", stop);
      resolve(why);
    };
    child.stdin.on("error", () => {}); // it has ended: its exit says so
    child.once("error", (e) => done(`the network half cannot be started: ${e.message}`));
    child.once("exit", (code, name) =>
      done(
        code === ERROR_CODES.E_LOCKED.exit
          ? "a daemon of its own works on this home: the network is left to it"
          : `the network half has ended (${name ?? code ?? "nobody knows how"})`,
      ));
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
  });
}
