// Tells the topic what this node trusts, until somebody has heard of it: to publish to nobody is no success.
// Design: docs/formats.md, "Gossip". Must not: announce anything but what is trusted.
import type { GossipSub } from "@libp2p/gossipsub";
import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { asUpdateError } from "../errors.ts";
import type { Certificate } from "../trust/certificate.ts";
import { certificatesFrom, firstOpenSequence, voteName, votesOf } from "../trust/votes.ts";
import type { GossipEvent } from "./gossip-event.ts";
import type { Knowledge } from "./knowledge.ts";
import { announcementOf, encodeVote } from "./message.ts";

export interface Announcer {
  /** Tells of what is trusted now, and of the votes that have become known since the last time. */
  announce(): Promise<void>;
  /** Announces what nobody has heard of yet, if there is anything. */
  retry(): Promise<void>;
  /** A message came on the topic and is known now: it is under way without this node's doing. */
  heard(message: Uint8Array): void;
}

export interface AnnouncerOptions {
  readonly pubsub: Pick<GossipSub, "addEventListener" | "getSubscribers" | "publish">;
  /** Whether the stream on which a peer is told of messages is open. */
  canHear(peer: string): boolean;
  readonly topic: string;
  readonly knowledge: Knowledge;
  readonly signal: AbortSignal;
  readonly onEvent: (e: GossipEvent) => void;
}

/**
 * Between a peer's subscription and the stream to it, on a machine that is not busy. A message that is published before is
 * lost without an error, and cannot be published again: the library counts it as seen.
 */
const STREAM_MS = 500;
/** Messages that are remembered as heard: the newest timestamp, and votes that are being taken in. */
const MAX_HEARD = 64;
/** Votes that come at once, as from a file with those of all governors; the rest is asked for. */
const MAX_VOTES_AT_ONCE = 64;

export function createAnnouncer(o: AnnouncerOptions): Announcer {
  const { pubsub, topic, knowledge, signal, onEvent } = o;
  let isUnheard = false, isTrying = false;
  const heard = new Set<string>();

  let told = new Set(openVotes().map(voteName)); // peers ask for those of before when they appear

  function openVotes(): Certificate[] {
    const state = knowledge.state();
    return certificatesFrom(state, firstOpenSequence(state)).flatMap(votesOf);
  }

  /** What nobody takes now, peers are given when they ask. */
  async function announceVotes(): Promise<void> {
    const open = openVotes(), before = told;
    told = new Set(open.map(voteName));
    const messages = open.filter((vote) => !before.has(voteName(vote))).map(encodeVote);
    for (const message of messages.slice(0, MAX_VOTES_AT_ONCE)) {
      if (heard.has(idOf(message)) || !canBeHeard()) continue;
      try {
        const { recipients } = await pubsub.publish(topic, message);
        if (recipients.length > 0) onEvent({ type: "announced", peers: recipients.length });
      } catch (e) {
        onEvent({ type: "not-announced", error: asUpdateError(e, "E_UNREACHABLE") });
      }
    }
  }

  async function announce(): Promise<void> {
    await announceVotes();
    await announceTimestamp();
  }

  async function announceTimestamp(): Promise<void> {
    try {
      const message = announcementOf(knowledge.state());
      if (message === undefined) return;
      isUnheard = !heard.has(idOf(message));
      if (!isUnheard) return;
      if (!canBeHeard()) return void keepTrying();
      const { recipients } = await pubsub.publish(topic, message);
      if (recipients.length === 0) return;
      isUnheard = false;
      onEvent({ type: "announced", peers: recipients.length });
    } catch (e) {
      onEvent({ type: "not-announced", error: asUpdateError(e, "E_UNREACHABLE") });
    }
  }

  const subscribers = () => pubsub.getSubscribers(topic);
  const canBeHeard = () => subscribers().some((peer) => o.canHear(peer.toString()));

  /** As long as somebody is about to be there to hear it. */
  async function keepTrying(): Promise<void> {
    if (isTrying) return;
    isTrying = true;
    while (isUnheard && !signal.aborted && subscribers().length > 0) {
      await delay(STREAM_MS, undefined, { signal, ref: false }).catch(() => {}); // the loop looks at the signal
      if (canBeHeard() && !signal.aborted) await announceTimestamp();
    }
    isTrying = false;
  }

  const retry = async () => isUnheard ? await announceTimestamp() : undefined;

  pubsub.addEventListener("subscription-change", async () => {
    await delay(STREAM_MS, undefined, { signal, ref: false }).catch(() => {}); // asked next
    if (!signal.aborted) await retry();
  });

  return {
    announce,
    retry,
    heard(message) {
      const [oldest] = heard;
      if (heard.size >= MAX_HEARD && oldest !== undefined) heard.delete(oldest);
      heard.add(idOf(message));
    },
  };
}

function idOf(message: Uint8Array): string {
  return createHash("sha256").update(message).digest("hex");
}
