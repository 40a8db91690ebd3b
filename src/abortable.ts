// Waiting that can be given up. Design: "The interfaces" of docs/architecture.md: an aborted signal is the only way to
// stop work. Must not: end the work itself; whoever started it goes on unheard.
import { asUpdateError } from "./errors.ts";
import { SmallSet } from "./small-set.ts";

/** A signal that follows another one until it is released. */
export interface FollowingSignal {
  readonly signal: AbortSignal;
  release(): void;
}

/**
 * Work that is begun under signals of its own, thousands of times, and can be ended all at once. `AbortSignal.any`, and
 * listeners of a signal that lives as long, would keep what has ended (docs/decisions/0026-short-lives.md).
 */
export interface AbortScope {
  /** Aborted with the scope. */
  readonly signal: AbortSignal;
  /** A signal that is aborted with this one, or with the scope. @throws the reason when the scope has ended */
  follow(signal: AbortSignal): FollowingSignal;
  /** Work under such a signal, which is released when it has ended. */
  during<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  abort(reason: unknown): void;
}

export function createAbortScope(): AbortScope {
  const following = new SmallSet<AbortController>();
  const scope = new AbortController();

  function follow(signal: AbortSignal): FollowingSignal {
    scope.signal.throwIfAborted();
    const own = new AbortController();
    const abort = () => own.abort(signal.reason);
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    following.add(own);
    return {
      signal: own.signal,
      release() {
        following.delete(own);
        signal.removeEventListener("abort", abort);
      },
    };
  }

  return {
    signal: scope.signal,
    follow,
    async during(signal, work) {
      const own = follow(signal);
      try {
        return await work(own.signal);
      } finally {
        own.release();
      }
    },
    abort(reason) {
      scope.abort(reason);
      for (const own of following) own.abort(reason);
    },
  };
}

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

/**
 * Work under a signal that is aborted with this one, or with the error after `ms`. `AbortSignal.any` and `.timeout` would be
 * kept by a signal that lives as long as a service: on Node 22 for ever.
 */
export async function underDeadline<T>(
  ms: number,
  error: () => Error,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const scope = createAbortScope();
  const timer = setTimeout(() => scope.abort(error()), ms);
  try {
    return await scope.during(signal, work);
  } finally {
    clearTimeout(timer);
  }
}
