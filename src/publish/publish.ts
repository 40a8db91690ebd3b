// Publishes: makes the next versions visible in an order in which every reader, at any moment, sees a valid repository.
// Design: docs/publishing.md, "What happens when you publish". All is prepared and proven before the first write, and
// running it again after a crash at any write completes the work.
// Must not: remove or change a file that a reader may still be asked for.
import { UpdateError } from "../errors.ts";
import { sha256Hex } from "../trust/hex.ts";
import type { TopLevelRole } from "../trust/metadata.ts";
import type { Releases } from "../trust/releases.ts";
import { namesSchedule, prepare, type PrepareOptions, type Publication } from "./prepare.ts";
import { type ProvenPublication, provePublication } from "./prove-publication.ts";
import {
  BUNDLE_PATH,
  loadRepository,
  type Repository,
  type RepositoryFiles,
  rootPath,
  stagingPath,
  TIMESTAMP_PATH,
  versionedPath,
} from "./repository.ts";

export interface PublishOptions extends Omit<PrepareOptions, "needsSchedule"> {
  /** "staged": everything that is staged. "refresh": snapshot and timestamp over what is published. */
  readonly what: "staged" | "refresh";
}

export interface PublishReport {
  readonly network: string;
  readonly versions: Readonly<Record<TopLevelRole, number>>;
  /** SHA-256 of the newest root's file: what operators pin. */
  readonly rootSha256: string;
  /** Paths in the order in which they were written; empty when all of it was published already. */
  readonly written: readonly string[];
  readonly releases: Releases;
  /** True when a moment was unavoidable in which readers of the new root find the old timestamp. */
  readonly hadGap: boolean;
  /** The greatest sequence of the approved schedule; undefined while there is none. */
  readonly scheduleHead: number | undefined;
  /** True when the snapshot could not be signed again and goes on naming an older schedule. */
  readonly scheduleIsBehind: boolean;
}

/**
 * The caller holds the repository's lock.
 * @throws UpdateError E_THRESHOLD when signatures are missing, or what a client would say to the result
 */
export async function publish(files: RepositoryFiles, o: PublishOptions): Promise<PublishReport> {
  const loaded = await loadRepository(files);
  const repository = o.what === "staged" ? loaded : withoutStaged(loaded);
  const publication = await prepare(files, repository, { ...o, needsSchedule: o.what === "staged" });
  const proven = await provePublication(files.folder, repository, publication, o);
  const plan = writes(repository, publication, proven);
  const written: string[] = [];
  for (const { path, bytes } of plan.files) {
    // A caller who stops us here loses nothing: the same command goes on.
    o.signal.throwIfAborted();
    if (await holds(files, path, bytes)) continue;
    await files.write(path, bytes);
    written.push(path);
  }
  await removeFinished(files, loaded, publication);
  const root = publication.roots.at(-1);
  if (root === undefined) throw new UpdateError("E_INTERNAL", "a publication without a root");
  return {
    network: proven.network,
    versions: {
      root: root.signed.version,
      targets: publication.targets.signed.version,
      snapshot: publication.snapshot.signed.version,
      timestamp: publication.timestamp.signed.version,
    },
    rootSha256: sha256Hex(root.envelope.bytes),
    written,
    releases: proven.releases,
    hadGap: plan.hasGap && written.length > 0,
    scheduleHead: publication.schedule.head?.sequence,
    scheduleIsBehind: !namesSchedule(publication.snapshot, publication.schedule),
  };
}

/** A refresh leaves alone what waits for signatures. */
function withoutStaged(r: Repository): Repository {
  if (r.targets === undefined) {
    throw new UpdateError("E_USAGE", "nothing is published yet", { hint: "run `release publish` first" });
  }
  return { ...r, staged: { ...r.staged, root: undefined, targets: undefined } };
}

interface Write {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * The order of writes. Files that nothing names yet come first. Then the timestamp makes them visible, and the root:
 * the timestamp before it when the old root's readers accept all of it as well, so that both sides of the root's
 * appearance are valid; otherwise the root before the timestamp, because a reader who meets the new timestamp must be
 * able to find the root that explains it.
 */
function writes(
  repository: Repository,
  p: Publication,
  proven: ProvenPublication,
): { files: readonly Write[]; hasGap: boolean } {
  const newRoots = p.roots.slice(repository.roots.length)
    .map((r): Write => ({ path: rootPath(r.signed.version), bytes: r.envelope.bytes }));
  const timestamp: Write = { path: TIMESTAMP_PATH, bytes: p.timestamp.envelope.bytes };
  const rootLast = newRoots.length > 0 && proven.readableUnderOldRoot;
  const files = [
    ...p.schedule.files,
    { path: versionedPath("targets", p.targets.signed.version), bytes: p.targets.envelope.bytes },
    { path: versionedPath("snapshot", p.snapshot.signed.version), bytes: p.snapshot.envelope.bytes },
    ...(rootLast ? [timestamp, ...newRoots] : [...newRoots, timestamp]),
    { path: BUNDLE_PATH, bytes: proven.bundle },
  ];
  const isFirst = repository.timestamp === undefined;
  const hasGap = newRoots.length > 0 && !rootLast && !proven.oldReadableUnderNewRoot && !isFirst;
  return { files, hasGap };
}

async function holds(files: RepositoryFiles, path: string, bytes: Uint8Array): Promise<boolean> {
  const present = await files.read(path, bytes.length).catch((e) => {
    if (e instanceof UpdateError && e.code === "E_TOO_LARGE") return undefined;
    throw e;
  });
  return present !== undefined && present.length === bytes.length && present.every((b, i) => b === bytes[i]);
}

/** Empties staging of what is published now and of what has been overtaken. */
async function removeFinished(files: RepositoryFiles, loaded: Repository, p: Publication): Promise<void> {
  for (const path of p.schedule.finished) await files.remove(path);
  const published = { root: p.roots.at(-1), targets: p.targets, snapshot: p.snapshot, timestamp: p.timestamp };
  for (const role of ["root", "targets", "snapshot", "timestamp"] as const) {
    const staged = loaded.staged[role]?.signed.version;
    const overtaken = staged === undefined || staged <= (published[role]?.signed.version ?? 0);
    if (overtaken) await files.remove(stagingPath(role));
  }
}
