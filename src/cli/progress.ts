// The progress of long work: a bar on a terminal, a line now and then elsewhere, JSON lines with --json.
// Design: docs/cli.md. Must not: be needed for anything to work.
import { formatBytes, formatDuration, jsonLine, type Output } from "./output.ts";

/** Who gives the bytes, and how fast. */
export interface ProgressSource {
  readonly id: string;
  readonly bytesPerSecond: number;
}

export interface Progress {
  /** @param done bytes so far, of `total`; @param from who gives them: a name, or each source with its rate */
  update(done: number, from: string | readonly ProgressSource[]): void;
  /** Removes the bar. Safe to call twice. */
  end(): void;
}

const BAR_INTERVAL_MS = 100;
const LINE_INTERVAL_MS = 5000;
const BAR_WIDTH = 24;

/** @param what such as "downloading"; @param total bytes */
export function createProgress(out: Output, what: string, total: number, now: () => number = Date.now): Progress {
  const { stderr } = out;
  const onTerminal = stderr.isTTY && !out.json;
  const startMs = now();
  let firstDone: number | undefined;
  let lastMs = onTerminal ? 0 : startMs; // a short transfer without a terminal needs no line
  let drawn = false;

  const describe = (done: number, from: string | readonly ProgressSource[]): string => {
    const elapsedMs = Math.max(1, now() - startMs);
    const rate = (done - (firstDone ?? done)) * 1000 / elapsedMs; // what was resumed is no rate
    const left = rate > 0 ? formatDuration((total - done) * 1000 / rate) : "?";
    const percent = String(Math.floor(done * 100 / total)).padStart(3);
    return `${percent} % ${formatBytes(done)} of ${formatBytes(total)}  ${formatBytes(rate)}/s  ${left} left  ${
      named(from)
    }`;
  };
  const bar = (done: number): string => {
    const filled = Math.floor(done * BAR_WIDTH / total);
    const [full, empty] = out.plain ? ["#", "."] : ["█", "░"];
    return full.repeat(filled) + empty.repeat(BAR_WIDTH - filled);
  };

  return {
    update(done, from) {
      firstDone ??= done;
      const t = now();
      if (out.quiet || t - lastMs < (onTerminal ? BAR_INTERVAL_MS : LINE_INTERVAL_MS)) return;
      lastMs = t;
      if (out.json) {
        const whom = typeof from === "string" ? { source: from } : { source: from[0]?.id ?? "", sources: from };
        stderr.write(`${jsonLine({ event: "progress", what, bytesDone: done, bytesTotal: total, ...whom })}\n`);
      } else if (onTerminal) {
        const text = `${what} ${bar(done)} ${describe(done, from)}`;
        stderr.write(`\r\u001b[2K${text.slice(0, Math.max(20, stderr.columns - 1))}`);
        drawn = true;
      } else {
        stderr.write(`${what} ${describe(done, from)}\n`);
      }
    },
    end() {
      if (drawn) stderr.write("\r\u001b[2K");
      drawn = false;
    },
  };
}

/** "a.example/dchat 12.1 MB/s, b.example 3.0 MB/s"; a single source needs no rate of its own. */
function named(from: string | readonly ProgressSource[]): string {
  if (typeof from === "string") return from;
  const short = (id: string) => id.replace(/^https?:\/\//, "");
  if (from.length <= 1) return from.map(({ id }) => short(id)).join("");
  return from.map(({ id, bytesPerSecond }) => `${short(id)} ${formatBytes(bytesPerSecond)}/s`).join(", ");
}
