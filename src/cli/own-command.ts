// How this program was started, to be started again: by a service manager, or as a process beside this one.
// Must not: say with which arguments of its own.

/** The runtime, what it needs, and the program's file. */
export function ownCommand(): string[] {
  const [runtime = "", file = ""] = process.argv;
  return process.versions["deno"] === undefined ? [runtime, file] : [runtime, "run", "-A", file];
}
