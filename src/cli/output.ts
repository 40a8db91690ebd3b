// How the product speaks: results to stdout, progress and notes to stderr, one style for people, one for programs.
// Design: docs/cli.md, "Words people see". Must not: decide anything; a command hands over finished words.

/** As much of a stream as is needed. */
export interface Terminal {
  write(text: string): void;
  readonly isTTY: boolean;
  readonly columns: number;
  /** Characters that nobody has read yet; none when absent. */
  readonly waitingLength?: number;
}

export interface OutputOptions {
  readonly stdout: Terminal;
  readonly stderr: Terminal;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** No symbols, no colour. */
  readonly plain: boolean;
}

export interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly plain: boolean;
  readonly stderr: Terminal;
  /** The result: the lines for people, or the one JSON document. */
  result(lines: readonly string[], json: unknown): void;
  /** Something worth knowing that is not the result. */
  note(text: string): void;
  /** Something that needs attention; shown even when quiet. */
  warn(text: string): void;
  /** A line that starts with one of the product's symbols, or its plain word. */
  line(symbol: keyof typeof SYMBOLS, text: string): string;
}

/** The symbols of the product and the words that stand for them in plain output. */
const SYMBOLS = {
  search: ["🔍", ""],
  package: ["📦", ""],
  ok: ["✅", "OK:"],
  failed: ["❌", "FAILED:"],
  warning: ["⚠️ ", "warning:"],
  alert: ["🚨", "ALERT:"],
  download: ["⬇️ ", ""],
  newer: ["←", "<-"],
  key: ["🔑", ""],
} as const;

export function createOutput(o: OutputOptions): Output {
  const line = (symbol: keyof typeof SYMBOLS, text: string): string => {
    const shown = SYMBOLS[symbol][o.plain ? 1 : 0];
    return shown === "" ? text : `${shown} ${text}`;
  };
  return {
    json: o.json,
    quiet: o.quiet,
    verbose: o.verbose,
    plain: o.plain,
    stderr: o.stderr,
    line,
    result(lines, json) {
      if (o.json) o.stdout.write(`${jsonLine(json)}\n`);
      else if (lines.length > 0) o.stdout.write(`${lines.map(printable).join("\n")}\n`);
    },
    note(text) {
      if (!o.quiet) o.stderr.write(`${printable(text)}\n`);
    },
    warn(text) {
      o.stderr.write(`${printable(line("warning", text))}\n`);
    },
  };
}

/**
 * What text from outside must not bring to a terminal: whatever moves the cursor, recolours, turns the writing direction
 * or begins another line.
 */
// deno-lint-ignore no-control-regex -- control characters are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** One line that stays one, whatever is in it. */
export function printable(line: string): string {
  return line.replace(UNPRINTABLE, "�");
}

/** A JSON document in one line; terminals show those too. */
export function jsonLine(value: unknown): string {
  const escape = (c: string) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value).replace(UNPRINTABLE, escape);
}

const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** A number of things in words: "no mirrors", "1 peer". @param what of one */
export const counted = (n: number, what: string): string => `${n === 0 ? "no" : n} ${what}${n === 1 ? "" : "s"}`;

/** Bytes for people, decimal units: "104.9 MB". */
export function formatBytes(bytes: number): string {
  let n = bytes, unit = 0;
  while (n >= 1000 && unit < UNITS.length - 1) {
    n /= 1000;
    unit++;
  }
  return `${unit === 0 ? n : n.toFixed(1)} ${UNITS[unit]}`;
}

/** A duration for people: "3 s", "2 min 5 s", "1 h 10 min". */
export function formatDuration(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** Rows of cells as aligned lines. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((r) => r[i]?.length ?? 0)));
  return rows.map((r) => `  ${r.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ")}`.trimEnd());
}
