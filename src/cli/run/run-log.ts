// What `run` says: a line for each thing that happens to the node, for people or as JSON, on stderr.
// Design: "Running the node" of docs/activation.md. Must not: say anything on standard output, which is the node's.
import type { SupervisorEvent } from "../../activate/supervise/supervision.ts";
import { createLogWriter } from "../log-line.ts";
import type { Output } from "../output.ts";

export interface RunLog {
  readonly event: (e: SupervisorEvent) => void;
  readonly note: (text: string) => void;
  readonly warn: (text: string) => void;
  /** The network half has ended by itself. @param retryMs when it is started again */
  readonly networkEnded: (why: string, retryMs: number) => void;
}

export function createRunLog(out: Output): RunLog {
  let lastWhy = "";
  const writeLine = createLogWriter(out, () => new Date());
  const write = (event: string, text: string, fields: Readonly<Record<string, unknown>>, isWarning: boolean) =>
    writeLine({ event, text, fields, isWarning });
  return {
    event(e) {
      const { type, ...fields } = e;
      write(type, wordsOf(out, e), fields, type === "rolled-back" || type === "problem");
    },
    note: (text) => write("note", text, {}, false),
    warn: (text) => write("warning", text, {}, true),
    networkEnded(why, retryMs) {
      if (why === lastWhy && !out.verbose) return; // once, not with every try
      lastWhy = why;
      write("network-ended", `${why}; it is started again and again`, { why, retryMs }, true);
    },
  };
}

function wordsOf(out: Output, e: SupervisorEvent): string {
  switch (e.type) {
    case "started":
      return `${e.version} started as process ${e.pid}`;
    case "adopted":
      return `${e.version} runs already as process ${e.pid}: it goes on`;
    case "healthy":
      return out.line("ok", `${e.version} is well (process ${e.pid})`);
    case "ended":
      return `${e.version} ended (${e.signal ?? e.code ?? "nobody knows how"})`;
    case "switching":
      return out.line("package", `switching from ${e.fromVersion ?? "nothing"} to ${e.toVersion}`);
    case "switched":
      return out.line("ok", `switched to ${e.toVersion}`);
    case "rolled-back":
      return `${e.fromVersion} failed (${e.why}): ${e.toVersion ?? "nothing"} runs again`;
    case "waiting":
    case "problem":
      return e.why;
  }
}
