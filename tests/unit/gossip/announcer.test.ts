// With a library made by hand: how long a stream takes to open cannot be chosen with the real one.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PeerId } from "@libp2p/interface";
import { type AnnouncerOptions, createAnnouncer } from "../../../src/gossip/announcer.ts";
import type { GossipEvent } from "../../../src/gossip/gossip-event.ts";
import { encodeRelease } from "../../../src/gossip/message.ts";
import { memoryKnowledge, TOPIC } from "../../support/gossip-network.ts";
import { createReleaseRepository } from "../../support/release-repository.ts";
import { until } from "../../support/until.ts";

const NOW = Date.UTC(2026, 0, 1);

/** As the library does it: what is published to nobody counts as published. */
function library() {
  const subscribers: PeerId[] = [], published: Uint8Array[] = [];
  let isOpen = false;
  const pubsub = Object.assign(new EventTarget(), {
    getSubscribers: () => subscribers,
    publish(_topic: string, message: Uint8Array) {
      published.push(message);
      return Promise.resolve({ recipients: isOpen ? subscribers : [] });
    },
  }) as AnnouncerOptions["pubsub"]; // its events are those of an EventTarget
  const peer = { toString: () => "a peer" } as PeerId; // nothing else of it is used
  return {
    pubsub,
    published,
    canHear: () => isOpen,
    subscribe: () => void subscribers.push(peer),
    open: () => isOpen = true,
  };
}

test("what is new is announced when the stream to who has subscribed is open, and once", async () => {
  const repository = createReleaseRepository({ seed: "announcer", nowMs: NOW });
  const knowledge = memoryKnowledge(repository.pinnedRoot, NOW);
  knowledge.follow(repository);
  const { pubsub, canHear, published, subscribe, open } = library();
  const events: GossipEvent[] = [];
  const { signal } = new AbortController();
  const onEvent = (e: GossipEvent) => events.push(e);
  const announcer = createAnnouncer({ pubsub, canHear, topic: TOPIC, knowledge, signal, onEvent });
  await announcer.announce();
  subscribe();
  await announcer.announce();
  await announcer.retry();
  assert.deepEqual(published, [], "nobody would have heard it");
  open();
  await until("it is announced", () => published.length > 0);
  assert.deepEqual(published, [encodeRelease(repository.bytes("timestamp"))]);
  assert.deepEqual(events, [{ type: "announced", peers: 1 }]);
  await announcer.retry();
  assert.equal(published.length, 1);
});
