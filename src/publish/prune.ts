// Takes old releases out of the list, and old files off the disk. Design: docs/publishing.md, "Pruning".
// A reader who got the metadata a moment ago must still find what it names: nothing goes before its grace is over.
// Must not: remove a root, or anything that published, staged or recently published metadata names.
import type { Dirent } from "node:fs";
import { readdir, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { asUpdateError, systemCode, UpdateError } from "../errors.ts";
import { parseEnvelope } from "../trust/envelope.ts";
import { isJsonObject, type Json } from "../trust/json.ts";
import { MAX_METADATA_BYTES, readTargets, type Targets } from "../trust/metadata.ts";
import { compareVersions, isVersion } from "../trust/naming.ts";
import { deltaFilePath } from "./delta-file.ts";
import { artifactPath, type Repository, type RepositoryFiles, versionedPath } from "./repository.ts";
import {
  listedArtifacts,
  newestTargets,
  type StagedTargets,
  type StageOptions,
  stageTargets,
  targetEntries,
} from "./stage-targets.ts";

/** Which releases leave the list. */
export type Dropped =
  | { readonly keepNewest: number }
  | { readonly versions: readonly string[] };

export interface DroppedReleases {
  /** Newest first. */
  readonly versions: readonly string[];
  /** Undefined when nothing was dropped. */
  readonly staged: StagedTargets | undefined;
}

/**
 * Stages the list without some releases.
 * @throws UpdateError E_USAGE for a version that is not in the list
 */
export async function dropReleases(
  files: RepositoryFiles,
  repository: Repository,
  which: Dropped,
  o: StageOptions,
): Promise<DroppedReleases> {
  const entries = targetEntries(newestTargets(repository));
  const present = [...new Set(Object.values(entries).flatMap((entry) => versionOf(entry) ?? []))]
    .sort((a, b) => compareVersions(b, a));
  const versions = "keepNewest" in which ? present.slice(which.keepNewest) : which.versions;
  for (const version of versions) {
    if (present.includes(version)) continue;
    throw new UpdateError("E_USAGE", `there is no release ${JSON.stringify(version.slice(0, 64))}`, {
      hint: `there are ${present.join(", ")}`,
    });
  }
  const kept = Object.entries(entries).filter(([, entry]) => !versions.includes(versionOf(entry) ?? ""));
  const dropsAny = kept.length < Object.keys(entries).length;
  const staged = dropsAny ? await stageTargets(files, repository, Object.fromEntries(kept), o) : undefined;
  return { versions, staged };
}

function versionOf(entry: Json): string | undefined {
  const at = (value: Json | undefined, key: string) => isJsonObject(value) ? value[key] : undefined;
  const version = at(at(at(entry, "custom"), "dchat"), "version");
  return typeof version === "string" && isVersion(version) ? version : undefined;
}

export interface GraceOptions {
  readonly nowMs: number;
  /** How long a file is kept after the moment from which nothing current names it. */
  readonly graceMs: number;
}

/** Removes files that nobody can need any more. @returns their paths */
export async function removeUnused(files: RepositoryFiles, repository: Repository, o: GraceOptions): Promise<string[]> {
  const isOld = (mtimeMs: number) => o.nowMs - mtimeMs > o.graceMs;
  const removed: string[] = [];
  const recentTargets: Targets[] = [];
  for (const role of ["snapshot", "targets"] as const) {
    const current = repository[role]?.signed.version ?? 0;
    for (const old of await supersededVersions(files, role, current)) {
      const path = versionedPath(role, old.version);
      if (isOld(old.supersededMs)) removed.push(path);
      else if (role === "targets") recentTargets.push(...await readOldTargets(files, path));
    }
  }
  const needed = neededFiles([repository.targets?.signed, repository.staged.targets?.signed, ...recentTargets]);
  for (const file of await listFiles(files.folder, "targets")) {
    const isNeeded = needed.has(file.path.replace(/\.(pieces|torrent)$/, ""));
    if (!isNeeded && isOld(file.mtimeMs)) removed.push(file.path);
  }
  for (const path of removed) await removeWithEmptyFolders(files.folder, path);
  return removed;
}

/** Versions before the current one, each with the time at which the next one took its place. */
async function supersededVersions(
  files: RepositoryFiles,
  role: "snapshot" | "targets",
  current: number,
): Promise<{ version: number; supersededMs: number }[]> {
  const all = (await listFiles(files.folder, "metadata")).flatMap(({ path, mtimeMs }) => {
    const version = Number(new RegExp(`^metadata/([1-9][0-9]{0,15})\\.${role}\\.json$`).exec(path)?.[1]);
    return version <= current ? [{ version, mtimeMs }] : [];
  }).sort((a, b) => a.version - b.version);
  return all.slice(0, -1).map(({ version }, i) => ({ version, supersededMs: all[i + 1]?.mtimeMs ?? Infinity }));
}

async function readOldTargets(files: RepositoryFiles, path: string): Promise<Targets[]> {
  const bytes = await files.read(path, MAX_METADATA_BYTES.targets);
  return bytes === undefined ? [] : [readTargets(parseEnvelope(bytes, path, MAX_METADATA_BYTES.targets))];
}

/** The artifacts that some list names, and their deltas. */
function neededFiles(lists: readonly (Targets | undefined)[]): ReadonlySet<string> {
  const targets = lists.flatMap((list) => [...list?.targets.values() ?? []]);
  const deltas = lists.flatMap((list) =>
    listedArtifacts(list).flatMap((a) => (a.deltas ?? []).map((delta) => deltaFilePath(a, delta)))
  );
  return new Set([...targets.map((t) => artifactPath(t.path, t.hashes.sha256 ?? "")), ...deltas]);
}

interface FoundFile {
  /** Relative to the repository, with slashes. */
  readonly path: string;
  readonly mtimeMs: number;
}

async function listFiles(folder: string, below: string): Promise<FoundFile[]> {
  try {
    const entries: Dirent[] = await readdir(join(folder, below), { recursive: true, withFileTypes: true });
    const paths = entries.filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name));
    return await Promise.all(paths.map(async (file) => {
      const { mtimeMs } = await stat(file);
      return { path: relative(folder, file).replaceAll(sep, "/"), mtimeMs };
    }));
  } catch (e) {
    if (systemCode(e) === "ENOENT") return [];
    throw asUpdateError(e, "E_IO");
  }
}

async function removeWithEmptyFolders(folder: string, path: string): Promise<void> {
  await rm(join(folder, path), { force: true });
  for (let parent = dirname(path); parent.includes("/"); parent = dirname(parent)) {
    // A folder that is not empty stays, and so do those above it.
    if (!await rmdir(join(folder, parent)).then(() => true, () => false)) return;
  }
}
