// Tells a program start from an import as a library, on every runtime. Design: "Command line" of docs/cli.md.
// In every case, piped through standard input too, the program's own arguments are `process.argv.slice(2)`.
// Must not: have side effects.
import { existsSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * @param meta the entry file's own `import.meta`
 * @returns true when that file is what the runtime was started with: by name, through a symlink or as standard input
 */
export function isMain(meta: { readonly url: string; readonly main?: boolean }): boolean {
  if (meta.main !== undefined) return meta.main; // Deno, Bun, Node from 22.18 and 24.2 on
  if (/\/\[eval\d*\]$/.test(meta.url)) return true; // Node's name for a module from standard input
  const started = process.argv[1];
  // No such file: Node was started with "-" or --eval, and that program imports this file as a library.
  if (started === undefined || !existsSync(started) || !meta.url.startsWith("file:")) return false;
  return realpathSync(started) === realpathSync(fileURLToPath(meta.url));
}
