// Starts the thread that owns an artifact in flight, and notices when it dies. Small artifacts, and those of hosts
// without threads, are served by this thread.
// Design: "Where the bytes go" of docs/architecture.md.
// Must not: wait for a thread that cannot answer any more.

import { Worker } from "node:worker_threads";
import { UpdateError } from "../errors.ts";
import { PIECE_BYTES } from "../hash/blake3-core.ts";
import { coreModule, storeWorkerUrl } from "../hash/embedded.ts";
import { kernelForHost, loadBlake3Core } from "../hash/load-core.ts";
import { hasWebWorkers, startWebWorker, type Thread } from "../hash/web-worker.ts";
import type { StoreMessage, StoreRequest, StoreStart, StoreWorkerStart } from "./store-messages.ts";
import { startStoreService } from "./store-service.ts";

/** What a host has to say about threads; tests say something else. */
export interface StoreHost {
  /** From this length on an artifact gets a thread of its own. */
  readonly minBytes: number;
  start(url: URL, start: StoreWorkerStart): Thread;
}

// Starting a thread and its core takes 40 to 80 ms of the processors' time on the runtimes. This thread proves and writes
// this much in 130 ms, half of which it would wait for the network anyway.
const MIN_THREAD_BYTES = 64 * PIECE_BYTES;

export function storeThreadsOfHost(): StoreHost {
  return {
    minBytes: MIN_THREAD_BYTES,
    start: hasWebWorkers() ? (url, start) => startWebWorker(url, start, THREAD_NAME) : startNodeWorker,
  };
}

const THREAD_NAME = "dchat-update store";

function startNodeWorker(url: URL, workerData: StoreWorkerStart): Thread {
  // No flags of the main program: `--input-type` and `--eval` mean something else for a worker.
  return new Worker(url, { workerData, execArgv: [], name: THREAD_NAME });
}

export interface StoreThread {
  post(request: StoreRequest): void;
  /** Ends it, whatever it does. */
  stop(): void;
}

/**
 * @param onMessage what it says
 * @param onDeath called once, when it ended without being told to
 */
export function startStoreThread(
  start: StoreStart,
  host: StoreHost,
  onMessage: (message: StoreMessage) => void,
  onDeath: (e: UpdateError) => void,
): StoreThread {
  const worker = start.length >= host.minBytes ? startWorker(start, host) : undefined;
  if (worker === undefined) {
    return { post: startStoreService(start, () => loadBlake3Core(), onMessage), stop() {} };
  }
  let isOver = false;
  const dead = (cause: unknown) => {
    if (!isOver) onDeath(died(cause));
    isOver = true;
  };
  worker.on("message", (message) => onMessage(message as StoreMessage)); // src/fetch/store-worker.ts says nothing else
  worker.on("error", dead);
  worker.on("messageerror", dead);
  worker.on("exit", () => dead(undefined));
  return {
    post: (request) => worker.postMessage(request, request.type === "put" ? [request.buffer] : []),
    stop() {
      isOver = true;
      void worker.terminate();
    },
  };
}

/** Undefined where threads are forbidden (Node's permission model) or cannot be had. */
function startWorker(start: StoreStart, host: StoreHost): Thread | undefined {
  try {
    return host.start(storeWorkerUrl(), { ...start, wasm: coreModule(`blake3-${kernelForHost()}`) });
  } catch {
    return undefined;
  }
}

function died(cause: unknown): UpdateError {
  const reason = cause instanceof Error ? `: ${cause.message}` : "";
  return new UpdateError("E_INTERNAL", `the thread that writes the download ended before its time${reason}`, {
    cause,
    hint: "run the same command again: it resumes",
  });
}
