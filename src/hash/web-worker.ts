// A thread as a web worker, for Deno. There one of node:worker_threads takes 40 ms to start, in which the thread
// that starts it stands still; a web worker takes 15, and loads what it imports afterwards.
// Design: "The hashing core" of docs/architecture.md. The other side is src/hash/worker-start.ts.
// Must not: be used where a web worker is no thread of the same program, or has no builtin modules.

/** What is asked of a thread; a Worker of node:worker_threads has it too. */
export interface Thread {
  on(event: "message" | "messageerror" | "error" | "exit", listener: (value: unknown) => void): unknown;
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  terminate(): unknown;
}

/** Deno is the host whose own kind of worker is this one; its name is the only thing that says so. */
export function hasWebWorkers(): boolean {
  return "Deno" in globalThis;
}

/**
 * @param start its first message
 * @param name for whoever looks at the threads of the process
 */
export function startWebWorker(url: URL, start: unknown, name: string): Thread {
  const worker = new Worker(url, { type: "module", name });
  worker.postMessage(start);
  const onExit: (() => void)[] = [];
  return {
    on(event, listener) {
      if (event === "exit") return void onExit.push(() => listener(undefined));
      worker.addEventListener(event, (e) => {
        e.preventDefault(); // else an error in the worker is one of the whole program
        listener(e instanceof MessageEvent ? e.data : (e as ErrorEvent).error ?? new Error((e as ErrorEvent).message));
      });
    },
    postMessage: (message, transfer) => worker.postMessage(message, transfer),
    terminate() {
      worker.terminate();
      // It ends in no other way without an error, and no event tells of this one.
      for (const listener of onExit) listener();
    },
  };
}
