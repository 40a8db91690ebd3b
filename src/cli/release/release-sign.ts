// release sign and release merge: signatures of several people, each on a copy of the folder. Design: docs/publishing.md.
// Must not: change what is signed.
import { resolve } from "node:path";
import { mergeCopies } from "../../publish/merge.ts";
import { signStaged } from "../../publish/sign-staged.ts";
import type { Command } from "../command.ts";
import { describeStaged } from "./release-changes.ts";
import { readSigners, SIGNING_OPTIONS, statusJson, statusLines, withRepository } from "./release-session.ts";

export const releaseSignCommand: Command = {
  name: "release sign",
  summary: "sign what is staged with the given keys; without a key, show what waits for whom",
  positionals: "REPO",
  options: SIGNING_OPTIONS,
  async run(c, a) {
    const signers = await readSigners(c, a);
    return await withRepository(c, a, async (files, repository) => {
      const { statuses, added } = await signStaged(files, repository, signers, c);
      const keys = new Set(added.map((x) => x.keyId));
      return {
        lines: [
          ...describeStaged(repository),
          ...[...keys].map((id) => {
            const roles = added.filter((x) => x.keyId === id).map((x) => x.role);
            return c.out.line("key", `Key ${id} signed ${roles.join(", ")}`);
          }),
          ...signers.filter((s) => !keys.has(s.keyId)).map((s) => `Key ${s.keyId} had signed already`),
          ...statusLines(c, statuses),
        ],
        json: { added, staged: statusJson(statuses) },
      };
    });
  },
};

export const releaseMergeCommand: Command = {
  name: "release merge",
  summary: "take over signatures, and artifacts that are missing, from copies of the repository",
  positionals: "REPO OTHER…",
  options: {},
  async run(c, a) {
    const others = a.positionals.slice(1).map((folder) => resolve(folder));
    return await withRepository(c, a, async (files, repository) => {
      const { statuses, added, copied, missing, certificates } = await mergeCopies(files, repository, others, c);
      for (const path of missing) c.out.warn(`no copy has ${path}: add it again before publishing`);
      return {
        lines: [
          added.length === 0
            ? "No new signatures"
            : c.out.line("ok", `${added.length} new signature${added.length === 1 ? "" : "s"}`),
          ...added.map((x) => `   ${x.role}: key ${x.keyId}, from ${x.from}`),
          ...copied.map((path) => `   ${path} copied and verified`),
          ...certificates.map((path) => `   ${path}: new votes`),
          ...statusLines(c, statuses),
        ],
        json: { added, copied, missing, certificates, staged: statusJson(statuses) },
      };
    });
  },
};
