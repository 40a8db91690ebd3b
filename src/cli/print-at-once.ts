// Prints a line before streams and signals are set up, on every runtime. Must not: lose it in silence; grow.
import { writeSync } from "node:fs";

const STANDARD_OUTPUT = 1;

/** @throws Error when it cannot be written, as to a full disk */
export function printAtOnce(line: string): void {
  // `console.log` hides on Node and Bun what gets lost; in Deno it throws, and to load a module of Node's costs 25 ms.
  if ("Deno" in globalThis) console.log(line);
  else writeSync(STANDARD_OUTPUT, `${line}\n`);
}
