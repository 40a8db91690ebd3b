// Asks peers for what a message should have told: messages get lost, and a network that was cut in two heals in silence.
// Design: docs/gossip.md, "Who missed something". Must not: throw, or ask often.
import { setTimeout as delay } from "node:timers/promises";
import { asUpdateError, type UpdateError } from "../errors.ts";
import { createFetchSlots } from "./fetch-slots.ts";

export interface CatchUpOptions {
  /** Asks a peer for what it has newer, and proves it. */
  ask(peer: string): Promise<void>;
  /** Who is connected, in any order. */
  peers(): readonly string[];
  /** Whether this node chose to connect to it, now or before. Anybody can be one of the others, again and again. */
  isChosen(peer: string): boolean;
  /** Whether the stream on which a peer tells of messages is open. */
  canSpeak(peer: string): boolean;
  onFailure(peer: string, error: UpdateError): void;
  readonly signal: AbortSignal;
}

export interface CatchUp {
  /** For a peer that has appeared. */
  welcome(peer: string): Promise<void>;
  /** Runs until the signal. @param afterwards is called each time */
  nowAndThen(afterwards: () => Promise<void>): Promise<void>;
}

const INTERVAL_MS = 60_000;
/** Some heartbeats of the library after a peer can speak it tells of messages. What came before it is asked for again. */
const SETTLE_MS = 3_000;
/** The stream on which it speaks may be long in coming when machines are busy; and it may have no such stream at all. */
const MAX_SETTLES = 10;
/** Others that are asked or have their place among those that will be next: whom this node chose is behind no more. */
const MAX_STRANGERS = 12;

export function createCatchUp(o: CatchUpOptions): CatchUp {
  const { signal } = o;

  const pause = (ms: number) => delay(ms, undefined, { signal, ref: false }).catch(() => {}); // the loops look at the signal
  const asStranger = createFetchSlots({ atOnce: MAX_STRANGERS, leashMs: Infinity, crowdMs: Infinity, pause });

  async function ask(peer: string): Promise<void> {
    try {
      await (o.isChosen(peer) ? o.ask(peer) : asStranger(() => o.ask(peer), peer));
    } catch (e) {
      if (!signal.aborted) o.onFailure(peer, asUpdateError(e));
    }
  }

  return {
    async welcome(peer) {
      await ask(peer);
      for (let i = 0, couldSpeak = false; i < MAX_SETTLES && !couldSpeak && !signal.aborted; i++) {
        couldSpeak = o.canSpeak(peer);
        await pause(SETTLE_MS);
      }
      if (!signal.aborted) await ask(peer);
    },
    async nowAndThen(afterwards) {
      while (!signal.aborted) {
        await pause(INTERVAL_MS * (0.5 + Math.random()));
        const [peer] = o.peers();
        if (!signal.aborted && peer !== undefined) await ask(peer);
        if (!signal.aborted) await afterwards();
      }
    },
  };
}
