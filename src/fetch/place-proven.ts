// The last step of a download: proven bytes get their name. Design: "State on disk" of docs/architecture.md.
// Must not: let a file appear at its destination that was not measured.

import { copyFile, lstat, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Artifact, LocalFile, Opts, Verified } from "../api.ts";
import { replaceFile, sweepLeftovers, temporaryBeside } from "../disk/atomic-file.ts";
import { requireFreeSpace } from "../disk/free-space.ts";
import { asUpdateError, isIntegrityError, systemCode } from "../errors.ts";
import { digestFile, type DigestOpts } from "../hash/digest-file.ts";
import { proveFile } from "../trust/proof.ts";

/**
 * The proof of a file that is there already; undefined when it is absent or not the artifact. A link is replaced by a
 * file: what it leads to is anybody's to change.
 */
export async function proveExisting(
  artifact: Verified<Artifact>,
  file: string,
  o: DigestOpts,
): Promise<Verified<LocalFile> | undefined> {
  const info = await lstat(file).catch(() => undefined);
  if (info?.isFile() !== true || info.size !== artifact.length) return undefined;
  try {
    return proveFile(artifact, file, await digestFile(file, o));
  } catch (e) {
    if (isIntegrityError(e)) return undefined;
    throw e;
  }
}

/**
 * Moves a proven, synced file to its destination; onto another file system by a copy that is proven again.
 * @throws UpdateError E_DISK_FULL, E_IO, E_INTERRUPTED; E_HASH_MISMATCH when the copy went wrong
 */
export async function placeProven(
  artifact: Verified<Artifact>,
  proven: string,
  destination: string,
  o: Opts,
): Promise<void> {
  try {
    await replaceFile(proven, destination);
  } catch (e) {
    if (systemCode(e) !== "EXDEV") throw asUpdateError(e, "E_IO");
    await copyProven(artifact, proven, destination, o);
    await rm(proven, { force: true });
  }
}

async function copyProven(artifact: Verified<Artifact>, proven: string, destination: string, o: Opts): Promise<void> {
  const temporary = temporaryBeside(destination);
  try {
    await sweepLeftovers(dirname(destination)); // of runs that were killed here: each may be as large as the artifact
    await requireFreeSpace(dirname(destination), artifact.length);
    await copyFile(proven, temporary);
    const handle = await open(temporary, "r+");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    proveFile(artifact, destination, await digestFile(temporary, o));
    await replaceFile(temporary, destination);
  } catch (e) {
    await rm(temporary, { force: true }).catch(() => {}); // what made the copy fail says more than this would
    throw asUpdateError(e, "E_IO");
  }
}
