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

/** What a busy day says. More waits only where nobody reads: a log collector that hangs must not cost memory without end. */
export const MAX_WAITING_LENGTH = 1024 * 1024;

/** @returns writes a line; leaves lines out while too much waits to be read, and then says how many */
export function createLogWriter(out: Output, now: () => Date): (line: LogLine) => void {
  let dropped = 0;
  return (line) => {
    if (!isWanted(out, line)) return;
    const waiting = out.stderr.waitingLength ?? 0;
    // Once lines are left out, until all is read: not one now and then.
    if (waiting > (dropped > 0 ? 0 : MAX_WAITING_LENGTH)) {
      dropped++;
      return;
    }
    if (dropped > 0) {
      const text = `${dropped} lines are left out here: nobody read them`;
      write(out, now(), { event: "dropped", text, fields: { lines: dropped }, isWarning: true });
      dropped = 0;
    }
    write(out, now(), line);
  };
}

function isWanted(out: Output, { isWarning = false, isDetail = false }: LogLine): boolean {
  return isDetail ? out.verbose : !out.quiet || isWarning;
}

function write(out: Output, time: Date, { event, text, fields = {}, isWarning = false }: LogLine): void {
  const at = time.toISOString();
  if (out.json) out.stderr.write(`${jsonLine({ time: at, event, message: text, ...fields })}\n`);
  else if (isWarning) out.warn(`${at} ${text}`);
  else out.note(`${at} ${text}`);
}
