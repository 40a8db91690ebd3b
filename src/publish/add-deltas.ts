// Makes the deltas of an artifact that was just added: from which older ones, and whether each is worth it.
// Design: docs/publishing.md, "Deltas". Must not: change the list of artifacts, touch what is published.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Artifact, Delta, Opts } from "../api.ts";
import { canHaveDelta } from "../delta/delta-head.ts";
import { writeFileAtomic } from "../disk/atomic-file.ts";
import { asUpdateError, systemCode, UpdateError } from "../errors.ts";
import { compareVersions } from "../trust/naming.ts";
import { MAX_DELTAS } from "../trust/releases.ts";
import { pieceListPath } from "./copy-file.ts";
import { deltaFilePath, readDeltaFile } from "./delta-file.ts";
import { MAX_COMPARED_BYTES } from "./find-copies.ts";
import { makeDelta } from "./make-delta.ts";
import { artifactPath } from "./repository.ts";

/** The release before it, of its own channel and of any; or from these versions, none for an empty list. */
export type DeltaBases = "previous" | readonly string[];

/** A delta must spare at least so much of the artifact, or it is only in the way. */
const MIN_SPARED = 0.5;

export interface DeltaOptions extends Opts {
  /** So many bytes of the artifact are compared with that version. */
  readonly onDelta?: ((fromVersion: string, bytes: number) => void) | undefined;
}

/**
 * Writes the delta files of an artifact that is in the repository, with its piece list.
 * @param listed all artifacts of the list, this one's predecessor of the same bytes among them if there was one
 * @returns what to sign; what was signed for these bytes before is kept while its files are right
 * @throws UpdateError E_USAGE for a version that cannot be built upon, E_HASH_MISMATCH for a damaged older artifact,
 *   E_IO, E_DISK_FULL, E_INTERRUPTED
 */
export async function addDeltas(
  folder: string,
  artifact: Artifact,
  listed: readonly Artifact[],
  wanted: DeltaBases,
  o: DeltaOptions,
): Promise<Delta[]> {
  const old = listed.find((a) => a.path === artifact.path && a.sha256 === artifact.sha256)?.deltas ?? [];
  const kept: Delta[] = [];
  for (const delta of wanted.length === 0 ? [] : old) {
    if (await isRight(folder, artifact, delta)) kept.push(delta);
  }
  const made: Delta[] = [];
  for (const base of choose(artifact, listed, wanted)) {
    const delta = kept.find((d) => d.from.sha256 === base.sha256) ?? await addDelta(folder, artifact, base, o);
    if (delta !== undefined) made.push(delta);
  }
  return [...made, ...kept.filter((delta) => !made.includes(delta))].slice(0, MAX_DELTAS);
}

async function isRight(folder: string, artifact: Artifact, delta: Delta): Promise<boolean> {
  try {
    return await readDeltaFile(folder, artifact, delta) !== undefined;
  } catch (e) {
    if (e instanceof UpdateError && e.code !== "E_IO") return false;
    throw e;
  }
}

function choose(artifact: Artifact, listed: readonly Artifact[], wanted: DeltaBases): Artifact[] {
  const fitting = listed.filter((a) =>
    a.platform === artifact.platform && a.packageType === artifact.packageType && a.format === artifact.format &&
    a.version !== artifact.version
  );
  if (wanted === "previous") {
    if (!canHaveDelta(artifact.length)) return [];
    const older = fitting.filter((a) => compareVersions(a.version, artifact.version) < 0)
      .sort((a, b) => compareVersions(b.version, a.version));
    const nearest = [older.find((a) => a.channel === artifact.channel), older[0]];
    return [...new Set(nearest)].filter((a) => a !== undefined);
  }
  if (wanted.length > MAX_DELTAS) throw unusable(`at most ${MAX_DELTAS} versions can be built upon`);
  return wanted.map((version) => {
    const base = fitting.find((a) => a.version === version);
    if (base === undefined) throw unusable(`there is no ${version} of the same platform, package type and format`);
    if (canHaveDelta(artifact.length)) return base;
    throw unusable(`an artifact of ${artifact.length} bytes needs no delta`);
  });
}

function unusable(why: string): UpdateError {
  return new UpdateError("E_USAGE", `--delta-from: ${why}`, {
    hint: "leave it out: the release before is the default",
  });
}

/** @returns undefined when it would spare too little, or the older artifact is not in the repository any more */
async function addDelta(folder: string, to: Artifact, from: Artifact, o: DeltaOptions): Promise<Delta | undefined> {
  if (Math.max(to.length, from.length) > MAX_COMPARED_BYTES) return undefined;
  try {
    const base = await readIfThere(join(folder, artifactPath(from.path, from.sha256)));
    if (base === undefined) return undefined;
    if (createHash("sha256").update(base).digest("hex") !== from.sha256) {
      throw new UpdateError("E_HASH_MISMATCH", `${from.path} is damaged in this repository`, {
        hint: "restore it from a mirror or a backup, or --no-delta",
      });
    }
    const file = join(folder, artifactPath(to.path, to.sha256));
    const made = await makeDelta(base, await readFile(file), await readFile(pieceListPath(file)), {
      signal: o.signal,
      maxBytes: to.length * MIN_SPARED,
      onProgress: (bytes) => o.onDelta?.(from.version, bytes),
    });
    if (made === undefined) return undefined;
    const bytes = Buffer.concat([made.head, ...made.patches]);
    const { version, length, sha256 } = from;
    const headSha256 = createHash("sha256").update(made.head).digest("hex");
    const delta = { from: { version, length, sha256 }, length: bytes.length, headSha256 };
    await writeFileAtomic(join(folder, deltaFilePath(to, delta)), bytes, { mode: 0o644 });
    return delta;
  } catch (e) {
    throw asUpdateError(e, o.signal.aborted ? "E_INTERRUPTED" : "E_IO");
  }
}

async function readIfThere(file: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file);
  } catch (e) {
    if (systemCode(e) === "ENOENT") return undefined;
    throw e;
  }
}
