// What the loops of a daemon are given, in this process: a home, its context, and a log whose lines can be read.
// Must not: judge, or leave a loop running; whoever starts one aborts the signal.
import { Arguments } from "../../src/cli/command.ts";
import { type Context, createContext } from "../../src/cli/context.ts";
import { daemonCommand } from "../../src/cli/daemon/daemon.ts";
import { createDaemonLog, type DaemonLog } from "../../src/cli/daemon/daemon-log.ts";
import { createMetrics } from "../../src/service/metrics.ts";

export interface DaemonParts {
  readonly context: Context;
  readonly args: Arguments;
  readonly log: DaemonLog;
  /** What was written to standard error so far, a line each. */
  readonly lines: () => string[];
  /** As /metrics has it. */
  readonly metric: (name: string) => number;
}

export interface DaemonPartsOptions {
  readonly home: string;
  readonly signal?: AbortSignal;
  readonly now?: () => Date;
}

export function daemonParts({ home, signal = new AbortController().signal, now }: DaemonPartsOptions): DaemonParts {
  let said = "";
  const args = new Arguments(daemonCommand, ["--home", home]);
  const context = createContext({
    argv: [],
    env: { LANG: "C.UTF-8" },
    stdout: { write() {}, isTTY: false, columns: 80, waitingLength: 0, flush: () => Promise.resolve() },
    stderr: { write: (text) => void (said += text), isTTY: false, columns: 80 },
    signal,
    takeSignals: () => () => {},
  }, args);
  const metrics = createMetrics();
  return {
    context,
    args,
    log: createDaemonLog(context.out, metrics, now),
    lines: () => said.split("\n").filter((line) => line !== ""),
    metric(name) {
      const line = metrics.text().split("\n").find((l) => l.startsWith(`dchat_update_${name} `));
      return Number(line?.split(" ")[1]);
    },
  };
}
