// What a daemon has logged with --json. Must not: judge.

/** A line of a daemon's log. docs/schemas/daemon-line.schema.json */
export interface LogLine {
  readonly time: string;
  readonly event: string;
  readonly message: string;
  readonly peer?: string;
  readonly addresses?: readonly string[];
  readonly timestampVersion?: number | null;
}

/** Half a line, the last one of a process that was killed, is none. */
export function logLines(text: string): LogLine[] {
  return text.split("\n").flatMap((line) => {
    try {
      return [JSON.parse(line)];
    } catch {
      return [];
    }
  });
}
