// The program's own arguments. In Deno not from `process`: to touch it costs 15 ms, half of a light command.
// Must not: grow; anything else that differs between runtimes belongs into a file of its own.

interface DenoLike {
  readonly args: readonly string[];
}

/** What stands behind the program's name on the command line, piped programs too. */
export function programArguments(): readonly string[] {
  const { Deno } = globalThis as { Deno?: DenoLike }; // absent elsewhere, and its types are not those of Node or Bun
  return Deno?.args ?? process.argv.slice(2);
}
