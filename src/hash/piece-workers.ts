// Starts the threads that hash a file's pieces, and notices when one of them dies.
// Design: "The hashing core" of docs/architecture.md.
// Must not: wait for a thread that cannot answer any more.
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { asUpdateError, UpdateError } from "../errors.ts";
import { coreModule, pieceWorkerUrl } from "./embedded.ts";
import { kernelForHost } from "./load-core.ts";
import { closeJob, type PieceJob, type WorkerEnd, type WorkerStart } from "./piece-job.ts";

/** What a host has to say about threads; tests say something else. */
export interface WorkerHost {
  /** How many to start; 0 where they gain nothing. */
  readonly count: number;
  start(url: URL, start: WorkerStart): Worker;
}

// BLAKE3 in one worker is as fast as a native SHA-256 on V8 and half as fast on JavaScriptCore: a third never helps.
const MAX_WORKERS = 2;

export function workersOfHost(): WorkerHost {
  return {
    count: Math.min(availableParallelism() - 1, MAX_WORKERS),
    // No flags of the main program: `--input-type` and `--eval` mean something else for a worker.
    start: (url, workerData) => new Worker(url, { workerData, execArgv: [], name: "dchat-update hashing" }),
  };
}

export interface PieceWorkers {
  /** Throws what went wrong so far; costs nothing. */
  check(): void;
  /** Waits until every worker has ended well; rejects as soon as one has not. */
  done(): Promise<void>;
  /** Ends them all, whatever they do. */
  stop(): void;
}

/** @returns undefined where no worker can be started: then one thread does it all */
export function startPieceWorkers(job: PieceJob, host: WorkerHost): PieceWorkers | undefined {
  const start: WorkerStart = { job, wasm: coreModule(`blake3-${kernelForHost()}`) };
  const workers: Worker[] = [];
  try {
    for (let i = 0; i < host.count; i++) workers.push(host.start(pieceWorkerUrl(), start));
  } catch {
    // Forbidden (Node's permission model) or out of threads. Those that did start do the work.
  }
  if (workers.length === 0) return undefined;
  let failure: UpdateError | undefined;
  const ends = workers.map((worker) =>
    endOf(worker, job.file).catch((e) => {
      closeJob(job);
      throw failure ??= asUpdateError(e);
    })
  );
  const all = Promise.all(ends);
  all.catch(() => {}); // whoever waits is told; until then `check` tells
  return {
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

function endOf(worker: Worker, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.on("message", (message: WorkerEnd) => {
      if (message.end === "done") resolve();
      else if (message.end === "changed") reject(fileChanged(file));
      else reject(asUpdateError(Object.assign(new Error(message.message), { code: message.code })));
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

export function fileChanged(file: string): UpdateError {
  return new UpdateError("E_IO", `${JSON.stringify(file)} was changed while it was read`, {
    hint: "wait until nobody writes to it, then try again",
  });
}
