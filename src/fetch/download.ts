// Fetches one artifact from sources that may lie, break or be slow, and proves it before it appears.
// Design: "Data flow" of docs/architecture.md: cache, then by priority, until one succeeds.
// Must not: know any channel, let anything unproven stand at the destination.

import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Artifact, LocalFile, Opts, Source, Verified } from "../api.ts";
import { sweepLeftovers } from "../disk/atomic-file.ts";
import { requireFreeSpace } from "../disk/free-space.ts";
import { withLock } from "../disk/lock.ts";
import { asUpdateError, type FailedAttempt } from "../errors.ts";
import { proveFile } from "../trust/proof.ts";
import type { DownloadEvent } from "./download-event.ts";
import { fetchFromSources } from "./fetch-from-sources.ts";
import { openPartialFile } from "./partial-file.ts";
import { placeProven, proveExisting } from "./place-proven.ts";

export type { DownloadEvent };

export interface DownloadOptions extends Opts {
  readonly artifact: Verified<Artifact>;
  /** Asked one after another, lower priority numbers first. */
  readonly sources: readonly Source[];
  /** Folder for bytes in flight; created if missing. On the file system of the destination the last step is a rename. */
  readonly partialDir: string;
  /** The file to make; replaced when it holds something else. Its folder is created if missing. */
  readonly destination: string;
  readonly onEvent: (e: DownloadEvent) => void;
}

export interface Download {
  readonly file: Verified<LocalFile>;
  /** Id of the source of the last byte; "cache" when the file was there already. */
  readonly source: string;
  /** Bytes sent by sources, those that were thrown away included. */
  readonly bytesFetched: number;
  /** Bytes of an earlier run that did not have to be fetched again. */
  readonly bytesResumed: number;
  /** Sources that gave wrong bytes. */
  readonly refused: readonly FailedAttempt[];
}

// Another process may be fetching gigabytes over a slow line; whoever waits can be interrupted.
const LOCK_WAIT_MS = 3_600_000;

/**
 * Makes `destination` the proven artifact. Whatever interrupts it, the next call with the same `partialDir` resumes.
 * @throws AllSourcesFailedError with each source's reason, the gravest code on top; UpdateError E_NO_SOURCE,
 *   E_DISK_FULL, E_IO, E_LOCKED, E_INTERRUPTED
 */
export async function downloadArtifact(o: DownloadOptions): Promise<Download> {
  const { artifact, partialDir } = o;
  try {
    await mkdir(partialDir, { recursive: true });
    await mkdir(dirname(o.destination), { recursive: true });
    await sweepLeftovers(partialDir);
    const lock = join(partialDir, `${artifact.sha256}.lock`);
    const onWait = ({ pid }: { pid: number }) => o.onEvent({ type: "waiting", pid });
    return await withLock(lock, { signal: o.signal, waitMs: LOCK_WAIT_MS, onWait }, () => downloadLocked(o));
  } catch (e) {
    throw asUpdateError(e);
  }
}

async function downloadLocked(o: DownloadOptions): Promise<Download> {
  const { artifact, destination, signal } = o;
  const onHashing = (bytes: number) => o.onEvent({ type: "hashing", bytes, total: artifact.length });
  const existing = await proveExisting(artifact, destination, { signal, onProgress: onHashing });
  if (existing !== undefined) return { file: existing, source: "cache", bytesFetched: 0, bytesResumed: 0, refused: [] };
  const file = join(o.partialDir, `${artifact.sha256}.part`);
  const partial = await openPartialFile({ file, maxLength: artifact.length, signal, onHashing });
  try {
    await requireFreeSpace(o.partialDir, artifact.length - partial.length);
    const { proof, ...fetched } = await fetchFromSources(partial, {
      ...o,
      prove: (measured) => proveFile(artifact, destination, measured),
    });
    const bytesResumed = partial.resumedBytes;
    await partial.close(); // Windows does not rename open files
    await placeProven(artifact, file, destination, { signal });
    return { ...fetched, file: proof, bytesResumed };
  } finally {
    await partial.close();
  }
}
