// Waiting that can be given up. Design: "The interfaces" of docs/architecture.md: an aborted signal is the only way to
// stop work. Must not: end the work itself; whoever started it goes on unheard.
import { asUpdateError } from "./errors.ts";

/** Rejects as soon as the signal is aborted: with its reason where that is an UpdateError, else E_INTERRUPTED. */
export function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(asUpdateError(signal.reason, "E_INTERRUPTED"));
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
