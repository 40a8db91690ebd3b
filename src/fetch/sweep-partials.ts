// Removes artifacts in flight that nobody will finish. Design: "State on disk" of docs/architecture.md.
// Must not: touch one that somebody works on, or a file that is not ours.

import { lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Opts } from "../api.ts";
import { withLock } from "../disk/lock.ts";

// Whoever did not come back for a release within a month wants a newer one.
const ABANDONED_MS = 30 * 24 * 3_600_000;

/** Removes partial files with their maps that were not written to for a month. Never throws. */
export async function sweepPartials(partialDir: string, o: Opts, nowMs: number = Date.now()): Promise<void> {
  const names = await readdir(partialDir).catch(() => []);
  const artifacts = new Set(names.flatMap((name) => /^([0-9a-f]{64})\.(?:part|map)$/.exec(name)?.[1] ?? []));
  for (const sha256 of artifacts) {
    const files = ["part", "map"].map((kind) => join(partialDir, `${sha256}.${kind}`));
    if (await lastChangeMs(files) > nowMs - ABANDONED_MS) continue;
    await withLock(join(partialDir, `${sha256}.lock`), { signal: o.signal, waitMs: 0 }, async () => {
      if (await lastChangeMs(files) > nowMs - ABANDONED_MS) return; // somebody was here in between
      for (const file of files) await rm(file, { force: true });
    }).catch(() => {}); // somebody works on it, or it cannot be removed: another time
  }
}

async function lastChangeMs(files: readonly string[]): Promise<number> {
  const infos = await Promise.all(files.map((file) => lstat(file).catch(() => undefined)));
  return Math.max(0, ...infos.map((info) => info?.mtimeMs ?? 0));
}
