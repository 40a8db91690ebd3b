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

/** As often as an eye follows; lines of a log are kept. */
const BAR_INTERVAL_MS = 100, LINE_INTERVAL_MS = 5_000;
const BAR_WIDTH = 24;
/** A shorter one says less than the percentage beside it. */
const MIN_BAR_WIDTH = 6;
/** Of a terminal that says it is narrower, nothing could be read. */
const MIN_COLUMNS = 20;
const CLEAR_LINE = "\r\u001b[2K";
const LINE_UP = "\u001b[1A";

/** @param what such as "downloading"; @param total bytes */
export function createProgress(out: Output, what: string, total: number, now: () => number = Date.now): Progress {
  const { stderr } = out;
  const onTerminal = stderr.isTTY && !out.json;
  const startMs = now();
  let firstDone: number | undefined;
  let lastMs = onTerminal ? 0 : startMs; // a short transfer without a terminal needs no line
  let drawnLines = 0;

  const figures = (done: number): string => {
    const elapsedMs = Math.max(1, now() - startMs);
    const rate = (done - (firstDone ?? done)) * 1000 / elapsedMs; // what was resumed is no rate
    const left = rate > 0 ? formatDuration((total - done) * 1000 / rate) : "?";
    const percent = String(Math.floor(done * 100 / total)).padStart(3);
    return `${percent} % ${formatBytes(done)} of ${formatBytes(total)}  ${formatBytes(rate)}/s  ${left} left`;
  };
  const bar = (done: number, width: number): string => {
    const filled = Math.floor(done * width / total);
    const [full, empty] = out.plain ? ["#", "."] : ["█", "░"];
    return full.repeat(filled) + empty.repeat(width - filled);
  };
  /** What a terminal shows: figures whole, a bar in the room they leave, and who gives, if need be on a second line. */
  const drawing = (done: number, from: string | readonly ProgressSource[]): string[] => {
    const columns = Math.max(MIN_COLUMNS, stderr.columns) - 1;
    const sources = named(from);
    const beside = (text: string) => columns - `${what}  ${text}`.length;
    const alone = figures(done), withSource = `${alone}  ${sources[0] ?? ""}`;
    const fits = sources.length === 1 && beside(withSource) >= MIN_BAR_WIDTH;
    const words = fits ? withSource : alone;
    const width = Math.min(BAR_WIDTH, beside(words));
    const first = width < MIN_BAR_WIDTH ? `${what} ${words}` : `${what} ${bar(done, width)} ${words}`;
    return [first.slice(0, columns), ...fits || sources.length === 0 ? [] : [`  ${fitting(sources, columns - 2)}`]];
  };
  const clear = (): string => {
    const lines = drawnLines;
    drawnLines = 0;
    return lines === 0 ? CLEAR_LINE : CLEAR_LINE + `${LINE_UP}${CLEAR_LINE}`.repeat(lines - 1);
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
        const lines = drawing(done, from);
        stderr.write(clear() + lines.join("\n"));
        drawnLines = lines.length;
      } else {
        stderr.write(`${what} ${figures(done)}  ${named(from).join(", ")}\n`);
      }
    },
    end() {
      if (drawnLines > 0) stderr.write(clear());
    },
  };
}

/** "a.example/dchat 12.1 MB/s" each; a single source needs no rate of its own. */
function named(from: string | readonly ProgressSource[]): string[] {
  if (typeof from === "string") return [from];
  const short = (id: string) => id.replace(/^https?:\/\//, "");
  if (from.length <= 1) return from.map(({ id }) => short(id));
  return from.map(({ id, bytesPerSecond }) => `${short(id)} ${formatBytes(bytesPerSecond)}/s`);
}

/** As many as there is room for, and how many more there are: "a.example 12.1 MB/s, +2". */
function fitting(sources: readonly string[], room: number): string {
  for (let shown = sources.length; shown > 0; shown--) {
    const others = sources.length - shown;
    const text = [...sources.slice(0, shown), ...others === 0 ? [] : [`+${others}`]].join(", ");
    if (text.length <= room) return text;
  }
  return `${sources.length} sources`.slice(0, room);
}
