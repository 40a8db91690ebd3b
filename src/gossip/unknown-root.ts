// A message signed by keys that nobody here knows: the first sign of a newer root, or made up. Its bearer is asked for that
// root, and others soon after: to be the first to bring it, and then to stall, is what a hostile peer would do.
// Design: docs/gossip.md, "What a node believes". Must not: blame anybody but the bearer.
import { asUpdateError, UpdateError } from "../errors.ts";
import { createAskAround } from "./ask-around.ts";
import { type Delivery, isLie } from "./delivery.ts";
import type { FetchSlots } from "./fetch-slots.ts";

export interface UnknownRootOptions {
  /** Asks a peer for what it has newer, and proves it. */
  learnFrom(peer: string, signal: AbortSignal): Promise<void>;
  /** Where asking the bearers has its place. */
  readonly inSlot: FetchSlots;
  /** All who could be asked, in any order. */
  peers(): readonly string[];
  /** What is trusted now; another object after each growth. */
  state(): unknown;
  /** True when what is trusted now is at least what the message announces. */
  isKnown(message: Uint8Array): boolean;
  /** True when it is signed under the trusted root or one before it. */
  isVouchedFor(message: Uint8Array): boolean;
  pause(ms: number): Promise<void>;
  readonly signal: AbortSignal;
}

/** What to do with such a message, once that is known. */
export type JudgeUnknownRoot = (peer: string, message: Uint8Array, why: UpdateError) => Promise<Delivery>;

/** The bearer alone is asked for this time: several round trips around the world. */
const HEDGE_MS = 1_000;
/** Messages of one peer that are looked into at a time; releases under a new root come one by one. */
const MAX_OPEN_OF_PEER = 4;
/** A bearer who could not show the root is asked for one again after this time: it costs him nothing to make one up. */
const BEARER_INTERVAL_MS = 60_000;
/** Bearers of whom that is remembered. */
const MAX_REMEMBERED = 1_024;

/** Of a bearer who did not bring what he announced; without an error when he had nothing newer. */
interface Failure {
  readonly atMs: number;
  readonly error: UpdateError | undefined;
}

export function createUnknownRoot(o: UnknownRootOptions): JudgeUnknownRoot {
  const around = createAskAround({
    ...o,
    peers: () => o.peers().filter((peer) => !beingAsked.has(peer) && !isEmptyHanded(peer)),
    async learnFrom(peer, signal) {
      try {
        await o.learnFrom(peer, signal);
      } catch (e) {
        if (isLie(e)) remember(peer, e);
        throw e;
      }
    },
  });
  const asking = new Map<string, Promise<UpdateError | undefined>>();
  const beingAsked = new Set<string>(); // those of them who are not waiting for a slot
  const failures = new Map<string, Failure>();
  const openOf = new Map<string, number>();

  function exchange(peer: string): Promise<UpdateError | undefined> {
    const learn = (signal: AbortSignal) => {
      beingAsked.add(peer);
      return o.learnFrom(peer, signal);
    };
    const answer = o.inSlot(learn).then(() => undefined, (e: unknown) => asUpdateError(e)).finally(() => {
      asking.delete(peer);
      beingAsked.delete(peer);
    });
    asking.set(peer, answer);
    return answer;
  }

  /** One exchange with a peer at a time, whatever it announces. @returns undefined when it brought what the message names */
  async function askBearer(peer: string, message: Uint8Array): Promise<Failure | undefined> {
    await asking.get(peer); // what that brings may be older than this message
    if (o.isKnown(message)) return undefined;
    const last = failureOf(peer);
    if (last !== undefined) return last;
    const error = await (asking.get(peer) ?? exchange(peer)); // if there is one, it has begun after this message came
    if (o.isKnown(message)) return undefined;
    return remember(peer, error);
  }

  function remember(peer: string, error: UpdateError | undefined): Failure {
    const failure = { atMs: performance.now(), error };
    if (failures.size >= MAX_REMEMBERED) failures.clear();
    failures.set(peer, failure);
    return failure;
  }

  function failureOf(peer: string): Failure | undefined {
    const last = failures.get(peer);
    return last !== undefined && performance.now() - last.atMs < BEARER_INTERVAL_MS ? last : undefined;
  }

  /** It has shown that it has nothing. Who was only slow may be asked like everybody else. */
  function isEmptyHanded(peer: string): boolean {
    const failure = failureOf(peer);
    return failure !== undefined && (failure.error === undefined || isLie(failure.error));
  }

  async function judge(peer: string, message: Uint8Array, why: UpdateError): Promise<Delivery> {
    const bearer = askBearer(peer, message);
    await Promise.race([bearer, o.pause(HEDGE_MS)]);
    if (!o.isKnown(message)) await around.until(() => o.isKnown(message));
    const failure = o.isKnown(message) ? undefined : await bearer;
    if (failure === undefined) return { verdict: "accept", kind: "release" };
    // Signed under a root in between: genuine, and of no use any more.
    if (o.isVouchedFor(message)) return { verdict: "ignore", why };
    const { error = why } = failure;
    return isLie(error) ? { verdict: "reject", why: error, isBearersFault: true } : { verdict: "ignore", why: error };
  }

  return async (peer, message, why) => {
    const open = openOf.get(peer) ?? 0;
    if (open >= MAX_OPEN_OF_PEER) {
      around.goOn(); // this one may be the genuine one
      return {
        verdict: "ignore",
        why: new UpdateError("E_TIMEOUT", "more unknown roots of one peer than are looked into"),
      };
    }
    openOf.set(peer, open + 1);
    try {
      return await judge(peer, message, why);
    } finally {
      const left = (openOf.get(peer) ?? 1) - 1;
      if (left > 0) openOf.set(peer, left);
      else openOf.delete(peer);
    }
  };
}
