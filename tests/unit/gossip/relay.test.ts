// What announcements make a node fetch, and from whom, when peers stall. Design: docs/gossip.md, "What a node believes".
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import { encodeRelease } from "../../../src/gossip/message.ts";
import { createRelay, type Relay } from "../../../src/gossip/relay.ts";
import { memoryKnowledge } from "../../support/gossip-network.ts";
import { createReleaseRepository } from "../../support/release-repository.ts";

const NOW = Date.UTC(2026, 0, 1);
const { signal } = new AbortController();

interface Scene {
  readonly relay: Relay;
  /** Fetches that are open now, by peer. */
  readonly open: ReadonlyMap<string, number>;
  /** The most that were open at once, in all and of one peer. */
  readonly most: { all: number; ofPeer: number };
  /** So many variants of what is newest, each of them genuine. */
  variants(from: number, count: number): Uint8Array[];
  readonly announcement: Uint8Array;
}

/** A release is out. The honest peer has it; the others hold what they are asked open until it is ended. */
function scene(seed: string, peers: readonly string[]): Scene {
  const repository = createReleaseRepository({ seed, nowMs: NOW });
  const knowledge = memoryKnowledge(repository.pinnedRoot, NOW), honest = memoryKnowledge(repository.pinnedRoot, NOW);
  knowledge.follow(repository);
  repository.publish();
  honest.follow(repository);
  const open = new Map<string, number>(), most = { all: 0, ofPeer: 0 };
  const count = (peer: string, change: number) => {
    open.set(peer, (open.get(peer) ?? 0) + change);
    most.all = Math.max(most.all, [...open.values()].reduce((sum, n) => sum + n));
    most.ofPeer = Math.max(most.ofPeer, ...open.values());
  };
  async function fetchBundle(peer: string, giveUp: AbortSignal): Promise<Uint8Array | undefined> {
    count(peer, 1);
    try {
      if (peer === "honest") return honest.bundle();
      return await delay(20_000, undefined, { signal: giveUp, ref: false });
    } finally {
      count(peer, -1);
    }
  }
  const relay = createRelay({
    knowledge,
    signal,
    fetchBundle: (peer, _known, giveUp) => fetchBundle(peer, giveUp),
    votes: undefined,
    fetchVotes: () => Promise.resolve([]),
    peers: () => peers,
    onLearnt: () => {},
    onLie: (_peer, why) => assert.fail(why),
    pause: (ms) => delay(ms), // nothing else keeps this process
  });
  const timestamp = JSON.stringify(JSON.parse(new TextDecoder().decode(repository.bytes("timestamp"))));
  const variant = (n: number) => encodeRelease(new TextEncoder().encode(timestamp + " ".repeat(n + 1)));
  return {
    relay,
    open,
    most,
    variants: (from, count) => Array.from({ length: count }, (_, i) => variant(from + i)),
    announcement: encodeRelease(repository.bytes("timestamp")),
  };
}

const isQuiet = (open: ReadonlyMap<string, number>) => [...open.values()].every((n) => n === 0);

test("peers with many variants of a genuine announcement make a node fetch from each once at a time, and little in all", async () => {
  const crowd = Array.from({ length: 10 }, (_, i) => `hostile ${i}`);
  const { relay, open, most, variants, announcement } = scene("variants", crowd);
  const told = crowd.flatMap((peer, i) => variants(10 * i, 10).map((message) => relay.deliver(peer, message)));
  await delay(100);
  assert.deepEqual(most, { all: 6, ofPeer: 1 });
  const beganMs = performance.now();
  assert.equal((await relay.deliver("honest", announcement)).verdict, "accept");
  assert.ok(performance.now() - beganMs < 5_000, "those that hold the slots make room");
  await delay(10);
  assert.ok(isQuiet(open), "what is known is not fetched any more");
  for (const { verdict } of await Promise.all(told)) assert.equal(verdict, "accept");
  assert.equal(most.ofPeer, 1);
  assert.ok(most.all <= 12, `${most.all}: those that make room may still be ending`);
});

test("few who stall do not make a genuine announcement wait", async () => {
  const { relay, open, most, variants, announcement } = scene("few", ["hostile 0", "hostile 1"]);
  const told: unknown[] = [];
  for (const [n, message] of variants(0, 60).entries()) {
    told.push(relay.deliver(`hostile ${n % 2}`, message));
    await nextTurn(); // one by one, as they come from the network: each finds the one before being fetched
  }
  assert.deepEqual(most, { all: 2, ofPeer: 1 });
  const beganMs = performance.now();
  assert.equal((await relay.deliver("honest", announcement)).verdict, "accept");
  assert.ok(performance.now() - beganMs < 500);
  await delay(10);
  assert.ok(isQuiet(open));
  await Promise.all(told);
});
