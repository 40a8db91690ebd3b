// Starts the threads that hash a file's pieces, and notices when one of them dies.
// Design: "The hashing core" of docs/architecture.md.
// Must not: wait for a thread that cannot answer any more.
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { asUpdateError, UpdateError } from "../errors.ts";
import { type Blake3Core, compileBlake3, instantiateBlake3 } from "./blake3-core.ts";
import { coreModule, pieceWorkerUrl } from "./embedded.ts";
import { kernelForHost } from "./load-core.ts";
import {
  closeJob,
  createPieceJob,
  type OpenedFile,
  type PieceJob,
  type WorkerMessage,
  type WorkerStart,
} from "./piece-job.ts";
import { canShareMemory, withSharedMemory } from "./shared-memory.ts";
import { hasWebWorkers, startWebWorker, type Thread } from "./web-worker.ts";

/** It is told everything at its start. */
export type HashingThread = Pick<Thread, "on" | "terminate">;

/** What a host has to say about threads; tests say something else. */
export interface WorkerHost {
  /** How many to start; 0 where they gain nothing. */
  readonly count: number;
  start(url: URL, start: WorkerStart): HashingThread;
}

// BLAKE3 in one worker is as fast as a native SHA-256 on V8 and half as fast on JavaScriptCore: a third never helps.
const MAX_WORKERS = 2;

const WORKER_NAME = "dchat-update hashing";

export function workersOfHost(): WorkerHost {
  return {
    count: Math.min(availableParallelism() - 1, MAX_WORKERS),
    start: hasWebWorkers() ? (url, start) => startWebWorker(url, start, WORKER_NAME) : startNodeWorker,
  };
}

function startNodeWorker(url: URL, workerData: WorkerStart): HashingThread {
  // No flags of the main program: `--input-type` and `--eval` mean something else for a worker. Nor its environment,
  // which would be copied.
  return new Worker(url, { workerData, execArgv: [], env: {}, name: WORKER_NAME });
}

export interface PieceWorkers {
  readonly job: PieceJob;
  /** Where a worker reads to; undefined until it is ready. */
  placesOf(thread: number | undefined): Uint8Array | undefined;
  /**
   * A core for the main thread, of the same module as theirs: an engine compiles it once for all threads.
   * @throws UpdateError E_INTERNAL when the host cannot run it or it gives a wrong digest
   */
  createCore(): Promise<Blake3Core>;
  /** Throws what went wrong so far; costs nothing. */
  check(): void;
  /** Waits until every worker has ended well; rejects as soon as one has not. */
  done(): Promise<void>;
  /** Ends them all, whatever they do. */
  stop(): void;
}

/** @returns undefined where no worker can be started or share memory with this thread: then one thread does it all */
export function startPieceWorkers(file: OpenedFile, host: WorkerHost): PieceWorkers | undefined {
  if (host.count === 0 || !canShareMemory()) return undefined;
  const job = createPieceJob(file, 1 + host.count);
  const wasm = withSharedMemory(coreModule(`blake3-${kernelForHost()}`));
  const workers: HashingThread[] = [];
  try {
    for (let thread = 1; thread <= host.count; thread++) {
      workers.push(host.start(pieceWorkerUrl(), { job, thread, wasm }));
    }
  } catch {
    // Forbidden (Node's permission model) or out of threads. Those that did start do the work.
  }
  if (workers.length === 0) return undefined;
  let failure: UpdateError | undefined;
  const places = new Map<number | undefined, Uint8Array>();
  const ends = workers.map((worker, i) =>
    endOf(worker, (itsPlaces) => places.set(1 + i, itsPlaces)).catch((e) => {
      throw failure ??= asUpdateError(e);
    })
  );
  const all = Promise.all(ends);
  all.catch(() => {}); // whoever waits is told; until then `check` tells
  return {
    job,
    createCore: async () => await instantiateBlake3(await compileBlake3(wasm)),
    placesOf: (thread) => places.get(thread),
    check() {
      if (failure !== undefined) throw failure;
    },
    done: async () => void await all,
    stop() {
      closeJob(job);
      for (const worker of workers) void worker.terminate();
    },
  };
}

/** @param onReady is given the places of its core */
function endOf(worker: HashingThread, onReady: (places: Uint8Array) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.on("message", (message) => {
      const m = message as WorkerMessage; // src/hash/piece-worker.ts says nothing else
      if ("places" in m) onReady(m.places);
      else if (m.end === "done") resolve();
      else reject(new UpdateError(m.code, m.message, m.hint === undefined ? {} : { hint: m.hint }));
    });
    worker.on("error", (e) => reject(died(e)));
    worker.on("messageerror", (e) => reject(died(e)));
    worker.on("exit", () => reject(died(undefined))); // after the message it changes nothing
  });
}

function died(cause: unknown): UpdateError {
  const reason = cause instanceof Error ? `: ${cause.message}` : "";
  return new UpdateError("E_INTERNAL", `a hashing worker ended before its work was done${reason}`, {
    cause,
    hint: "run the same command again",
  });
}
