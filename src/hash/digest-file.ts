// Measures a file: length, SHA-256, BLAKE3 and piece list, in flat memory. Design: "The hashing core" of
// docs/architecture.md: SHA-256 by the host's own code on this thread while workers do BLAKE3 by pieces.
// Must not: judge what it measured (`src/trust/proof.ts` does), open anything but the one file.
import { readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { resolve } from "node:path";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Digests, Opts } from "../api.ts";
import { asUpdateError } from "../errors.ts";
import { PIECE_BYTES } from "./blake3-core.ts";
import { createDualDigest, type DualDigest } from "./dual-digest.ts";
import { loadBlake3Core } from "./load-core.ts";
import {
  createPieceJob,
  finishedPieces,
  finishPiece,
  identityOf,
  type PieceJob,
  pieceLength,
  takePiece,
} from "./piece-job.ts";
import { rootOfPieces } from "./piece-tree.ts";
import { fileChanged, type PieceWorkers, startPieceWorkers, type WorkerHost, workersOfHost } from "./piece-workers.ts";
import { createSha256 } from "./sha256.ts";

export interface DigestOpts extends Opts {
  /** Called again and again with the bytes hashed so far, at last with all of them. */
  readonly onProgress?: (bytesDone: number) => void;
}

export interface MeasuredFile {
  readonly digests: Digests;
  /** 32 bytes for each MiB; empty for a file of one piece. */
  readonly pieces: Uint8Array;
}

// Stays in a core's own cache while it is hashed: a quarter of what one usually has.
const BUFFER_BYTES = 256 * 1024;

// Reads are synchronous: handing a buffer to another thread and back costs more than reading it from the page cache,
// and on two processors there is no third one to do it. After so many bytes, two milliseconds, others get a turn.
const TURN_BYTES = 4 * PIECE_BYTES;

// Starting a worker takes 15 to 40 ms on the runtimes; one thread hashes this much in about that time.
const MIN_SHARED_BYTES = 32 * PIECE_BYTES;

/**
 * Hashes a whole file.
 * @throws UpdateError E_IO when it cannot be read or is changed meanwhile; E_INTERRUPTED on abort; E_INTERNAL when a
 *   worker dies or the hashing core does not work on this host
 */
export async function digestFile(file: string, o: DigestOpts): Promise<Digests> {
  return (await measureFile(file, o)).digests;
}

/** The same, with the piece list. @param host tests only */
export async function measureFile(file: string, o: DigestOpts, host?: WorkerHost): Promise<MeasuredFile> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, "r");
    const before = await handle.stat({ bigint: true });
    const identity = identityOf(before);
    const length = Number(before.size);
    const measured = await measureTogether(handle, createPieceJob(resolve(file), identity, length), o, host) ??
      await measureAlone(handle, length, o);
    const unchanged = identityOf(await handle.stat({ bigint: true })) === identity;
    if (measured.digests.length !== length || !unchanged) throw fileChanged(file);
    return measured;
  } catch (e) {
    throw asUpdateError(e, o.signal.aborted ? "E_INTERRUPTED" : "E_IO"); // an abort may have any reason
  } finally {
    await handle?.close();
  }
}

async function measureAlone(handle: FileHandle, length: number, o: DigestOpts): Promise<MeasuredFile> {
  const digest = await createDualDigest();
  await digestRange(handle, digest, length, o);
  return { digests: digest.digest(), pieces: digest.pieces() };
}

/** Undefined where threads gain nothing or cannot be had. */
async function measureTogether(
  handle: FileHandle,
  job: PieceJob,
  o: DigestOpts,
  host: WorkerHost | undefined,
): Promise<MeasuredFile | undefined> {
  if (job.pieces < 2 || (host === undefined && job.length < MIN_SHARED_BYTES)) return undefined;
  const workers = startPieceWorkers(job, host ?? workersOfHost());
  if (workers === undefined) return undefined;
  try {
    return await measureWith(workers, handle, job, o);
  } finally {
    workers.stop();
  }
}

async function measureWith(
  workers: PieceWorkers,
  handle: FileHandle,
  job: PieceJob,
  o: DigestOpts,
): Promise<MeasuredFile> {
  const sha256 = await createSha256();
  let hashed = 0;
  const step = () => {
    o.signal.throwIfAborted();
    workers.check();
    // Half of the work is BLAKE3's; its last piece may be shorter.
    o.onProgress?.(Math.floor((hashed + Math.min(finishedPieces(job) * PIECE_BYTES, job.length)) / 2));
  };
  await forEachBuffer(handle, job.length, (bytes) => {
    sha256.update(bytes);
    hashed += bytes.length;
    step();
  });
  const digest = sha256.digest();
  // This thread is free now: it takes pieces like the workers.
  const core = await loadBlake3Core();
  const turn = createTurns();
  for (let piece = takePiece(job); piece !== undefined; piece = takePiece(job)) {
    const length = pieceLength(job, piece);
    if (readFully(handle, core.input, length, piece * PIECE_BYTES) < length) throw fileChanged(job.file);
    finishPiece(job, piece, core.hashPiece(length, piece, false));
    step();
    await turn(length);
  }
  await workers.done();
  step();
  const pieces = job.values.slice();
  const blake3 = bytesToHex(rootOfPieces(core, pieces));
  return { digests: { length: hashed, sha256: digest, blake3 }, pieces };
}

/** @returns fewer bytes than `length` when the file ends before */
function readFully({ fd }: FileHandle, into: Uint8Array, length: number, position: number): number {
  let done = 0;
  while (done < length) {
    const read = readSync(fd, into, done, length - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

/** Feeds the first `bytes` bytes of an open file to a digest, or fewer when the file ends before. */
export async function digestRange(handle: FileHandle, digest: DualDigest, bytes: number, o: DigestOpts): Promise<void> {
  await forEachBuffer(handle, bytes, (buffer) => {
    o.signal.throwIfAborted();
    digest.update(buffer);
    o.onProgress?.(digest.length);
  });
}

async function forEachBuffer(handle: FileHandle, bytes: number, use: (buffer: Uint8Array) => void): Promise<void> {
  const buffer = new Uint8Array(BUFFER_BYTES);
  const turn = createTurns();
  for (let position = 0; position < bytes;) {
    const filled = readFully(handle, buffer, Math.min(BUFFER_BYTES, bytes - position), position);
    if (filled === 0) return;
    position += filled;
    use(buffer.subarray(0, filled));
    await turn(filled);
  }
}

/** To be called with the bytes done since the last call: lets timers, signals and messages in from time to time. */
function createTurns(): (bytes: number) => Promise<void> | undefined {
  let sinceTurn = 0;
  return (bytes) => {
    sinceTurn += bytes;
    if (sinceTurn < TURN_BYTES) return undefined;
    sinceTurn = 0;
    return new Promise((resolve) => setImmediate(resolve));
  };
}
