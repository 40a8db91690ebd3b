// Answers to requests of one kind that are no pieces: whose turn it is, in how many slots, and the answer's form.
// Design: docs/formats.md, "Peer protocol"; docs/gossip.md, "Connections". Must not: know what is given, or let a peer that
// asks often, or takes slowly, be in the way of the others.
import { setTimeout as delay } from "node:timers/promises";
import type { ByteStream } from "./byte-stream.ts";
import { createFetchSlots } from "./fetch-slots.ts";
import type { Slot } from "./slots.ts";
import type { UploadLimit } from "./upload-limit.ts";
import { formatAnswer, writeLine } from "./peer-protocol.ts";
import { createPeerTurns } from "./peer-turns.ts";

/** Requests of one kind, and what is given to who makes one. */
export interface AnswerKind<R> {
  /** Answers that are given at once. */
  readonly atOnce: number;
  /** A peer has a turn once in this time. */
  readonly intervalMs: number;
  /** Who comes too soon is waited for, instead of being told so. */
  readonly areWaitedFor?: boolean;
  /** A cheap look: to be told that there is nothing takes no turn. */
  readonly hasNews?: (r: R) => boolean;
  /** @returns undefined when there is nothing */
  find(r: R, peer: string): Uint8Array | undefined | Promise<Uint8Array | undefined>;
}

/** How long a peer may take an answer that is no piece, in milliseconds. */
export interface AnswerLimits {
  /** Then he makes room for whoever waits. */
  readonly leashMs: number;
  /** Then it ends, though nobody waits. */
  readonly wholeMs: number;
}

/** Of one peer, in a slot or waiting for one: it may ask again before it has read all of the first answer. */
const MAX_PER_PEER = 2;

export function createAnswers<R>(
  kind: AnswerKind<R>,
  { leashMs, wholeMs }: AnswerLimits,
  limit: UploadLimit,
): (r: R, peer: string, bytes: ByteStream) => Promise<void> {
  const { atOnce, intervalMs, areWaitedFor = false } = kind;
  const pause = (ms: number) => delay(ms, undefined, { ref: false });
  // On a day of a release many ask at once: to end those that take some time would be to send it again.
  const inSlot = createFetchSlots({ atOnce, maxPerPeer: MAX_PER_PEER, leashMs, crowdMs: Infinity, pause });
  const turns = createPeerTurns({ maxPerPeer: MAX_PER_PEER, intervalMs, areWaitedFor });

  async function give(r: R, slot: Slot, peer: string, bytes: ByteStream): Promise<void> {
    const given = await kind.find(r, peer);
    if (given === undefined) return await writeLine(bytes, formatAnswer({ status: "none" }));
    await writeLine(bytes, formatAnswer({ status: "ok", bytes: given.length }));
    await limit.give(bytes, given, (heldUpMs) => slot.untilMs += heldUpMs);
  }

  /** Within limits of time, however the peer spreads what it takes. */
  const giveInSlot = (r: R, peer: string, bytes: ByteStream) =>
    inSlot(async (signal, slot) => {
      const end = () => bytes.abort();
      signal.addEventListener("abort", end);
      const timer = setTimeout(end, wholeMs);
      try {
        await give(r, slot, peer, bytes);
      } finally {
        clearTimeout(timer);
      }
    }, peer);

  return async (r, peer, bytes) => {
    if (kind.hasNews?.(r) === false) return await writeLine(bytes, formatAnswer({ status: "none" }));
    // The slot within the turn: who is not due yet would hold it for nothing.
    const hadTurn = await turns.take(peer, () => giveInSlot(r, peer, bytes));
    if (!hadTurn) await writeLine(bytes, formatAnswer({ status: "busy" }));
  };
}
