// The program of a hashing worker: takes pieces of a file until none is left, reads each straight into the core's
// memory and leaves its chaining value. Design: "The hashing core" of docs/architecture.md.
// A program of its own in the bundled file (build/hashing-core.ts): it must not import what it does not need.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { type Blake3Core, compileBlake3, instantiateBlake3, PIECE_BYTES } from "./blake3-core.ts";
import {
  finishPiece,
  identityOf,
  type PieceJob,
  pieceLength,
  takePiece,
  type WorkerEnd,
  type WorkerStart,
} from "./piece-job.ts";

function hashPieces(job: PieceJob, core: Blake3Core): WorkerEnd {
  const fd = openSync(job.file, "r");
  try {
    if (identityOf(fstatSync(fd, { bigint: true })) !== job.identity) return { end: "changed" };
    for (let piece = takePiece(job); piece !== undefined; piece = takePiece(job)) {
      const length = pieceLength(job, piece);
      for (let read = 0; read < length;) {
        const more = readSync(fd, core.input, read, length - read, piece * PIECE_BYTES + read);
        if (more === 0) return { end: "changed" };
        read += more;
      }
      finishPiece(job, piece, core.hashPiece(length, piece, false));
    }
    return { end: "done" };
  } finally {
    closeSync(fd);
  }
}

async function run({ job, wasm }: WorkerStart): Promise<WorkerEnd> {
  try {
    return hashPieces(job, await instantiateBlake3(await compileBlake3(wasm)));
  } catch (e) {
    const { message, code } = e as NodeJS.ErrnoException; // fs and instantiateBlake3 throw nothing but errors
    return { end: "failed", message, code };
  }
}

parentPort?.postMessage(await run(workerData as WorkerStart)); // startPieceWorkers gives nothing else
