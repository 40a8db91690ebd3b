// Joins copies of a repository: the union of the signatures under identical documents. Design: docs/publishing.md,
// "Several people". A copy comes from outside: each signature is verified and each artifact measured before it is taken.
// Must not: take anything when one copy contradicts, publish.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Opts } from "../api.ts";
import { deltaPath } from "../delta/delta-head.ts";
import { UpdateError } from "../errors.ts";
import { countSignatures, type Envelope } from "../trust/envelope.ts";
import type { KeyId } from "../trust/keys.ts";
import { type Signed, type TargetFile, TOP_LEVEL_ROLES, type TopLevelRole } from "../trust/metadata.ts";
import { MIRROR_LIST_PATH } from "../trust/mirror-list.ts";
import { checkRelativePath } from "../trust/naming.ts";
import { readArtifact } from "../trust/releases.ts";
import { learnCertificates } from "../trust/schedule.ts";
import { copyMeasured } from "./copy-file.ts";
import { deltaFilePath, readDeltaFile } from "./delta-file.ts";
import { type Authority, type Document, type SignatureStatus, validSignatures } from "./document.ts";
import {
  artifactPath,
  authoritiesOf,
  createRepositoryFiles,
  isSettled,
  loadRepository,
  type Repository,
  type RepositoryFiles,
  stagingPath,
} from "./repository.ts";
import { loadSchedule, readCertificates, stageCertificates, stateOfRoots } from "./schedule-files.ts";
import { withSignatures } from "./sign-document.ts";
import { stagedStatuses } from "./sign-staged.ts";
import { listedArtifacts } from "./stage-targets.ts";

export interface MergeReport {
  readonly statuses: readonly SignatureStatus[];
  readonly added: readonly { readonly role: TopLevelRole; readonly keyId: KeyId; readonly from: string }[];
  /** Target paths of artifacts that were copied. */
  readonly copied: readonly string[];
  /** Target paths of staged artifacts that no copy has; a delta's is that of its artifact with the delta's ending. */
  readonly missing: readonly string[];
  /** Files of certificates and votes that were new here. */
  readonly certificates: readonly string[];
}

/**
 * @param others folders that are copies of the repository
 * @throws UpdateError E_USAGE when a copy holds another document of the same role, E_SIGNATURE when a signature in a
 *   copy does not verify, E_HASH_MISMATCH for an artifact with other bytes
 */
export async function mergeCopies(
  files: RepositoryFiles,
  repository: Repository,
  others: readonly string[],
  o: Opts,
): Promise<MergeReport> {
  let merged = repository;
  const added: { role: TopLevelRole; keyId: KeyId; from: string }[] = [];
  for (const from of others) {
    const copy = await loadRepository(createRepositoryFiles(from));
    for (const role of TOP_LEVEL_ROLES) {
      const theirs = copy.staged[role];
      if (theirs === undefined || theirs.signed.version <= publishedVersion(repository, role)) continue;
      const before = merged.staged[role];
      merged = withStaged(merged, role, joined(merged, role, theirs, from));
      const known = before?.envelope.signatures;
      for (const keyId of merged.staged[role]?.envelope.signatures.keys() ?? []) {
        if (known?.has(keyId) !== true) added.push({ role, keyId, from });
      }
    }
  }
  const certificates = await mergeCertificates(files, repository, others);
  const { copied, missing } = await copyArtifacts(files, merged, others, o);
  for (const role of TOP_LEVEL_ROLES) {
    const document = merged.staged[role];
    if (document === undefined || document === repository.staged[role]) continue;
    await files.write(stagingPath(role), document.envelope.bytes);
  }
  return { statuses: stagedStatuses(merged), added, copied, missing, certificates };
}

/** Votes of the copies; each is judged by the published roots, and what does not verify is left out. */
async function mergeCertificates(
  files: RepositoryFiles,
  repository: Repository,
  others: readonly string[],
): Promise<string[]> {
  if (repository.roots.length === 0) return [];
  let state = await loadSchedule(files, stateOfRoots(repository.roots));
  for (const from of others) {
    const theirs = (await readCertificates(createRepositoryFiles(from))).map((f) => f.certificate);
    state = learnCertificates(state, theirs);
  }
  return await stageCertificates(files, state);
}

function publishedVersion(r: Repository, role: TopLevelRole): number {
  return (role === "root" ? r.roots.length : r[role]?.signed.version) ?? 0;
}

/** The cast: the document was read as this role's, which a computed key cannot tell the compiler. */
function withStaged(r: Repository, role: TopLevelRole, document: Document<Signed>): Repository {
  return { ...r, staged: { ...r.staged, [role]: document } as Repository["staged"] };
}

