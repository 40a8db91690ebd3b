// Reads the next publication as our own client will, before anyone else can: what a client would refuse is never
// published. Also tells whether readers who have not seen a new root yet will get by.
// Design: "What happens when you publish" of docs/publishing.md. Must not: write anything.
import { Buffer } from "node:buffer";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Opts } from "../api.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import { measureFile } from "../hash/digest-file.ts";
import { applyBundle, applySchedule, type RawBundle, readBundle, writeBundle } from "../trust/bundle.ts";
import { certificateBytes } from "../trust/certificate.ts";
import { ANY_TIME, type Clock, pinRoot, type TrustState } from "../trust/client.ts";
import { missingCertificates } from "../trust/effect.ts";
import type { TopLevelRole } from "../trust/metadata.ts";
import { proveFile } from "../trust/proof.ts";
import { listReleases, type Releases } from "../trust/releases.ts";
import { networkOf, requireNetwork } from "../trust/x-dchat.ts";
import { pieceListPath } from "./copy-file.ts";
import { proveDeltaFile } from "./delta-file.ts";
import { proveListedMirrors } from "./mirror-list.ts";
import type { Publication } from "./prepare.ts";
import { artifactPath, createRepositoryFiles, type Repository } from "./repository.ts";
import { listedArtifacts } from "./stage-targets.ts";

export interface ProvenPublication {
  readonly network: string;
  readonly bundle: Uint8Array;
  readonly releases: Releases;
  /** True when a reader of the old root accepts it too: the timestamp may then come before the root. */
  readonly readableUnderOldRoot: boolean;
  /** True when a reader of the new root accepts what is published now: the root may then come first. */
  readonly oldReadableUnderNewRoot: boolean;
}

/**
 * @param folder where the artifacts are
 * @throws UpdateError what a client would say, or E_ABSENT for an artifact that is not there
 */
export async function provePublication(
  folder: string,
  repository: Repository,
  publication: Publication,
  o: Opts & { readonly nowMs: number },
): Promise<ProvenPublication> {
  const clock: Clock = { nowMs: o.nowMs, expired: "refuse" };
  const first = publication.roots[0];
  const last = publication.roots.at(-1);
  if (first === undefined || last === undefined) throw new UpdateError("E_INTERNAL", "a publication without a root");
  const network = networkOf(first.signed);
  requireNetwork(last.signed, network);
  const raw = rawBundle(network, publication);

  // A reader who starts from the first root, over the very bytes of the bundle.
  const state = withHint(() => {
    const fresh = applySchedule(applyBundle(pinRoot(first.envelope.bytes), raw, clock), raw);
    const bundle = readBundle(writeBundle(fresh, network));
    return applySchedule(applyBundle(pinRoot(first.envelope.bytes), bundle, clock), bundle);
  });
  const [missing] = missingCertificates(state);
  if (missing !== undefined) {
    throw new UpdateError(
      "E_ABSENT",
      `certificate ${missing.sequence}, which the published snapshot names, is missing`,
      {
        hint: "restore schedule/ from a mirror, or give the file: `governance vote FILE --repo REPO`",
      },
    );
  }
  const published = publishedState(repository.roots, repository, network);
  if (published !== undefined) withHint(() => applyBundle(published, raw, clock));

  const releases = listReleases(state, clock);
  await proveArtifacts(folder, releases, published, o);
  const mirrors = await proveListedMirrors(createRepositoryFiles(folder), state, clock);
  const oldRoots = { ...raw, roots: repository.roots.map((r) => r.envelope.bytes) };
  return {
    network,
    bundle: writeBundle(state, network, mirrors),
    releases,
    readableUnderOldRoot: published !== undefined && accepts(published, oldRoots, clock),
    oldReadableUnderNewRoot: publishedState(publication.roots, repository, network) !== undefined,
  };
}

function rawBundle(
  network: string,
  p: Omit<Publication, "schedule"> & { readonly schedule?: Publication["schedule"] },
): RawBundle {
  return {
    network,
    roots: p.roots.map((r) => r.envelope.bytes),
    timestamp: p.timestamp.envelope.bytes,
    snapshot: p.snapshot.envelope.bytes,
    targets: p.targets.envelope.bytes,
    delegated: new Map(),
    schedule: (p.schedule?.certificates ?? []).map(certificateBytes),
  };
}

