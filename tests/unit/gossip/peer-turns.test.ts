import assert from "node:assert/strict";
import { test } from "node:test";
import { createPeerTurns } from "../../../src/gossip/peer-turns.ts";

const nothing = () => Promise.resolve();

test("a peer has one turn in a while, others have theirs", async () => {
  const turns = createPeerTurns({ maxPerPeer: 2, intervalMs: 60_000 });
  assert.equal(await turns.take("a", nothing), true);
  assert.equal(await turns.take("a", nothing), false);
  assert.equal(await turns.take("b", nothing), true);
});

test("a peer has no more than so many at a time, and however many others have leave it its own", async () => {
  const turns = createPeerTurns({ maxPerPeer: 2, intervalMs: 0 });
  const { promise, resolve } = Promise.withResolvers<void>();
  const peers = Array.from({ length: 100 }, (_, i) => `peer ${i}`);
  const taken = peers.flatMap((peer) => [turns.take(peer, () => promise), turns.take(peer, () => promise)]);
  assert.equal(await turns.take("peer 7", nothing), false);
  assert.equal(await turns.take("another", nothing), true);
  resolve();
  assert.ok((await Promise.all(taken)).every((had) => had));
  assert.equal(await turns.take("peer 7", nothing), true);
});

test("who comes too soon waits for his turn where turns are waited for, with one request", async () => {
  const turns = createPeerTurns({ maxPerPeer: 2, intervalMs: 50, areWaitedFor: true });
  const beganMs = performance.now();
  const alive = setTimeout(() => {}, 10_000); // a turn that is waited for keeps no process
  assert.equal(await turns.take("a", nothing), true);
  const second = turns.take("a", nothing);
  assert.equal(await turns.take("a", nothing), false);
  assert.equal(await second, true);
  assert.ok(performance.now() - beganMs > 45);
  clearTimeout(alive);
});

test("of more peers than can be connected nothing is remembered for long", async () => {
  const turns = createPeerTurns({ maxPerPeer: 1, intervalMs: 60_000 });
  for (let i = 0; i < 1_000; i++) await turns.take(`stranger ${i}`, nothing);
  assert.equal(await turns.take("stranger 999", nothing), false);
  await turns.take("one more", nothing);
  assert.equal(await turns.take("stranger 999", nothing), true);
});
