// Keeps a node connected to the addresses its operator named, for as long as it runs.
// Design: "The network of nodes" of docs/architecture.md. Must not: give up, or ask anybody more often than every few
// seconds.
import { setTimeout as delay } from "node:timers/promises";
import { UpdateError } from "../errors.ts";

export interface BootstrapOptions {
  /** Those of the moment: the operator may name others. */
  addresses(): readonly string[];
  readonly signal: AbortSignal;
  isConnected(address: string): boolean;
  /** Resolves once connected. */
  connect(address: string): Promise<void>;
  onFailure(address: string, error: unknown): void;
}

const FIRST_WAIT_MS = 1_000;
/** After a night without a network the first peers are back within a minute. */
const LONGEST_WAIT_MS = 60_000;
/** How often it is looked whether a connection still stands. */
const LOOK_MS = 5_000;

/** Runs until the signal. Never throws. */
export async function keepConnected(o: BootstrapOptions): Promise<void> {
  const kept = new Map<string, AbortController>(), running = new Set<Promise<void>>();
  while (!o.signal.aborted) {
    const wanted = new Set(o.addresses());
    for (const [address, stop] of kept) {
      if (wanted.has(address)) continue;
      stop.abort(); // what is connected stays so, and is not dialled again
      kept.delete(address);
    }
    for (const address of wanted) {
      if (kept.has(address)) continue;
      const stop = new AbortController();
      kept.set(address, stop);
      const keeping = keepOne(address, { ...o, signal: AbortSignal.any([o.signal, stop.signal]) });
      running.add(keeping);
      void keeping.finally(() => running.delete(keeping));
    }
    await pause(LOOK_MS, o.signal);
  }
  await Promise.all(running);
}

async function keepOne(address: string, o: BootstrapOptions): Promise<void> {
  let waitMs = FIRST_WAIT_MS;
  while (!o.signal.aborted) {
    if (o.isConnected(address)) {
      waitMs = FIRST_WAIT_MS;
      await pause(LOOK_MS, o.signal);
      continue;
    }
    try {
      await o.connect(address);
      // Whatever the reason: with no pause it would be dialled again as fast as it can be.
      if (!o.isConnected(address)) throw new UpdateError("E_UNREACHABLE", "the connection was over at once");
    } catch (e) {
      if (o.signal.aborted) return;
      o.onFailure(address, e);
      // Spread out: a peer that comes back is not asked by everybody in the same moment.
      await pause(waitMs * (0.5 + Math.random()), o.signal);
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => {}); // the signal is looked at by the loop
}
