// A program that exchanges files and folders for links to elsewhere and back, as fast as it can, until it is killed.
// Arguments: JSON of [path, where the link leads] pairs. It writes a dot for each round. Must not: change what links lead to.
import { lstatSync, renameSync, rmSync, symlinkSync } from "node:fs";
import process from "node:process";

const places: readonly (readonly [string, string])[] = JSON.parse(process.argv[2] ?? "[]");

/** Puts a link in the place of whatever stands there, for a moment. */
function swap(path: string, target: string): void {
  const away = `${path}.away`, link = `${path}.link`;
  rmSync(link, { force: true });
  symlinkSync(target, link);
  const isThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  if (isThere) renameSync(path, away);
  renameSync(link, path);
  if (!isThere) return;
  // Whatever has come to stand there meanwhile stays.
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true) rmSync(path);
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) renameSync(away, path);
  else rmSync(away, { recursive: true });
}

for (;;) {
  for (const [path, target] of places) {
    try {
      swap(path, target);
    } catch {
      // Somebody else was faster.
    }
  }
  process.stdout.write(".");
}
