// --current-height: the height of the chain as the caller gives it. Design: docs/cli.md. Must not: ask the chain.
import type { Arguments, OptionSpec } from "./command.ts";

export const HEIGHT_OPTION: Readonly<Record<string, OptionSpec>> = {
  "current-height": { type: "string", value: "N", help: "height of the chain now" },
};

/** The height of the chain as the caller gives it. */
export function currentHeight(a: Arguments): number | undefined {
  return a.integer("current-height", 0, Number.MAX_SAFE_INTEGER);
}
