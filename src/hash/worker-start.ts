// What the program of a worker is started with, and how it answers: as a thread of node:worker_threads, or as a web worker
// on Deno (src/hash/web-worker.ts). Design: "The hashing core" of docs/architecture.md.
// Must not: import what a worker does not need; on Deno node:worker_threads is that.

/** What a web worker's global object has. */
interface WebWorkerScope {
  onmessage: (event: { readonly data: unknown }) => void;
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
}

/** Sends a message, and gives away what is in `transfer`. */
export type Say<Message> = (message: Message, transfer?: ArrayBuffer[]) => void;

/**
 * Calls `work` once. To be called before the worker's program waits for anything: only then messages are delivered.
 * @param work is given a `Start`, which nobody here can check; what it returns gets the messages that follow, if that is
 *   a function
 */
export function onStart<Start, Message>(
  work: (start: Start, say: Say<Message>) => Promise<void> | ((message: unknown) => void),
): void {
  const begin = (start: unknown, post: WebWorkerScope["postMessage"]) => {
    const receive = work(start as Start, (message, transfer = []) => post(message, transfer));
    return typeof receive === "function" ? receive : undefined;
  };
  if ("Deno" in globalThis) {
    const scope = globalThis as unknown as WebWorkerScope; // the types are those of a program, not of a worker
    scope.onmessage = ({ data }) => {
      const receive = begin(data, (message, transfer) => scope.postMessage(message, transfer));
      scope.onmessage = (next) => receive?.(next.data);
    };
  } else {
    void import("node:worker_threads").then(({ parentPort, workerData }) => {
      const receive = begin(workerData, (message, transfer) => parentPort?.postMessage(message, transfer));
      if (receive !== undefined) parentPort?.on("message", receive);
    });
  }
}
