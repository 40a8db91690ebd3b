// Fetches one artifact from sources that may lie, break or be slow, and proves it before it appears.
// Design: "Data flow" of docs/architecture.md: by pieces, from many sources at once.
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
import { fetchArtifact } from "./fetch-artifact.ts";
import { openPieceStore } from "./piece-store.ts";
import { placeProven, proveExisting } from "./place-proven.ts";
import { createRateLimit } from "./rate-limit.ts";
import type { Strategy } from "./source-classes.ts";
import type { SourceReport } from "./source-report.ts";
import { createSupplier, type Supplier } from "./supplier.ts";

export interface DownloadOptions extends Opts {
  readonly artifact: Verified<Artifact>;
  /** Those of equal priority side by side, lower numbers first; inside a class, earlier ones get the first pieces. */
  readonly sources: readonly Source[];
  /** Sources that appear while it runs, known ones among them. Ends with the signal, and never throws. */
  readonly newSources?: ((o: Opts) => AsyncIterable<Source>) | undefined;
  /** `parallel` by default. */
  readonly strategy?: Strategy;
  readonly limits?: DownloadLimits;
  /** Folder for bytes in flight; created if missing. On the file system of the destination the last step is a rename. */
  readonly partialDir: string;
  /** The file to make; replaced when it holds something else. Its folder is created if missing. */
  readonly destination: string;
  readonly onEvent: (e: DownloadEvent) => void;
  /** Called once when sources could be asked, however it ends: what each of them did. */
  readonly onReports?: (reports: readonly SourceReport[]) => void;
}

/** What a download may take; undefined for no limit. */
export interface DownloadLimits {
  readonly bytesPerSecond?: number | undefined;
  readonly bytesPerSecondPerSource?: number | undefined;
  /** 4 by default. */
  readonly connectionsPerSource?: number | undefined;
}

export interface Download {
  readonly file: Verified<LocalFile>;
  /** Id of the source that gave most; "cache" when the file was there already. */
  readonly source: string;
  /** What each source did, in the order in which they were asked. */
  readonly sources: readonly SourceReport[];
  /** Bytes sent by sources, those that were thrown away included. */
  readonly bytesFetched: number;
  /** Bytes that came out of an older version that is here. */
  readonly bytesReused: number;
  /** Bytes of an earlier run that did not have to be fetched again. */
  readonly bytesResumed: number;
  /** From the last byte that came to the proof of the whole, in milliseconds. */
  readonly proofMs: number;
  /** Sources that gave wrong bytes. */
  readonly refused: readonly FailedAttempt[];
}

// More gain little where one is not enough, and look like an attack to small servers.
const DEFAULT_CONNECTIONS = 4;
const EARLIER_RUN = "an earlier run";
// Who makes up identities is another source each time. As many as a node has connections, and as many again.
const MAX_SUPPLIERS = 200;
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
  if (existing !== undefined) {
    return {
      file: existing,
      source: "cache",
      sources: [],
      bytesFetched: 0,
      bytesReused: 0,
      bytesResumed: 0,
      proofMs: 0,
      refused: [],
    };
  }
  const limits = {
    maxReads: o.limits?.connectionsPerSource ?? DEFAULT_CONNECTIONS,
    bytesPerSecond: o.limits?.bytesPerSecondPerSource,
  };
  const suppliers = [...o.sources].sort((a, b) => a.priority - b.priority)
    .map((source) => createSupplier(source, artifact, limits));
  const isOver = new AbortController();

  async function* newcomers(): AsyncGenerator<Supplier> {
    const ends = AbortSignal.any([signal, isOver.signal]);
    for await (const source of o.newSources?.({ signal: ends }) ?? []) {
      const known = suppliers.find((s) => s.source.id === source.id);
      known?.revive(); // who is back is who he was: a liar stays out
      if (known !== undefined || suppliers.length >= MAX_SUPPLIERS) continue;
      const supplier = createSupplier(source, artifact, limits);
      suppliers.push(supplier);
      yield supplier;
    }
  }

  const store = await openPieceStore({ artifact, partialDir: o.partialDir, signal, onHashing });
  try {
    await requireFreeSpace(o.partialDir, artifact.length - store.heldBytes);
    const { file, proofMs } = await fetchArtifact({
      ...o,
      store,
      suppliers,
      newcomers: newcomers(),
      strategy: o.strategy ?? "parallel",
      limit: createRateLimit(o.limits?.bytesPerSecond),
      prove: (measured) => proveFile(artifact, destination, measured),
    });
    const bytesResumed = store.resumedBytes;
    await store.close(); // Windows does not rename open files
    await placeProven(artifact, store.file, destination, { signal });
    return { ...summary(suppliers.map((s) => s.report)), file, bytesResumed, proofMs: Math.round(proofMs) };
  } finally {
    isOver.abort();
    o.onReports?.(suppliers.map((s) => s.report));
    await Promise.allSettled(suppliers.map((s) => s.close())); // whatever they say, the thread and its files must go
    await store.close();
  }
}

function summary(sources: readonly SourceReport[]): Omit<Download, "file" | "bytesResumed" | "proofMs"> {
  const [most] = [...sources].sort((a, b) => b.pieces - a.pieces);
  return {
    sources,
    source: most !== undefined && most.pieces > 0 ? most.id : EARLIER_RUN,
    bytesFetched: sources.reduce((sum, s) => sum + s.bytes, 0),
    bytesReused: sources.reduce((sum, s) => sum + s.reusedBytes, 0),
    refused: sources.flatMap(({ id, lies, error }) => lies > 0 && error !== undefined ? [{ source: id, error }] : []),
  };
}
