// release add: puts a file of a release into the repository and stages the list that names it. Design: docs/cli.md.
// Must not: need a private key.
import { stat } from "node:fs/promises";
import { addArtifact } from "../../publish/add-artifact.ts";
import { MAX_LIFETIME_DAYS } from "../../publish/document.ts";
import { asUpdateError, UpdateError } from "../../errors.ts";
import { CHANNELS, PACKAGE_FORMATS, PACKAGE_TYPES, UPGRADE_TYPES } from "../../trust/release-terms.ts";
import type { DeltaBases } from "../../publish/add-deltas.ts";
import { artifactJson } from "../artifact-json.ts";
import type { Arguments, Command } from "../command.ts";
import { formatBytes } from "../output.ts";
import { createProgress } from "../progress.ts";
import { noteDropped, withRepository } from "./release-session.ts";

export const releaseAddCommand: Command = {
  name: "release add",
  summary: "add a file of a release, to be published with the next `release publish`",
  positionals: "REPO FILE",
  options: {
    version: { type: "string", value: "V", help: "semantic version of the release" },
    platform: { type: "string", value: "P", help: "linux-x64, windows-x64, macos-arm64, …" },
    format: { type: "string", value: "F", help: "executable, tar.gz, tar.zst, zip, opaque (by its first bytes)" },
    entrypoint: { type: "string", value: "PATH", help: "the program inside an archive" },
    "package-type": { type: "string", value: "T", help: "binary, source, docker-image, deb, rpm, apk (binary)" },
    channel: { type: "string", value: "C", help: "stable, beta, nightly (by the version)" },
    "upgrade-type": {
      type: "string",
      value: "U",
      help: "soft-fork, hard-fork, security-patch, feature-toggle (soft-fork)",
    },
    security: { type: "truth", help: "whether it mends a security hole (true for security-patch)" },
    "release-date": { type: "string", value: "TIME", help: "RFC 3339 (now)" },
    "min-compatible-version": { type: "string", value: "V", help: "oldest version it works with" },
    "release-notes-url": { type: "string", value: "URL", help: "where its notes are" },
    "targets-expires-days": { type: "string", value: "N", help: "lifetime of the list of artifacts" },
    "delta-from": {
      type: "string",
      value: "V",
      multiple: true,
      help: "an older release to make a delta from (the one before it)",
    },
    "no-delta": { type: "boolean", help: "make no delta: clients fetch all of it" },
    replace: { type: "boolean", help: "allow other bytes for a file that is there already" },
  },
  async run(c, a) {
    const file = a.positional(1);
    const total = await stat(file).then((s) => s.size, (e) => {
      throw asUpdateError(e, "E_IO");
    });
    const added = {
      file,
      version: a.required("version"),
      platform: a.required("platform"),
      format: a.oneOf("format", PACKAGE_FORMATS),
      entrypoint: a.string("entrypoint"),
      packageType: a.oneOf("package-type", PACKAGE_TYPES),
      channel: a.oneOf("channel", CHANNELS),
      upgradeType: a.oneOf("upgrade-type", UPGRADE_TYPES),
      security: a.truth("security"),
      releaseDate: a.string("release-date"),
      minCompatibleVersion: a.string("min-compatible-version"),
      releaseNotesUrl: a.string("release-notes-url"),
      replace: a.flag("replace"),
      deltas: wantedDeltas(a),
    };
    return await withRepository(c, a, async (files, repository) => {
      let progress = createProgress(c.out, "adding", total);
      let comparedWith = "";
      const onDelta = (version: string, done: number) => {
        if (version !== comparedWith) {
          progress.end();
          progress = createProgress(c.out, "comparing", total);
          comparedWith = version;
        }
        progress.update(done, version);
      };
      const { artifact, staged } = await addArtifact(files, repository, added, {
        signal: c.signal,
        nowMs: c.nowMs,
        lifetimeDays: a.integer("targets-expires-days", 1, MAX_LIFETIME_DAYS),
        onProgress: (done) => progress.update(done, file),
        onDelta,
      }).finally(() => progress.end());
      const dropped = (repository.staged.targets?.signed.targets.size ?? 0) > 0 ? staged?.droppedSignatures ?? 0 : 0;
      noteDropped(c, dropped);
      const verb = staged === undefined ? "was there already" : "added";
      return {
        lines: [
          c.out.line("package", `${artifact.path} ${verb}`),
          `   ${formatBytes(artifact.length)}, ${artifact.format}, ${artifact.channel}, ${artifact.upgradeType}`,
          `   SHA-256 ${artifact.sha256}`,
          `   BLAKE3  ${artifact.blake3}`,
          ...(artifact.deltas ?? []).map(({ from, length }) =>
            `   delta from ${from.version}: ${formatBytes(length)}, ${percent(length, artifact.length)}`
          ),
          ...(staged === undefined ? [] : [`   staged as targets ${staged.document.signed.version}`]),
        ],
        json: { artifact: artifactJson(artifact), stagedTargetsVersion: staged?.document.signed.version ?? null },
      };
    });
  },
};

function wantedDeltas(a: Arguments): DeltaBases {
  const versions = a.strings("delta-from");
  if (!a.flag("no-delta")) return versions.length > 0 ? versions : "previous";
  if (versions.length > 0) throw new UpdateError("E_USAGE", "--no-delta and --delta-from contradict each other");
  return [];
}

const percent = (part: number, whole: number): string => `${(100 * part / whole).toFixed(1)} %`;
