// Where a devnet shows itself: on a terminal lines that stay and, below them, a table that is drawn anew; elsewhere lines.
// Design: docs/devnet.md. Must not: know what it shows.

/** As much of a stream as is needed. */
export interface Stream {
  write(text: string): void;
  readonly isTTY: boolean;
  readonly columns: number;
}

export interface Screen {
  /** Lines that stay. */
  say(...lines: readonly string[]): void;
  /** The table as it is now; on a terminal alone. */
  draw(lines: readonly string[]): void;
  /** What was drawn last stays where it is. */
  keep(): void;
}

/** @param printable makes one line of what comes from outside */
export function createScreen(stream: Stream, printable: (line: string) => string): Screen {
  let drawn: readonly string[] = [];
  // Up to where the table begins, and everything below it goes.
  const erase = () => drawn.length === 0 ? "" : `\u001b[${drawn.length}A\r\u001b[J`;
  const text = (lines: readonly string[]) => lines.map((line) => `${printable(line)}\n`).join("");
  return {
    say: (...lines) => stream.write(erase() + text(lines) + text(drawn)),
    draw(lines) {
      if (!stream.isTTY || (lines.length === drawn.length && lines.every((line, i) => line === drawn[i]))) return;
      stream.write(erase() + text(lines));
      drawn = lines;
    },
    keep() {
      drawn = [];
    },
  };
}
