// release mirrors: shows, sets or removes the signed list of mirrors. Design: docs/publishing.md, "Mirrors that
// everybody gets". Must not: sign; a changed list is staged like any other change.
import { readFileBounded } from "../../disk/atomic-file.ts";
import { UpdateError } from "../../errors.ts";
import { MAX_LIFETIME_DAYS } from "../../publish/document.ts";
import { newestMirrorList, removeMirrorList, setMirrorList } from "../../publish/mirror-list.ts";
import { loadRepository } from "../../publish/repository.ts";
import { refusedByText } from "../../net/public-only.ts";
import { type ListedMirror, MAX_MIRROR_LIST_BYTES } from "../../trust/mirror-list.ts";
import type { Command } from "../command.ts";
import type { Context } from "../context.ts";
import { table } from "../output.ts";
import { noteDropped, withRepository } from "./release-session.ts";

export const releaseMirrorsCommand: Command = {
  name: "release mirrors",
  summary: "set the signed list of mirrors that everybody gets; without a file, show it",
  positionals: "REPO [FILE]",
  options: {
    remove: { type: "boolean", help: "stage a publication without a list" },
    "targets-expires-days": { type: "string", value: "N", help: "lifetime of the list of artifacts" },
  },
  async run(c, a) {
    const file = a.positionals[1];
    if (file !== undefined && a.flag("remove")) {
      throw new UpdateError("E_USAGE", "a file and --remove exclude each other", { hint: "give one of them" });
    }
    const bytes = file === undefined ? undefined : await readFileBounded(file, MAX_MIRROR_LIST_BYTES);
    return await withRepository(c, a, async (files, repository) => {
      const o = { nowMs: c.nowMs, lifetimeDays: a.integer("targets-expires-days", 1, MAX_LIFETIME_DAYS) };
      const staged = bytes !== undefined
        ? await setMirrorList(files, repository, bytes, o)
        : a.flag("remove")
        ? await removeMirrorList(files, repository, o)
        : undefined;
      const mirrors = await newestMirrorList(files, await loadRepository(files)) ?? [];
      if (bytes !== undefined) warnOfPrivate(c, mirrors);
      noteDropped(c, staged?.droppedSignatures ?? 0);
      const version = staged?.document.signed.version;
      const rows = mirrors.map((m) => [String(m.priority), m.kind, m.region ?? "-", m.url]);
      return {
        lines: [
          ...(mirrors.length === 0 ? ["no signed mirrors"] : table([["PRIORITY", "KIND", "REGION", "URL"], ...rows])),
          ...(version === undefined ? [] : [
            c.out.line("package", `Staged as targets ${version}`),
            "   next: dchat-update release publish",
          ]),
        ],
        json: {
          mirrors: mirrors.map((m) => ({ url: m.url, kind: m.kind, region: m.region ?? null, priority: m.priority })),
          stagedTargetsVersion: version ?? null,
        },
      };
    });
  },
};

/** Fit for a network of one's own; everybody else's nodes will not go there. */
function warnOfPrivate(c: Context, mirrors: readonly ListedMirror[]): void {
  for (const { url, kind } of mirrors) {
    const refused = kind === "https" ? refusedByText(url, { allowInsecure: false, allowPrivate: false }) : undefined;
    if (refused !== undefined) c.out.warn(`nodes will not use ${url} unless they are told to: ${refused.message}`);
  }
}
