// Delta files of a repository: proven as a reader will, by their signed head and by what they make.
// Design: "Delta" of docs/formats.md. Must not: write, take a delta for right because it is there.
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { Artifact, Delta, Opts } from "../api.ts";
import { deltaHeadBytes, deltaPath, readDeltaHead } from "../delta/delta-head.ts";
import { openPieceMaker, requirePatch } from "../delta/piece-maker.ts";
import { UpdateError } from "../errors.ts";
import { artifactName, targetPath } from "../trust/naming.ts";
import { artifactPath, createRepositoryFiles } from "./repository.ts";

/** Where a repository has a delta, relative and with slashes. */
export function deltaFilePath(artifact: Artifact, delta: Delta): string {
  return deltaPath(artifactPath(artifact.path, artifact.sha256), delta);
}

/** Where a repository has, or once had, the artifact that a delta starts from. */
function deltaBasePath(artifact: Artifact, { from }: Delta): string {
  return artifactPath(targetPath(from.version, artifactName({ ...artifact, version: from.version })), from.sha256);
}

/**
 * Reads a delta file; every byte of it is then the signed one.
 * @returns undefined when there is none
 * @throws UpdateError E_HASH_MISMATCH when it is another one, E_MALFORMED, E_IO
 */
export async function readDeltaFile(folder: string, artifact: Artifact, delta: Delta): Promise<Uint8Array | undefined> {
  const path = deltaFilePath(artifact, delta);
  const wrong = () =>
    new UpdateError("E_HASH_MISMATCH", `${path} is not the delta that is listed`, { hint: ADD_AGAIN });
  const bytes = await createRepositoryFiles(folder).read(path, delta.length).catch((e) => {
    throw e instanceof UpdateError && e.code === "E_TOO_LARGE" ? wrong() : e;
  });
  if (bytes === undefined) return undefined;
  const head = bytes.subarray(0, deltaHeadBytes(artifact.length));
  const isSigned = createHash("sha256").update(head).digest("hex") === delta.headSha256;
  if (bytes.length !== delta.length || !isSigned) throw wrong();
  for (const { offset, length, sha256 } of readDeltaHead(head, artifact, delta).patches) {
    requirePatch(sha256, bytes.subarray(offset, offset + length), path);
  }
  return bytes;
}

const ADD_AGAIN = "add the artifact again: that makes it";

/**
 * Makes the artifact with it, where the older one is still in the repository.
 * @throws UpdateError E_ABSENT, E_HASH_MISMATCH, E_MALFORMED, E_INTERRUPTED, E_IO
 */
export async function proveDeltaFile(folder: string, artifact: Artifact, delta: Delta, o: Opts): Promise<void> {
  const path = deltaFilePath(artifact, delta);
  const bytes = await readDeltaFile(folder, artifact, delta);
  if (bytes === undefined) throw new UpdateError("E_ABSENT", `${path} is missing`, { hint: ADD_AGAIN });
  const base = join(folder, deltaBasePath(artifact, delta));
  if (!await stat(base).then((s) => s.isFile(), () => false)) return;
  const head = readDeltaHead(bytes.subarray(0, deltaHeadBytes(artifact.length)), artifact, delta);
  const wrong = () =>
    new UpdateError("E_HASH_MISMATCH", `${path} does not make the artifact it is for`, { hint: ADD_AGAIN });
  const maker = await openPieceMaker(base, artifact, delta);
  try {
    if (!maker.isToArtifact(head)) throw wrong();
    for (const [piece, { offset, length }] of head.patches.entries()) {
      o.signal.throwIfAborted();
      if (await maker.make(head, piece, bytes.subarray(offset, offset + length)) === undefined) throw wrong();
    }
  } finally {
    await maker.close();
  }
}
