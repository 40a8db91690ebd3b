// Asks one peer after the other for what it has newer, at a pace that does not depend on how many want to know.
// Design: docs/gossip.md, "What a node believes". Must not: ask faster because somebody makes it ask more often, or let a
// peer that holds the exchange open be in the way of the others.
import { createFetchSlots } from "./fetch-slots.ts";

export interface AskAroundOptions {
  /** Who can be asked now, in any order. */
  peers(): readonly string[];
  /** Asks a peer for what it has newer, and proves it. */
  learnFrom(peer: string, signal: AbortSignal): Promise<void>;
  /** Another object after each growth of what is known. */
  state(): unknown;
  pause(ms: number): Promise<void>;
  readonly signal: AbortSignal;
}

export interface AskAround {
  /** Goes on asking for the time that a look takes, from now on. */
  goOn(): void;
  /** Asks until it is done, which is looked at when something has been learnt, or for the time that a look takes. */
  until(isDone: () => boolean): Promise<void>;
}

/** One peer in this time; the request is a line, and so is the usual answer. */
const PACE_MS = 250;
/** The same one again after so many others, or as much time: it may have been about to prove what is asked for. */
const AGAIN_AFTER_TURNS = 8;
/** A look takes so many turns: the honest ones need seconds to prove something new, each from the one before. */
const LOOK_TURNS = 32;
/** Exchanges at a time: each may bring a bundle of 8 MiB. */
const MAX_AT_ONCE = 8;
/** Whoever holds the exchange open longer makes room for the next: at the pace there is always one. */
const LEASH_MS = MAX_AT_ONCE * PACE_MS;
/** Peers whose last turn is remembered: as many as can be connected. */
const MAX_REMEMBERED = 128;

export function createAskAround(o: AskAroundOptions): AskAround {
  const inSlot = createFetchSlots({ atOnce: MAX_AT_ONCE, leashMs: LEASH_MS, pause: o.pause });
  const waiting = new Set<{ readonly endTurn: number; readonly isDone: () => boolean; readonly end: () => void }>();
  const askedAtTurn = new Map<string, number>();
  let turn = 0;
  let endTurn = 0;
  let isAsking = false;
  let looked = o.state();

  const hasWork = () => !o.signal.aborted && (waiting.size > 0 || turn < endTurn);

  function askNext(): void {
    const due = o.peers().filter((peer) => turn - (askedAtTurn.get(peer) ?? -Infinity) >= AGAIN_AFTER_TURNS);
    // In turn whoever was asked longest ago or never, so that all are asked; and anybody, so that a stream of peers that
    // have only just appeared does not keep the others from being asked twice.
    const next = turn % 2 === 0 ? due.find((peer) => !askedAtTurn.has(peer)) ?? longestAgo(due) : due[0];
    if (next === undefined) return;
    askedAtTurn.delete(next); // to the end: the order is that of asking
    askedAtTurn.set(next, turn);
    const [oldest] = askedAtTurn.keys();
    if (askedAtTurn.size > MAX_REMEMBERED && oldest !== undefined) askedAtTurn.delete(oldest);
    void inSlot((signal) => o.learnFrom(next, signal)).catch(() => {}).finally(endThoseDone); // no answer is no news
  }

  function longestAgo(due: readonly string[]): string | undefined {
    return [...askedAtTurn.keys()].find((peer) => due.includes(peer));
  }

  /** Only when there is news: to look costs signatures. */
  function endThoseDone(): void {
    if (looked === o.state()) return;
    looked = o.state();
    for (const w of [...waiting]) if (w.isDone()) w.end();
  }

  async function ask(): Promise<void> {
    if (isAsking) return;
    isAsking = true;
    try {
      while (hasWork()) {
        askNext();
        await o.pause(PACE_MS);
        turn++;
        endThoseDone();
        for (const w of [...waiting]) if (turn >= w.endTurn) w.end();
      }
    } finally {
      isAsking = false;
      for (const w of [...waiting]) w.end();
    }
  }

  return {
    goOn() {
      endTurn = turn + LOOK_TURNS;
      void ask();
    },
    until: (isDone) =>
      new Promise((resolve) => {
        const entry = {
          endTurn: turn + LOOK_TURNS,
          isDone,
          end() {
            waiting.delete(entry);
            resolve();
          },
        };
        waiting.add(entry);
        void ask();
      }),
  };
}
