// The signed list of mirrors in the repository: staged like a release, proven before it is published.
// Design: docs/publishing.md, "Mirrors that everybody gets". Must not: need a private key, ask a mirror anything.
import { UpdateError } from "../errors.ts";
import type { Clock, TrustState } from "../trust/client.ts";
import { sha256Hex } from "../trust/hex.ts";
import {
  findMirrorList,
  type ListedMirror,
  MAX_MIRROR_LIST_BYTES,
  MIRROR_LIST_PATH,
  proveMirrorList,
  readMirrorList,
} from "../trust/mirror-list.ts";
import { artifactPath, type Repository, type RepositoryFiles } from "./repository.ts";
import { newestTargets, type StagedTargets, type StageOptions, stageTargets, targetEntries } from "./stage-targets.ts";

/**
 * Puts a list into the repository, as the exact bytes given, and stages the targets.json that names it.
 * @returns undefined when exactly this list was there already
 * @throws UpdateError E_TOO_LARGE, E_MALFORMED for a list that no reader would take; E_IO, E_DISK_FULL
 */
export async function setMirrorList(
  files: RepositoryFiles,
  repository: Repository,
  bytes: Uint8Array,
  o: StageOptions,
): Promise<StagedTargets | undefined> {
  readMirrorList(bytes);
  const sha256 = sha256Hex(bytes);
  await files.write(artifactPath(MIRROR_LIST_PATH, sha256), bytes);
  const newest = newestTargets(repository);
  if (newest?.signed.targets.get(MIRROR_LIST_PATH)?.hashes.sha256 === sha256) return undefined;
  const entry = { length: bytes.length, hashes: { sha256 } };
  return await stageTargets(files, repository, { ...targetEntries(newest), [MIRROR_LIST_PATH]: entry }, o);
}

/** Stages the targets.json without a list of mirrors. @returns undefined when there was none */
export async function removeMirrorList(
  files: RepositoryFiles,
  repository: Repository,
  o: StageOptions,
): Promise<StagedTargets | undefined> {
  const { [MIRROR_LIST_PATH]: list, ...others } = targetEntries(newestTargets(repository));
  return list === undefined ? undefined : await stageTargets(files, repository, others, o);
}

/**
 * The list that the next publication names, or the published one; undefined when there is none.
 * @throws UpdateError E_ABSENT, E_HASH_MISMATCH, E_SIZE_MISMATCH, E_TOO_LARGE, E_MALFORMED
 */
export async function newestMirrorList(
  files: RepositoryFiles,
  repository: Repository,
): Promise<readonly ListedMirror[] | undefined> {
  const target = newestTargets(repository)?.signed.targets.get(MIRROR_LIST_PATH);
  if (target === undefined) return undefined;
  return readMirrorList(await readProven(files, { length: target.length, sha256: target.hashes.sha256 ?? "" }));
}

/**
 * The bytes of the list that a reader of `state` will ask for; undefined when there is none.
 * @throws UpdateError as `newestMirrorList`
 */
export async function proveListedMirrors(
  files: RepositoryFiles,
  state: TrustState,
  clock: Clock,
): Promise<Uint8Array | undefined> {
  const target = findMirrorList(state, clock);
  if (target === undefined) return undefined;
  const bytes = await readProven(files, target);
  readMirrorList(bytes);
  return bytes;
}

async function readProven(files: RepositoryFiles, target: { length: number; sha256: string }): Promise<Uint8Array> {
  const path = artifactPath(MIRROR_LIST_PATH, target.sha256);
  const bytes = await files.read(path, MAX_MIRROR_LIST_BYTES);
  if (bytes !== undefined) return proveMirrorList(target, bytes);
  throw new UpdateError("E_ABSENT", `${path} is missing`, {
    hint: "set the list again with `release mirrors`, or merge the copy of the repository that has it",
  });
}
