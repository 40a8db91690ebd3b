// release prune: old releases leave the list, unneeded files leave the disk. Design: docs/publishing.md, "Pruning".
// Must not: sign; a shorter list is staged like any other change.
import { UpdateError } from "../../errors.ts";
import { type DroppedReleases, dropReleases, removeUnused } from "../../publish/prune.ts";
import { loadRepository } from "../../publish/repository.ts";
import type { Arguments, Command } from "../command.ts";
import { withRepository } from "./release-session.ts";

/** A day: longer than a download that began with the old list may take. */
const DEFAULT_GRACE_HOURS = 24;
const HOUR_MS = 3_600_000;
/** Ten years. */
const MAX_GRACE_HOURS = 87_600;

export const releasePruneCommand: Command = {
  name: "release prune",
  summary: "stage the list without old releases, and remove files that nothing has named for a while",
  positionals: "REPO",
  options: {
    keep: { type: "string", value: "N", help: "keep the newest N versions" },
    version: { type: "string", value: "V", multiple: true, help: "drop this version" },
    "grace-hours": { type: "string", value: "H", help: `keep unneeded files this long (${DEFAULT_GRACE_HOURS})` },
  },
  async run(c, a) {
    const which = readDropped(a);
    const graceMs = (a.integer("grace-hours", 0, MAX_GRACE_HOURS) ?? DEFAULT_GRACE_HOURS) * HOUR_MS;
    return await withRepository(c, a, async (files, repository) => {
      const nothing: DroppedReleases = { versions: [], staged: undefined };
      const dropped = which === undefined ? nothing : await dropReleases(files, repository, which, c);
      const removed = await removeUnused(files, await loadRepository(files), { nowMs: c.nowMs, graceMs });
      const version = dropped.staged?.document.signed.version;
      return {
        lines: [
          version === undefined
            ? "No release leaves the list"
            : c.out.line("package", `Staged as targets ${version}, without ${dropped.versions.join(", ")}`),
          ...(version === undefined ? [] : ["   next: dchat-update release publish"]),
          removed.length === 0 ? "No file was removed" : `Removed ${removed.length} unneeded files:`,
          ...removed.map((path) => `   ${path}`),
        ],
        json: { droppedVersions: dropped.versions, stagedTargetsVersion: version ?? null, removed },
      };
    });
  },
};

function readDropped(a: Arguments) {
  const keepNewest = a.integer("keep", 1, 1_000_000);
  const versions = a.strings("version");
  if (keepNewest !== undefined && versions.length > 0) {
    throw new UpdateError("E_USAGE", "--keep and --version exclude each other", { hint: "give one of them" });
  }
  if (keepNewest !== undefined) return { keepNewest };
  return versions.length > 0 ? { versions } : undefined;
}
