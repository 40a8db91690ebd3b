// Stages the next targets.json: the newest list of artifacts, changed. Design: docs/publishing.md, "staging".
// A changed body voids the signatures it had; that is why the caller is told how many were dropped.
// Must not: sign.
import type { Artifact } from "../api.ts";
import { UpdateError } from "../errors.ts";
import type { JsonObject } from "../trust/json.ts";
import { isJsonObject } from "../trust/json.ts";
import { readTargets, type Targets } from "../trust/metadata.ts";
import { readArtifact } from "../trust/releases.ts";
import { commonFields, type Document, lifetimeDays, makeEnvelope } from "./document.ts";
import { type Repository, type RepositoryFiles, stagingPath } from "./repository.ts";

export interface StageOptions {
  readonly nowMs: number;
  /** By default as long as the version before. */
  readonly lifetimeDays?: number | undefined;
}

export interface StagedTargets {
  readonly document: Document<Targets>;
  /** Signatures of an earlier staged body that no longer count. */
  readonly droppedSignatures: number;
}

/** The targets that the next publication starts from: the staged ones, else the published ones. */
export function newestTargets(repository: Repository): Document<Targets> | undefined {
  return repository.staged.targets ?? repository.targets;
}

/** The `targets` object of a document as it stands in the file, unknown fields included. */
export function targetEntries(document: Document<Targets> | undefined): JsonObject {
  const entries = document?.envelope.signed["targets"];
  return isJsonObject(entries) ? entries : {};
}

/** The artifacts in a list that clients can use. */
export function listedArtifacts(list: Targets | undefined): Artifact[] {
  return [...list?.targets.values() ?? []].flatMap((target) => {
    try {
      return [readArtifact(target)];
    } catch (e) {
      if (e instanceof UpdateError) return []; // some other tool's, or a mistake that `publish` will name
      throw e;
    }
  });
}

/** The next targets.json with these entries and no signatures; everything else stays as it was. */
export function makeTargets(repository: Repository, entries: JsonObject, o: StageOptions): StagedTargets {
  const before = newestTargets(repository);
  const signed = {
    ...before?.envelope.signed,
    ...commonFields("targets", {
      version: (repository.targets?.signed.version ?? 0) + 1,
      nowMs: o.nowMs,
      lifetimeDays: o.lifetimeDays ?? lifetimeDays("targets", before),
    }),
    targets: entries,
  };
  const envelope = makeEnvelope("targets", signed, new Map());
  return {
    document: { signed: readTargets(envelope), envelope },
    droppedSignatures: repository.staged.targets?.envelope.signatures.size ?? 0,
  };
}

/** Makes it and writes `staging/targets.json`. */
export async function stageTargets(
  files: RepositoryFiles,
  repository: Repository,
  entries: JsonObject,
  o: StageOptions,
): Promise<StagedTargets> {
  const staged = makeTargets(repository, entries, o);
  await files.write(stagingPath("targets"), staged.document.envelope.bytes);
  return staged;
}
