// The release repository on disk: what is published, and what is staged as the next version.
// Design: "Release repository" of docs/formats.md; `staging/` of docs/publishing.md.
// Must not: trust or change what it reads; whether it is good is decided by those who use it.
import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fsyncFolder, readFileBounded, writeFileAtomic } from "../disk/atomic-file.ts";
import { type LockOpts, withLock } from "../disk/lock.ts";
import { systemCode, UpdateError } from "../errors.ts";
import { type Envelope, parseEnvelope } from "../trust/envelope.ts";
import {
  MAX_METADATA_BYTES,
  readRoot,
  readSnapshot,
  readTargets,
  readTimestamp,
  type Root,
  type Signed,
  type Snapshot,
  type Targets,
  type Timestamp,
  type TopLevelRole,
} from "../trust/metadata.ts";
import { type Authority, type Document, namesExactly } from "./document.ts";

/** The few things done to a repository's small files. Paths are relative, with slashes. */
export interface RepositoryFiles {
  readonly folder: string;
  /** Undefined when there is no such file. */
  read(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** Atomic and durable; makes the folders it needs. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  remove(path: string): Promise<void>;
}

export function createRepositoryFiles(folder: string): RepositoryFiles {
  return {
    folder,
    async read(path, maxBytes) {
      try {
        return await readFileBounded(join(folder, path), maxBytes);
      } catch (e) {
        if (["ENOENT", "ENOTDIR"].includes(systemCode(e) ?? "")) return undefined;
        throw e;
      }
    },
    async write(path, bytes) {
      const file = join(folder, path);
      await makeFolder(dirname(file));
      await writeFileAtomic(file, bytes, { mode: 0o644 });
    },
    async remove(path) {
      await rm(join(folder, path), { force: true });
    },
  };
}

/** Makes a folder with its parents; the name is durable. */
export async function makeFolder(folder: string): Promise<void> {
  if (await mkdir(folder, { recursive: true }) !== undefined) await fsyncFolder(dirname(folder));
}

/** One publisher at a time. The folder must exist. */
export function lockRepository<T>(folder: string, o: LockOpts, fn: () => Promise<T>): Promise<T> {
  return withLock(join(folder, ".lock"), o, fn);
}

/** Next versions, as far as they are made. */
export interface Staged {
  readonly root: Document<Root> | undefined;
  readonly targets: Document<Targets> | undefined;
  readonly snapshot: Document<Snapshot> | undefined;
  readonly timestamp: Document<Timestamp> | undefined;
}

export interface Repository {
  /** The published chain from version 1; empty before the first publication. */
  readonly roots: readonly Document<Root>[];
  /** What the published timestamp leads to; all three or none. */
  readonly timestamp: Document<Timestamp> | undefined;
  readonly snapshot: Document<Snapshot> | undefined;
  readonly targets: Document<Targets> | undefined;
  /** Only what can still be published. */
  readonly staged: Staged;
  /** Staged files that were published already, or that another publication has overtaken. */
  readonly obsolete: readonly TopLevelRole[];
}

/** A repository before anything is made. */
export const EMPTY_REPOSITORY: Repository = {
  roots: [],
  timestamp: undefined,
  snapshot: undefined,
  targets: undefined,
  staged: { root: undefined, targets: undefined, snapshot: undefined, timestamp: undefined },
  obsolete: [],
};

export const stagingPath = (role: TopLevelRole): string => `staging/${role}.json`;
export const rootPath = (version: number): string => `metadata/${version}.root.json`;
export const versionedPath = (role: "snapshot" | "targets", version: number): string =>
  `metadata/${version}.${role}.json`;
export const TIMESTAMP_PATH = "metadata/timestamp.json";
export const BUNDLE_PATH = "bundle.json";

/** The path of an artifact's bytes: TUF consistent snapshots put the digest before the name. */
export function artifactPath(targetPath: string, sha256: string): string {
  const slash = targetPath.lastIndexOf("/") + 1;
  return `targets/${targetPath.slice(0, slash)}${sha256}.${targetPath.slice(slash)}`;
}

async function readDocument<T extends Signed>(
  files: RepositoryFiles,
  path: string,
  role: TopLevelRole,
  read: (e: Envelope) => T,
): Promise<Document<T> | undefined> {
  const bytes = await files.read(path, MAX_METADATA_BYTES[role]);
  if (bytes === undefined) return undefined;
  const envelope = parseEnvelope(bytes, path, MAX_METADATA_BYTES[role]);
  return { signed: read(envelope), envelope };
}

/**
 * Reads a repository.
 * @throws UpdateError E_NOT_INITIALIZED when there is none, E_STATE_CORRUPT when files it names are missing,
 *   E_MALFORMED
 */
export async function loadRepository(files: RepositoryFiles): Promise<Repository> {
  const roots: Document<Root>[] = [];
  for (;;) {
    const root = await readDocument(files, rootPath(roots.length + 1), "root", readRoot);
    if (root === undefined) break;
    roots.push(root);
  }
  const timestamp = await readDocument(files, TIMESTAMP_PATH, "timestamp", readTimestamp);
  const snapshot = timestamp === undefined ? undefined : await required(
    files,
    versionedPath("snapshot", timestamp.signed.snapshot.version),
    (path) => readDocument(files, path, "snapshot", readSnapshot),
  );
  const targetsVersion = snapshot?.signed.meta.get("targets.json")?.version;
  const targets = targetsVersion === undefined ? undefined : await required(
    files,
    versionedPath("targets", targetsVersion),
    (path) => readDocument(files, path, "targets", readTargets),
  );
  const found: Staged = {
    root: await readDocument(files, stagingPath("root"), "root", readRoot),
    targets: await readDocument(files, stagingPath("targets"), "targets", readTargets),
    snapshot: await readDocument(files, stagingPath("snapshot"), "snapshot", readSnapshot),
    timestamp: await readDocument(files, stagingPath("timestamp"), "timestamp", readTimestamp),
  };
  if (roots.length === 0 && found.root === undefined) {
    throw new UpdateError("E_NOT_INITIALIZED", `${JSON.stringify(files.folder)} is no release repository`, {
      hint: "make one with `dchat-update release init REPO --network NAME --key K`",
    });
  }
  const published = { root: roots.at(-1), targets, snapshot, timestamp };
  const obsolete: TopLevelRole[] = [];
  const next = <T extends Signed>(role: TopLevelRole, staged: Document<T> | undefined): Document<T> | undefined => {
    if (staged === undefined || staged.signed.version > (published[role]?.signed.version ?? 0)) return staged;
    obsolete.push(role);
    return undefined;
  };
  const staged: Staged = {
    root: next("root", found.root),
    targets: next("targets", found.targets),
    snapshot: next("snapshot", found.snapshot),
    timestamp: next("timestamp", found.timestamp),
  };
  return { roots, timestamp, snapshot, targets, staged, obsolete };
}

async function required<T>(
  files: RepositoryFiles,
  path: string,
  read: (path: string) => Promise<T | undefined>,
): Promise<T> {
  const document = await read(path);
  if (document !== undefined) return document;
  throw new UpdateError("E_STATE_CORRUPT", `${path} is missing from ${JSON.stringify(files.folder)}`, {
    hint: "the published metadata names it: restore it from a mirror or a backup",
  });
}

/** The root that will count: the staged one, else the published one. */
export function nextRoot(repository: Repository): Document<Root> {
  const root = repository.staged.root ?? repository.roots.at(-1);
  if (root === undefined) throw new UpdateError("E_NOT_INITIALIZED", "the repository has no root");
  return root;
}

/**
 * Who signs a staged document. A new root needs the old root's keys and its own (TUF 5.3.4). Anything else needs the
 * new root's; the old root's besides let readers who have not seen the new root yet go on without a gap.
 */
export function authoritiesOf(repository: Repository, role: TopLevelRole): readonly Authority[] {
  const authority = ({ signed }: Document<Root>, required: boolean): Authority => (
    { rootVersion: signed.version, keys: signed.keys, role: signed.roles[role], required }
  );
  const next = authority(nextRoot(repository), true);
  const published = repository.roots.at(-1);
  if (published === undefined || repository.staged.root === undefined) return [next];
  const old = authority(published, role === "root");
  return sameRule(old, next) ? [next] : [old, next];
}

function sameRule(a: Authority, b: Authority): boolean {
  return a.role.threshold === b.role.threshold && a.role.keyIds.size === b.role.keyIds.size &&
    [...a.role.keyIds].every((id) => b.role.keyIds.has(id));
}

/** True when a document's exact bytes are named by a staged parent: further signatures would change them. */
export function isSettled({ staged }: Repository, role: TopLevelRole, document: Document<Signed>): boolean {
  if (role === "targets") return namesExactly(staged.snapshot?.signed.meta.get("targets.json"), document);
  return role === "snapshot" && namesExactly(staged.timestamp?.signed.snapshot, document);
}
