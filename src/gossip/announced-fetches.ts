// Fetches of what genuine announcements name. Of one timestamp a peer can make many messages, each of them genuine: they
// share what is fetched, and nothing is fetched for what is known meanwhile.
// Design: docs/gossip.md, "What a node believes". Must not: let peers that stall keep out the one that has it.
import { UpdateError } from "../errors.ts";
import { createFetchSlots } from "./fetch-slots.ts";

export interface AnnouncedFetchesOptions {
  /** Asks a peer for what it has newer, and proves it. */
  learnFrom(peer: string, signal: AbortSignal): Promise<void>;
  /** True when what is trusted now is at least what the message announces. */
  isKnown(message: Uint8Array): boolean;
  pause(ms: number): Promise<void>;
}

export interface AnnouncedFetches {
  /** Asks a peer for what a message names. Ends without that when it is known. @throws UpdateError why it brought nothing */
  ask(peer: string, message: Uint8Array): Promise<void>;
  /** Ends those that nobody needs any more; to be called when something was learnt. */
  endNeedless(): void;
}

/** Over all peers: each may bring a bundle of 8 MiB. */
const MAX_AT_ONCE = 6;
/** Whoever needs longer makes room when others wait: a bundle of half a megabyte over a line of 2 Mbit/s. */
const LEASH_MS = 2_000;

interface Fetch {
  readonly messages: Set<Uint8Array>;
  readonly stop: AbortController;
  readonly answer: Promise<void>;
}

export function createAnnouncedFetches({ learnFrom, isKnown, pause }: AnnouncedFetchesOptions): AnnouncedFetches {
  const inSlot = createFetchSlots({ atOnce: MAX_AT_ONCE, maxPerPeer: 1, leashMs: LEASH_MS, pause });
  const next = new Map<string, Fetch>(); // one a peer, not begun yet: it will bring what any message names so far
  const running = new Set<Fetch>();

  const isNeeded = ({ messages }: Fetch) => [...messages].some((message) => !isKnown(message));

  function plan(peer: string, message: Uint8Array): Promise<void> {
    const { promise: answer, resolve, reject } = Promise.withResolvers<void>();
    const fetch: Fetch = { messages: new Set([message]), stop: new AbortController(), answer };
    next.set(peer, fetch);
    inSlot((signal) => run(peer, fetch, signal), peer).finally(() => forget(peer, fetch)).then(resolve, reject);
    return answer;
  }

  function forget(peer: string, fetch: Fetch): void {
    if (next.get(peer) === fetch) next.delete(peer);
  }

  async function run(peer: string, fetch: Fetch, signal: AbortSignal): Promise<void> {
    forget(peer, fetch);
    if (!isNeeded(fetch)) return;
    running.add(fetch);
    try {
      await learnFrom(peer, AbortSignal.any([signal, fetch.stop.signal]));
    } finally {
      running.delete(fetch);
    }
  }

  return {
    ask(peer, message) {
      const fetch = next.get(peer);
      if (fetch === undefined) return plan(peer, message);
      fetch.messages.add(message);
      return fetch.answer;
    },
    endNeedless() {
      for (const fetch of running) {
        if (!isNeeded(fetch)) fetch.stop.abort(new UpdateError("E_INTERRUPTED", "it is known by now"));
      }
    },
  };
}
