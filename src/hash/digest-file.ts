// Measures a file: length, SHA-256, BLAKE3 and piece list, in flat memory. Design: "The hashing core" of
// docs/architecture.md: SHA-256 by the host's own code on this thread while workers read the file and do BLAKE3.
// Must not: judge what it measured (`src/trust/proof.ts` does), open anything but the one file.
import { closeSync, fstatSync } from "node:fs";
import { resolve } from "node:path";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Digests, Opts } from "../api.ts";
import { openForReading, readAt } from "../disk/raw-file.ts";
import { asUpdateError, type UpdateError } from "../errors.ts";
import { PART_BYTES, PIECE_BYTES, PIECE_PARTS } from "./blake3-core.ts";
import { createDualDigest } from "./dual-digest.ts";
import { createPartHasher, fileChanged } from "./part-hasher.ts";
import {
  holderOf,
  identityOf,
  MAIN_THREAD,
  type OpenedFile,
  partAt,
  partLength,
  releasePart,
  waitForPart,
} from "./piece-job.ts";
import { mergeNeighbours, rootOfPieces } from "./piece-tree.ts";
import { type PieceWorkers, startPieceWorkers, type WorkerHost, workersOfHost } from "./piece-workers.ts";
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

/** A file that is open and about to be measured. */
export interface FileMeasurement extends Disposable {
  /** Why it cannot be read: `measure` would throw it. */
  readonly failure: UpdateError | undefined;
  /**
   * Does the work; may be called once.
   * @throws UpdateError as `digestFile`
   */
  measure(o: DigestOpts): Promise<MeasuredFile>;
}

// Stays in a core's own cache while it is hashed: a quarter of what one usually has.
const BUFFER_BYTES = 256 * 1024;

// Reads are synchronous: handing a buffer to another thread and back costs more than reading it from the page cache,
// and on two processors there is no third one to do it. After so many bytes, 5 to 10 ms, others get a turn.
const TURN_BYTES = 8 * PIECE_BYTES;

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
  using measurement = prepareMeasurement(file, host);
  return await measurement.measure(o);
}

/**
 * Opens a file and starts the workers for it, which takes them a while: the caller may do something else before it
 * measures. Does not throw; what is wrong with the file is told by `measure`.
 * @param host tests only
 */
export function prepareMeasurement(file: string, host?: WorkerHost): FileMeasurement {
  let open: OpenFile | undefined;
  let failure: UpdateError | undefined;
  try {
    open = openFile(file, host);
  } catch (e) {
    failure = asUpdateError(e, "E_IO");
  }
  return {
    failure,
    async measure(o) {
      if (open === undefined) throw failure;
      try {
        const { fd, length, workers } = open;
        const measured = await (workers === undefined ? measureAlone(fd, length, o) : measureWith(workers, fd, o));
        const unchanged = identityOf(fstatSync(fd, { bigint: true })) === open.identity;
        if (measured.digests.length !== length || !unchanged) throw fileChanged(file);
        return measured;
      } catch (e) {
        throw asUpdateError(e, o.signal.aborted ? "E_INTERRUPTED" : "E_IO"); // an abort may have any reason
      }
    },
    [Symbol.dispose]() {
      open?.workers?.stop();
      if (open !== undefined) closeSync(open.fd);
      open = undefined;
    },
  };
}

interface OpenFile extends OpenedFile {
  readonly fd: number;
  /** Undefined where threads gain nothing or cannot be had. */
  readonly workers: PieceWorkers | undefined;
}

function openFile(file: string, host: WorkerHost | undefined): OpenFile {
  const fd = openForReading(file);
  try {
    const stats = fstatSync(fd, { bigint: true });
    const opened = { file: resolve(file), identity: identityOf(stats), length: Number(stats.size) };
    const isShared = opened.length > PIECE_BYTES && (host !== undefined || opened.length >= MIN_SHARED_BYTES);
    return { ...opened, fd, workers: isShared ? startPieceWorkers(opened, host ?? workersOfHost()) : undefined };
  } catch (e) {
    closeSync(fd);
    throw e;
  }
}

async function measureAlone(fd: number, length: number, o: DigestOpts): Promise<MeasuredFile> {
  const digest = await createDualDigest();
  const buffer = new Uint8Array(BUFFER_BYTES);
  const turn = createTurns();
  while (digest.length < length) {
    o.signal.throwIfAborted();
    const bytes = buffer.subarray(0, readAt(fd, buffer.subarray(0, length - digest.length), digest.length));
    if (bytes.length === 0) break; // `measure` sees that it is too short
    digest.update(bytes);
    o.onProgress?.(digest.length);
    await turn(bytes.length);
  }
  return { digests: digest.digest(), pieces: digest.pieces() };
}

async function measureWith(workers: PieceWorkers, fd: number, o: DigestOpts): Promise<MeasuredFile> {
  const { job } = workers;
  const sha256 = await createSha256();
  const core = await workers.createCore();
  const hasher = createPartHasher(job, MAIN_THREAD, fd, core);
  const turn = createTurns();
  let part = 0; // the next one for SHA-256
  /**
   * Does what can be done next. Not in the loop itself: Node 20 optimises an async function with all that it calls, which
   * takes 40 ms of a processor that has other things to do.
   * @returns its bytes; 0 where another thread has to do something first
   */
  const step = (): number => {
    const length = partLength(job, part);
    const holder = holderOf(job, part);
    const places = holder?.thread === MAIN_THREAD ? core.places : workers.placesOf(holder?.thread);
    if (holder !== undefined && places !== undefined) {
      sha256.update(partAt(places, holder.place, length));
      releasePart(job, holder.thread);
      part++;
      return length;
    }
    // The next part nobody has taken: this one, or one behind it while a worker is reading this one.
    return holder === undefined && hasher.hashNext() ? length : 0;
  };
  while (part < job.parts) {
    o.signal.throwIfAborted();
    workers.check();
    const first = part;
    const bytes = step();
    if (bytes === 0) {
      waitForPart(job, part);
      await nextTurn(); // a worker has said where it reads to, or has died
    } else {
      const pause = turn(bytes);
      if (pause !== undefined) await pause;
    }
    if (part > first) o.onProgress?.(Math.min(part * PART_BYTES, job.length));
  }
  await workers.done();
  const pieces = mergeNeighbours(core, job.values, PIECE_PARTS);
  const blake3 = bytesToHex(rootOfPieces(core, pieces));
  return { digests: { length: job.length, sha256: sha256.digest(), blake3 }, pieces };
}

/** To be called with the bytes done since the last call: lets timers, signals and messages in from time to time. */
function createTurns(): (bytes: number) => Promise<void> | undefined {
  let sinceTurn = 0;
  return (bytes) => {
    sinceTurn += bytes;
    if (sinceTurn < TURN_BYTES) return undefined;
    sinceTurn = 0;
    return nextTurn();
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