/** Ours with the signatures of theirs; theirs where we have none. */
function joined(r: Repository, role: TopLevelRole, theirs: Document<Signed>, from: string): Document<Signed> {
  const ours = r.staged[role];
  const path = stagingPath(role);
  if (ours === undefined && theirs.signed.version !== publishedVersion(r, role) + 1) {
    throw new UpdateError(
      "E_USAGE",
      `${JSON.stringify(from)}: ${path} is version ${theirs.signed.version}, the next ` +
        `one here is ${publishedVersion(r, role) + 1}`,
      { hint: "first copy what is published into this repository" },
    );
  }
  if (ours !== undefined && !sameBody(ours.envelope, theirs.envelope)) {
    throw new UpdateError("E_USAGE", `${JSON.stringify(from)}: ${path} is not the same document as here`, {
      hint: "nothing was merged: decide which one is right, copy it over the other, and have it signed again",
    });
  }
  const base = ours ?? theirs;
  if (isSettled(r, role, base)) return base;
  // Who may sign is asked of the repository as it will be: a root that is new here brings its own keys.
  const authorities = authoritiesOf(withStaged(r, role, base), role);
  refuseBadSignatures(theirs.envelope, authorities, `${JSON.stringify(from)}: ${path}`);
  const own = ours === undefined ? [] : validSignatures(ours.envelope, authorities);
  const union = new Map([...validSignatures(theirs.envelope, authorities), ...own]);
  const isNew = ours === undefined || [...union.keys()].some((id) => !ours.envelope.signatures.has(id));
  return isNew ? withSignatures(role, base, union) : ours;
}

function sameBody(a: Envelope, b: Envelope): boolean {
  return a.signedBytes.length === b.signedBytes.length && a.signedBytes.every((byte, i) => byte === b.signedBytes[i]);
}

function refuseBadSignatures(envelope: Envelope, authorities: readonly Authority[], what: string): void {
  for (const a of authorities) {
    const [bad] = countSignatures(envelope, a.keys, a.role).invalid;
    if (bad === undefined) continue;
    throw new UpdateError("E_SIGNATURE", `${what}: the signature of key ${bad} does not verify`, {
      hint: "nothing was merged: this copy is damaged or was altered; have it signed again",
    });
  }
}

/** Fetches what the merged list names and this folder lacks: artifacts with their piece lists, and deltas. */
async function copyArtifacts(
  files: RepositoryFiles,
  merged: Repository,
  others: readonly string[],
  o: Opts,
): Promise<{ copied: readonly string[]; missing: readonly string[] }> {
  const copied: string[] = [], missing: string[] = [];
  for (const target of merged.staged.targets?.signed.targets.values() ?? []) {
    const path = artifactPath(checkRelativePath(target.path, "targets.json"), target.hashes.sha256 ?? "");
    if (await exists(join(files.folder, path))) continue;
    const from = await firstWith(others, path);
    if (from === undefined) missing.push(target.path);
    else {
      await copyArtifact(join(from, path), join(files.folder, path), target, o);
      copied.push(target.path);
    }
  }
  for (const artifact of listedArtifacts(merged.staged.targets?.signed)) {
    for (const delta of artifact.deltas ?? []) {
      const path = deltaFilePath(artifact, delta);
      if (await exists(join(files.folder, path))) continue;
      const from = await firstWith(others, path);
      const bytes = from === undefined ? undefined : await readDeltaFile(from, artifact, delta);
      if (bytes === undefined) missing.push(deltaPath(artifact.path, delta));
      else await files.write(path, bytes);
    }
  }
  return { copied, missing };
}

function exists(file: string): Promise<boolean> {
  return stat(file).then((s) => s.isFile(), () => false);
}

async function firstWith(folders: readonly string[], path: string): Promise<string | undefined> {
  for (const folder of folders) if (await exists(join(folder, path))) return folder;
  return undefined;
}

async function copyArtifact(from: string, to: string, target: TargetFile, o: Opts): Promise<void> {
  // The list of mirrors is no release: it has no BLAKE3, and its entry says all there is to say of it.
  const blake3 = target.path === MIRROR_LIST_PATH ? undefined : readArtifact(target).blake3;
  await copyMeasured(from, to, (measured) => {
    const isSame = measured.length === target.length && measured.sha256 === target.hashes.sha256;
    if (isSame && (blake3 === undefined || measured.blake3 === blake3)) return to;
    throw new UpdateError("E_HASH_MISMATCH", `${JSON.stringify(from)} does not hold the staged artifact`, {
      hint: "this copy is damaged: merge another one",
    });
  }, o);
}
