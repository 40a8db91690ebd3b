// The options for trying a version out: of `install`, and of whoever makes versions ready in the background.
// Design: "Trying it out" of docs/activation.md. Must not: run anything.
import type { Arguments, OptionSpec } from "./command.ts";

// A check of a configuration and of a database takes seconds; a day is for those who sync a copy.
const DEFAULT_PREFLIGHT_MS = 60_000;
const MAX_PREFLIGHT_SECONDS = 86_400;

export const PREFLIGHT_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  "preflight-cmd": { type: "string", value: "CMD", help: "try a version out with this command, once it is approved" },
  "preflight-timeout": { type: "string", value: "SECONDS", help: "longest time for that (60)" },
};

/** What is run to try a version out. */
export interface Preflight {
  /** For the shell. */
  readonly command: string;
  readonly timeoutMs: number;
}

/** @throws UpdateError E_USAGE */
export function readPreflight(a: Arguments): Preflight | undefined {
  const timeoutMs = a.seconds("preflight-timeout", MAX_PREFLIGHT_SECONDS) ?? DEFAULT_PREFLIGHT_MS;
  const command = a.string("preflight-cmd");
  return command === undefined ? undefined : { command, timeoutMs };
}
