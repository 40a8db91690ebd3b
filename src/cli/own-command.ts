// How this program was started, to be started again: by a service manager, or as a process beside this one.
// Must not: say with which arguments of its own.

import { existsSync } from "node:fs";
import { UpdateError } from "../errors.ts";

/**
 * The runtime, what it needs, and the program's file; of a single executable, that alone.
 * @throws UpdateError E_USAGE where there is no file
 */
export function ownCommand(): string[] {
  const [runtime = "", file = ""] = process.argv;
  if (isSingleExecutable(file)) return [process.execPath];
  if (!existsSync(file)) {
    throw new UpdateError("E_USAGE", "a program that came through standard input cannot be started again", {
      hint: "save it as a file, and run that",
    });
  }
  return process.versions["deno"] === undefined ? [runtime, file] : [runtime, "run", "-A", file];
}

/** What `bun build --compile` or Node's `--build-sea` made: its file is inside, and nothing else could run it. */
function isSingleExecutable(file: string): boolean {
  if (process.versions["bun"] !== undefined) return /^(\/\$bunfs\/|[A-Z]:[\\/]~BUN[\\/])/i.test(file);
  return process.versions["deno"] === undefined && process.getBuiltinModule("node:sea").isSea();
}