/** What a reader of these roots trusts of the published files, expired or not; undefined when it would refuse them. */
export function publishedState(
  roots: Publication["roots"],
  { timestamp, snapshot, targets }: Repository,
  network: string,
): TrustState | undefined {
  const [first] = roots;
  if (first === undefined || timestamp === undefined || snapshot === undefined || targets === undefined) {
    return undefined;
  }
  try {
    const raw = rawBundle(network, { roots, timestamp, snapshot, targets });
    return applyBundle(pinRoot(first.envelope.bytes), raw, ANY_TIME);
  } catch (e) {
    // Also after a publication that broke off between a new root and its timestamp: the next one mends it.
    if (e instanceof UpdateError) return undefined;
    throw e;
  }
}

function accepts(state: TrustState, raw: RawBundle, clock: Clock): boolean {
  try {
    applyBundle(state, raw, clock);
    return true;
  } catch (e) {
    if (e instanceof UpdateError) return false;
    throw e;
  }
}

const RENEWED_BY: Readonly<Record<TopLevelRole, string>> = {
  root: "`release rotate-root`",
  targets: "`release refresh --targets`",
  snapshot: "`release refresh --snapshot`",
  timestamp: "`release refresh`",
};

/** The command that makes the next version of a role. */
export function renewCommand(role: TopLevelRole): string {
  return RENEWED_BY[role];
}

function withHint<T>(f: () => T): T {
  try {
    return f();
  } catch (e) {
    if (!(e instanceof UpdateError) || e.code !== "E_EXPIRED") throw e;
    throw new UpdateError("E_EXPIRED", e.message, {
      cause: e,
      hint: `renew it first: ${Object.values(RENEWED_BY).join(", ")}`,
    });
  }
}

/** Every named artifact must be there; what is new, artifacts and deltas, is proven as a client would. */
async function proveArtifacts(
  folder: string,
  releases: Releases,
  published: TrustState | undefined,
  o: Opts,
): Promise<void> {
  const [unusable] = releases.unusable;
  if (unusable !== undefined) throw unusable.error;
  const known = listedArtifacts(published?.targets.get("targets")?.signed);
  for (const artifact of releases.artifacts) {
    const path = artifactPath(artifact.path, artifact.sha256);
    const file = join(folder, path);
    const size = await stat(file).then((s) => s.size, (e) => {
      if (e.code === "ENOENT") return undefined;
      throw asUpdateError(e, "E_IO");
    });
    if (size === undefined) {
      throw new UpdateError("E_ABSENT", `${path} is missing`, {
        hint: "add the file again, or merge the copy of the repository that has it",
      });
    }
    const before = known.find((a) => a.path === artifact.path && a.sha256 === artifact.sha256);
    if (before === undefined || size !== artifact.length) {
      const { digests, pieces } = await measureFile(file, o);
      proveFile(artifact, file, digests);
      await provePieceList(pieceListPath(path), folder, pieces);
    }
    const published = new Set(before?.deltas?.map((delta) => delta.headSha256));
    for (const delta of artifact.deltas ?? []) {
      if (!published.has(delta.headSha256)) await proveDeltaFile(folder, artifact, delta, o);
    }
  }
}

/** Anyone may supply a piece list, but ours is never a wrong one. */
async function provePieceList(path: string, folder: string, pieces: Uint8Array): Promise<void> {
  if (pieces.length === 0) return;
  const found = await createRepositoryFiles(folder).read(path, pieces.length).catch((e) => {
    if (e instanceof UpdateError && e.code === "E_TOO_LARGE") return new Uint8Array(0); // wrong, whatever it is
    throw e;
  });
  if (found !== undefined && Buffer.compare(found, pieces) === 0) return;
  const code = found === undefined ? "E_ABSENT" : "E_HASH_MISMATCH";
  throw new UpdateError(code, `${path} is ${found === undefined ? "missing" : "not that of its artifact"}`, {
    hint: "add the file again: that makes it",
  });
}
