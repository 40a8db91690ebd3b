// Starts a TypeScript file of the tests as a process of its own, on whatever runtime runs the tests.
// Must not: be used for the product's bundled file, which needs no such care.

import { type ChildProcess, spawn, type SpawnOptions } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const runtimeArgs = (): string[] => {
  if ("deno" in process.versions) return ["run", "-A", "--quiet"];
  if ("bun" in process.versions) return ["run"];
  return ["--no-warnings"];
};

/** Spawns `script` (a URL, usually made from `import.meta.url`) with arguments; standard output is a pipe. */
export function runScript(script: URL, args: readonly string[], o: SpawnOptions = {}): ChildProcess {
  return spawn(process.execPath, [...runtimeArgs(), fileURLToPath(script), ...args], {
    stdio: ["pipe", "pipe", "inherit"],
    ...o,
  });
}

/** The lines a child prints, as they come. */
export function linesOf(child: ChildProcess): AsyncIterator<string> {
  if (child.stdout === null) throw new Error("the child's standard output is not a pipe");
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]();
}

/** Kills a child the hard way and waits until it is gone. */
export async function killHard(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
