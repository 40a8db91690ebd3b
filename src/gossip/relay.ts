// A message that a peer delivered: judged, what it names fetched from that peer and proven, and only then passed on.
// Design: docs/formats.md, "Gossip". Must not: let a message through that this node could not prove itself, or let a
// peer that stalls hold up what others say.
import { setTimeout as delay } from "node:timers/promises";
import { asUpdateError, UpdateError } from "../errors.ts";
import type { Certificate } from "../trust/certificate.ts";
import type { TrustState } from "../trust/client.ts";
import { createAnnouncedFetches } from "./announced-fetches.ts";
import { type Delivery, isLie } from "./delivery.ts";
import { createFetchSlots } from "./fetch-slots.ts";
import { isVouchedFor } from "./judge-timestamp.ts";
import type { Knowledge } from "./knowledge.ts";
import { judgeMessage, readRelease } from "./message.ts";
import type { KnownVersions } from "./peer-protocol.ts";
import { createUnknownRoot } from "./unknown-root.ts";
import { createVoteBudget } from "./vote-budget.ts";
import type { Votes } from "./votes.ts";

export interface RelayOptions {
  readonly knowledge: Knowledge;
  readonly signal: AbortSignal;
  /** The peer's bundle, if newer than these versions. @throws UpdateError E_UNREACHABLE, E_TIMEOUT, … */
  fetchBundle(peer: string, known: KnownVersions, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** Where votes are kept; undefined for a node that takes none. */
  readonly votes: Votes | undefined;
  /** The peer's votes, if they are others than those of this state. @throws UpdateError E_UNREACHABLE, E_TIMEOUT, … */
  fetchVotes(peer: string, state: TrustState, signal: AbortSignal): Promise<readonly Certificate[]>;
  /** Who could be asked, in any order. */
  peers(): readonly string[];
  /** Told when a bundle or votes of a peer have brought something new. */
  onLearnt(peer: string): void;
  /** Told of a peer whose bundle or votes were a lie, or who answered what no honest node answers. */
  onLie(peer: string, why: UpdateError): void;
  /** Resolves after a time; only a simulation has one of its own. */
  readonly pause?: (ms: number) => Promise<void>;
}

export interface Relay {
  /** @returns what to do with a message that a peer delivered, once that is known */
  deliver(peer: string, message: Uint8Array): Promise<Delivery>;
  /** Asks a peer for what it has newer, when others are not being asked. @throws UpdateError why that brought nothing */
  catchUp(peer: string): Promise<void>;
}

/** Whoever delivered a genuine message may be gone or stall; so many others are asked for what it names. */
const MAX_OTHERS = 3;
/** The next one is asked after this time: several round trips around the world. */
const HEDGE_MS = 1_500;
/**
 * A hostile node that passes a genuine message on faster than anybody proves it, and has no bundle, would make it one that
 * nobody can prove, for good: the library shows it once. Others are asked again after these times.
 */
const ASK_AGAIN_MS = [1_000, 2_000, 4_000, 8_000];
/** Bundles that are being fetched because a peer appeared, or made up a root: so much memory can be held by them. */
const MAX_UNASKED = 4;
/** Who needs longer makes room when others wait: some round trips and a bundle of a megabyte over a line of 2 Mbit/s. */
const UNASKED_LEASH_MS = 5_000;

export function versionsOf(knowledge: Knowledge): KnownVersions {
  const { root, timestamp } = knowledge.state();
  return { root: root.signed.version, timestamp: timestamp?.signed.version ?? 0 };
}

export function createRelay(o: RelayOptions): Relay {
  const { knowledge } = o;
  const budget = createVoteBudget();
  const pause = o.pause ?? ((ms) => delay(ms, undefined, { ref: false }));
  const inSlot = createFetchSlots({ atOnce: MAX_UNASKED, leashMs: UNASKED_LEASH_MS, pause });
  const judgeUnknownRoot = createUnknownRoot({
    learnFrom,
    inSlot,
    peers: o.peers,
    state: knowledge.state,
    isKnown,
    isVouchedFor: (message) => isVouchedFor(knowledge.state(), readRelease(message)),
    pause,
    signal: o.signal,
  });

  const announced = createAnnouncedFetches({ learnFrom, isKnown, pause });

  /** Fetches and proves what a peer has that is newer. @param giveUp ends it early */
  async function learnFrom(peer: string, giveUp: AbortSignal): Promise<void> {
    const before = versionsOf(knowledge);
    try {
      const bundle = await o.fetchBundle(peer, before, giveUp);
      if (bundle === undefined) return;
      await knowledge.learn(bundle, { signal: o.signal });
    } catch (e) {
      if (isLie(e)) o.onLie(peer, e);
      throw e;
    }
    const { root, timestamp } = versionsOf(knowledge);
    if (root === before.root && timestamp === before.timestamp) return;
    announced.endNeedless();
    o.onLearnt(peer);
  }

  /** It is signed by whom this node trusts: somebody has what it names. */
  async function proveNewer(peer: string, message: Uint8Array): Promise<Delivery> {
    let why: UpdateError | undefined;
    const asking = new Set<Promise<void>>();
    const ask = (from: string) => {
      const task = announced.ask(from, message).catch((e) => void (why ??= asUpdateError(e))).finally(() =>
        asking.delete(task)
      );
      asking.add(task);
    };
    for (const waitMs of [0, ...ASK_AGAIN_MS]) {
      const others = o.peers().filter((other) => other !== peer).slice(0, MAX_OTHERS);
      if (waitMs > 0 && others.length === 0) break;
      if (waitMs > 0) await pause(waitMs);
      for (const next of waitMs === 0 ? [peer, ...others] : others) {
        ask(next);
        await Promise.race([...asking, pause(HEDGE_MS)]);
        if (isKnown(message)) return { verdict: "accept", kind: "release" };
        o.signal.throwIfAborted();
      }
    }
    while (asking.size > 0 && !isKnown(message)) await Promise.race(asking);
    if (isKnown(message)) return { verdict: "accept", kind: "release" };
    return { verdict: "ignore", why: why ?? new UpdateError("E_ABSENT", "no peer has what the message names") };
  }

  /** What a peer knows of votes: whoever joins late has heard none of them. */
  async function learnVotesFrom(peer: string, giveUp: AbortSignal): Promise<void> {
    if (o.votes === undefined) return;
    try {
      const votes = await o.fetchVotes(peer, knowledge.state(), giveUp);
      if (votes.length === 0) return;
      const learnt = await o.votes.learn(votes, { signal: o.signal });
      if (learnt.some((l) => l.added.length > 0)) o.onLearnt(peer);
    } catch (e) {
      if (isLie(e)) o.onLie(peer, e);
      throw e;
    }
  }

  async function takeVote(votes: Votes, vote: Certificate, governor: string): Promise<Delivery> {
    const ignore = (why: string): Delivery => ({ verdict: "ignore", why: new UpdateError("E_CERTIFICATE", why) });
    if (!budget.has(governor)) return ignore(`governor ${governor} votes without end`);
    try {
      const [learnt] = await votes.learn([vote], { signal: o.signal });
      if (learnt === undefined || learnt.added.length === 0) return ignore("a vote that adds nothing, or not yet");
      budget.spend(governor);
      return { verdict: "accept", kind: "vote" };
    } catch (e) {
      const why = asUpdateError(e);
      // A rule that it breaks may be one of a root or a certificate that its giver does not know.
      return { verdict: isLie(why) ? "reject" : "ignore", why };
    }
  }

  /** True when what this node trusts is at least what the message announces, and its signature is genuine. */
  function isKnown(message: Uint8Array): boolean {
    const now = judgeMessage(knowledge.state(), message, knowledge.clock());
    const isOld = now.verdict === "ignore" && now.why.code === "E_STALE";
    return isOld && isVouchedFor(knowledge.state(), readRelease(message));
  }

  return {
    async deliver(peer, message) {
      const judgement = judgeMessage(knowledge.state(), message, knowledge.clock());
      if (judgement.verdict === "newer") return await proveNewer(peer, message);
      if (judgement.verdict === "unknown-root") return await judgeUnknownRoot(peer, message, judgement.why);
      if (judgement.verdict !== "vote") return { verdict: judgement.verdict, why: judgement.why };
      const { vote, governor } = judgement;
      if (o.votes !== undefined) return await takeVote(o.votes, vote, governor);
      return { verdict: "ignore", why: new UpdateError("E_CERTIFICATE", "this node takes no votes") };
    },
    catchUp: (peer) =>
      inSlot(async (giveUp) => {
        await learnFrom(peer, giveUp);
        await learnVotesFrom(peer, giveUp);
      }),
  };
}
