// Waiting that can be given up. Design: "Every operation takes a signal" of src/api.ts.
// Must not: end the work itself; whoever started it goes on unheard.

/** Rejects with the signal's reason as soon as it is aborted. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort);
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    if (signal.aborted) onAbort();
  });
}

/** As `abortable`, and rejects with the error after `ms`. */
export function within<T>(ms: number, error: () => Error, work: Promise<T>, signal: AbortSignal): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const inTime = new Promise<T>((resolve, reject) => {
    timer = setTimeout(() => reject(error()), ms);
    work.then(resolve, reject);
  });
  return abortable(inTime, signal).finally(() => clearTimeout(timer));
}
