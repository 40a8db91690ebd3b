// A line of a long-running command's log: for people with its time, or as one JSON object, on stderr.
// Design: docs/cli.md, "JSON". Must not: decide what is worth a line.
import { jsonLine, type Output } from "./output.ts";

export interface LogLine {
  /** The name of the event in JSON. */
  readonly event: string;
  readonly text: string;
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly isWarning?: boolean;
  /** Only with --verbose: others decide how often it happens. */
  readonly isDetail?: boolean;
}

export function writeLogLine(out: Output, time: Date, line: LogLine): void {
  const { event, text, fields = {}, isWarning = false, isDetail = false } = line;
  if (isDetail ? !out.verbose : out.quiet && !isWarning) return;
  const at = time.toISOString();
  if (out.json) out.stderr.write(`${jsonLine({ time: at, event, message: text, ...fields })}\n`);
  else if (isWarning) out.warn(`${at} ${text}`);
  else out.note(`${at} ${text}`);
}
