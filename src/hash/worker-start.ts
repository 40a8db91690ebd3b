// What a hashing worker is started with, and how it answers: as a thread of node:worker_threads, or as a web worker on
// Deno (src/hash/web-worker.ts). Design: "The hashing core" of docs/architecture.md.
// Must not: import what a worker does not need; on Deno node:worker_threads is that.
import type { WorkerMessage, WorkerStart } from "./piece-job.ts";

/** What a web worker's global object has. */
interface WebWorkerScope {
  onmessage: (event: { readonly data: unknown }) => void;
  postMessage(message: WorkerMessage): void;
}

/** Calls `work` once. To be called before the worker's program waits for anything: only then messages are delivered. */
export function onStart(work: (start: WorkerStart, say: (message: WorkerMessage) => void) => void): void {
  // startPieceWorkers gives nothing else than a WorkerStart.
  if ("Deno" in globalThis) {
    const scope = globalThis as unknown as WebWorkerScope; // the types are those of a program, not of a worker
    scope.onmessage = ({ data }) => work(data as WorkerStart, (message) => scope.postMessage(message));
  } else {
    void import("node:worker_threads").then(({ parentPort, workerData }) =>
      work(workerData as WorkerStart, (message) => parentPort?.postMessage(message))
    );
  }
}
