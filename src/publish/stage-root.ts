// Stages a root: the first one, or the next one with other keys, thresholds or governors. Design: docs/publishing.md.
// Everything is made, checked and signed before the first write.
// Must not: publish.
import type { Opts } from "../api.ts";
import { UpdateError } from "../errors.ts";
import { MAX_METADATA_BYTES, type Root, type Targets } from "../trust/metadata.ts";
import { judgementOf } from "../trust/schedule.ts";
import { type Document, type SignatureStatus, signatureStatus } from "./document.ts";
import {
  authoritiesOf,
  EMPTY_REPOSITORY,
  type Repository,
  type RepositoryFiles,
  rootPath,
  stagingPath,
} from "./repository.ts";
import { makeRoot, type RootChanges } from "./root-document.ts";
import { loadSchedule, stateOfRoots } from "./schedule-files.ts";
import { signDocument } from "./sign-document.ts";
import type { Signer } from "./signer.ts";
import { makeTargets, newestTargets, targetEntries } from "./stage-targets.ts";

export interface StageRootOptions extends Opts {
  readonly nowMs: number;
  readonly signers: readonly Signer[];
  /** Days; by default as long as the version before. */
  readonly lifetimes: { readonly root?: number | undefined; readonly targets?: number | undefined };
}

export interface StagedRoot {
  readonly root: Document<Root>;
  /** Of each document that is staged now. */
  readonly statuses: readonly SignatureStatus[];
}

/**
 * Makes a new repository: version 1 of the root and an empty list of artifacts, staged.
 * @throws UpdateError E_USAGE when there is a repository already or the decisions do not fit together
 */
export async function initRepository(
  files: RepositoryFiles,
  changes: RootChanges,
  o: StageRootOptions,
): Promise<StagedRoot> {
  for (const path of [rootPath(1), stagingPath("root")]) {
    if (await files.read(path, MAX_METADATA_BYTES.root) === undefined) continue;
    throw new UpdateError("E_USAGE", `${JSON.stringify(files.folder)} is a release repository already`, {
      hint: "change its keys with `release rotate-root`, or choose another folder",
    });
  }
  return await stage(files, EMPTY_REPOSITORY, makeRoot(undefined, changes, options(1, o)), o);
}

/**
 * Stages the next root over a repository. When the published targets.json is not signed by enough keys of the new
 * root, the same list is staged as its next version, to be signed by them.
 * @throws UpdateError E_USAGE when the decisions do not fit together
 */
export async function rotateRoot(
  files: RepositoryFiles,
  repository: Repository,
  changes: RootChanges,
  o: StageRootOptions,
): Promise<StagedRoot> {
  const before = repository.staged.root ?? repository.roots.at(-1);
  const judged = await withFirstSequence(files, repository, changes);
  const root = makeRoot(before, judged, options(repository.roots.length + 1, o));
  return await stage(files, repository, root, o);
}

/**
 * New governors begin behind the newest approved certificate, unless it is said where: what was approved stays judged by
 * those who approved it.
 */
async function withFirstSequence(
  files: RepositoryFiles,
  repository: Repository,
  changes: RootChanges,
): Promise<RootChanges> {
  const isNew = changes.governors !== undefined || Object.keys(changes.quorums).length > 0;
  if (!isNew || changes.firstSequence !== undefined || repository.roots.length === 0) return changes;
  const { bySequence, head } = judgementOf(await loadSchedule(files, stateOfRoots(repository.roots)));
  return bySequence.size === 0 ? changes : { ...changes, firstSequence: head + 1 };
}

function options(version: number, o: StageRootOptions) {
  return { version, nowMs: o.nowMs, lifetimeDays: o.lifetimes.root };
}

async function stage(
  files: RepositoryFiles,
  before: Repository,
  unsigned: Document<Root>,
  o: StageRootOptions,
): Promise<StagedRoot> {
  const repository: Repository = { ...before, staged: { ...before.staged, root: unsigned } };
  const root = await signDocument("root", unsigned, authoritiesOf(repository, "root"), o.signers, o);
  const statuses = [root.status];
  const next = nextTargets(repository, o);
  if (next !== undefined) {
    const targets = await signDocument("targets", next, authoritiesOf(repository, "targets"), o.signers, o);
    statuses.push(targets.status);
    await files.write(stagingPath("targets"), targets.document.envelope.bytes);
  }
  // Last, because a staged root is what makes a folder a repository.
  await files.write(stagingPath("root"), root.document.envelope.bytes);
  return { root: root.document, statuses };
}

/** The targets.json that goes with a staged root; undefined when the published one does. */
function nextTargets(repository: Repository, o: StageRootOptions): Document<Targets> | undefined {
  const newest = newestTargets(repository);
  if (repository.staged.targets !== undefined) return repository.staged.targets;
  const authorities = authoritiesOf(repository, "targets");
  if (newest !== undefined && signatureStatus("targets", newest, authorities).complete) return undefined;
  return makeTargets(repository, targetEntries(newest), { nowMs: o.nowMs, lifetimeDays: o.lifetimes.targets }).document;
}
