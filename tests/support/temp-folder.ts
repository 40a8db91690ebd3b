// Temporary folders of tests and measurements. One is gone when the file that made it ends, whether its tests passed,
// failed, were filtered out or called exit. Only a signal leaves it: then the next run sweeps it away.
// Must not: be the only tidying of a test that asserts on what is left.
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const PREFIX = "dchat-test-";
// A process id of another container that shares this folder looks dead from here; a run at work touches its folder.
const ABANDONED_AFTER_MS = 3_600_000;

const made: string[] = [];

/** @param purpose stands in its name; @param parent default: the system's folder for temporary files */
export function tempFolder(purpose: string, parent: string = tmpdir()): string {
  if (made.length === 0) {
    sweepAbandoned();
    // Deno ends a test file with "unload" and Node a process with "exit"; Bun does both.
    globalThis.addEventListener?.("unload", removeAll);
    process.on("exit", removeAll);
  }
  const folder = mkdtempSync(join(parent, `${PREFIX}${process.pid}-${purpose}-`));
  made.push(folder);
  return folder;
}

function removeAll(): void {
  for (const folder of made.splice(0)) remove(folder);
}

function remove(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // Something is mounted there or still writes: the sweep of a later run has it.
  }
}

function sweepAbandoned(): void {
  for (const name of readdirSync(tmpdir()).filter((n) => n.startsWith(PREFIX))) {
    const folder = join(tmpdir(), name);
    const pid = Number(name.slice(PREFIX.length).split("-")[0]);
    const touchedMs = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (isAlive(pid) || Date.now() - touchedMs < ABANDONED_AFTER_MS) continue;
    remove(folder);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (e) {
    return (e as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
