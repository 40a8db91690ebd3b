// gc: removes old versions and what the cache holds of them. Design: docs/cli.md.
// Must not: remove what runs, what ran before it, what is on its way, or what is yet to come.
import { lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { readJournal } from "../activate/switch.ts";
import { fsyncFolder } from "../disk/atomic-file.ts";
import { asUpdateError } from "../errors.ts";
import { approvedUpgrades } from "../trust/effect.ts";
import { compareVersions, isVersion } from "../trust/naming.ts";
import { openActivation, whileActivating } from "./activation.ts";
import type { Command } from "./command.ts";
import { formatBytes } from "./output.ts";

/** What `rollback` leads to is kept besides. */
const DEFAULT_KEEP = 1;
/** More than there will ever be: as good as all. */
const MAX_KEEP = 1000;
const NEWEST = `${Number.MAX_SAFE_INTEGER}.0.0`;

export const gcCommand: Command = {
  name: "gc",
  summary: "remove old versions, and the cache's copies of them",
  options: {
    keep: { type: "string", value: "N", help: `more old versions to keep than the last one (${DEFAULT_KEEP})` },
    "dry-run": { type: "boolean", help: "only say what would be removed" },
  },
  async run(c, a) {
    const keep = a.integer("keep", 0, MAX_KEEP) ?? DEFAULT_KEEP, isDry = a.flag("dry-run");
    const { home, staging, state } = await openActivation(c, a);
    return await whileActivating(c, home, async (current) => {
      const journal = await readJournal(home);
      const needed = new Set([current, current?.previous, journal?.from, journal?.to].map((v) => v?.version));
      const order = approvedUpgrades(state).map((u) => u.activation.version);
      const now = order.lastIndexOf(current?.version ?? "");
      for (const version of order.slice(now + 1)) needed.add(version);
      /** Nothing is old on a node that runs nothing. */
      const isOld = (v: string) => current !== undefined && !needed.has(v) && compareVersions(v, current.version) < 0;
      const installed = (await staging.list()).map((s) => s.version);
      const removed = installed.filter(isOld).slice(keep); // newest first
      const kept = installed.filter((v) => !removed.includes(v));
      const packages = (await readdir(home.packagesDir).catch(() => []))
        .filter((name) => isOld(numbersIn(name)) && !kept.some((v) => name.startsWith(`dchat-${v}-`)));
      let freedBytes = 0;
      for (const version of removed) freedBytes += isDry ? 0 : await staging.remove(version);
      for (const name of packages) freedBytes += isDry ? 0 : await removeFile(join(home.packagesDir, name));
      if (!isDry && packages.length > 0) await fsyncFolder(home.packagesDir);
      const verb = isDry ? "would be removed" : "removed";
      return {
        lines: [
          ...removed.map((v) => `  version ${v} ${verb}`),
          ...packages.map((name) => `  packages/${name} ${verb}`),
          c.out.line(
            "ok",
            removed.length + packages.length === 0
              ? "nothing to remove"
              : isDry
              ? "nothing was removed: --dry-run"
              : `${formatBytes(freedBytes)} freed`,
          ),
        ],
        json: { dryRun: isDry, removedVersions: removed, removedPackages: packages, keptVersions: kept, freedBytes },
      };
    });
  },
};

/** The three numbers of an artifact's version; a name that is not ours is newer than everything. */
function numbersIn(name: string): string {
  const numbers = /^dchat-(\d+\.\d+\.\d+)-/.exec(name)?.[1] ?? "";
  return isVersion(numbers) ? numbers : NEWEST;
}

async function removeFile(file: string): Promise<number> {
  try {
    const { size } = await lstat(file);
    await rm(file);
    return size;
  } catch (e) {
    throw asUpdateError(e, "E_IO");
  }
}
