// A Node whose clock is moved while it runs, by what stands in a file. Must not: move what measures durations.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Runtime } from "../runtimes/runtimes.ts";

export interface MovedClock {
  /** For programs that shall have this clock. */
  readonly runtime: Runtime;
  /** From now on it is so many milliseconds ahead; negative for behind. */
  move(ms: number): void;
}

/** @param node a version that knows `--import` */
export function createMovedClock(node: Runtime, folder: string): MovedClock {
  const offset = join(folder, "clock-offset"), module = join(folder, "moved-clock.mjs");
  writeFileSync(
    module,
    `import { readFileSync } from "node:fs";
const RealDate = Date, offset = () => Number(readFileSync(${JSON.stringify(offset)}, "utf8"));
globalThis.Date = class Date extends RealDate {
  constructor(...args) { args.length === 0 ? super(RealDate.now() + offset()) : super(...args); }
  static now() { return RealDate.now() + offset(); }
};
`,
  );
  const move = (ms: number) => writeFileSync(offset, String(ms));
  move(0);
  return {
    move,
    runtime: {
      ...node,
      fileCommand(file, args) {
        const [program, ...rest] = node.fileCommand(file, args);
        return [program, "--import", module, ...rest];
      },
    },
  };
}
