// Peers that stall, flood, replay and promise what they do not have: the node goes on, learns from others, and drops them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeRelease } from "../../src/gossip/message.ts";
import { PEER_PROTOCOL } from "../../src/gossip/peer-protocol.ts";
import { createPeerService } from "../../src/gossip/peer-service.ts";
import { EMPTY_SHELF } from "../support/empty-shelf.ts";
import { memoryKnowledge, startNode, startStranger, TOPIC, verdicts } from "../support/gossip-network.ts";
import { createReleaseRepository } from "../support/release-repository.ts";
import { until } from "../support/until.ts";

const NOW = Date.UTC(2026, 0, 1);

const PATIENT = {
  shelf: EMPTY_SHELF,
  signal: new AbortController().signal,
  bytesPerSecond: undefined,
  onGiven: () => {},
};

async function honestNode(seed: string) {
  const repository = createReleaseRepository({ seed, nowMs: NOW });
  const knowledge = memoryKnowledge(repository.pinnedRoot, NOW);
  knowledge.follow(repository);
  return { repository, node: await startNode(knowledge) };
}

test("who announces a release first and then stalls delays it by seconds, not by minutes", async () => {
  const { repository, node } = await honestNode("stalling peer");
  const staller = await startStranger(node.address);
  let asked = 0;
  await staller.host.handle(PEER_PROTOCOL, (stream) => {
    stream.addEventListener("message", () => {}); // it listens, and says nothing
    asked++;
  });
  const knowledge = memoryKnowledge(repository.pinnedRoot, NOW);
  knowledge.follow(repository);
  const friend = await startStranger(node.address);
  const answer = createPeerService({ ...PATIENT, knowledge });
  let friendAsked = 0;
  await friend.host.handle(PEER_PROTOCOL, (stream, { remotePeer }) => {
    friendAsked++;
    return answer(remotePeer.toString(), stream);
  });
  repository.publish();
  knowledge.follow(repository);
  const beganMs = performance.now();
  await staller.host.services.pubsub.publish(TOPIC, encodeRelease(repository.bytes("timestamp")));
  await until("it is learnt from the friend", () => node.knowledge.timestampVersion() === knowledge.timestampVersion());
  assert.ok(performance.now() - beganMs < 9_000, "before the staller's silence has run out");
  assert.ok(asked > 0, "the staller was asked");
  assert.equal(friendAsked, 1);
});

test("old announcements, replayed, cost nobody his connection; a flood of anything does", async () => {
  const { repository, node } = await honestNode("replaying peer");
  const old = encodeRelease(repository.bytes("timestamp"));
  const replayer = await startStranger(node.address), flooder = await startStranger(node.address);
  await replayer.host.services.pubsub.publish(TOPIC, old);
  await until("it was judged", () => verdicts(node).length === 1);
  assert.deepEqual(verdicts(node), ["ignore E_STALE"]);
  for (let i = 0; i < 60; i++) {
    const message = new TextEncoder().encode(JSON.stringify({ kind: `kind${i}` }));
    await flooder.host.services.pubsub.publish(TOPIC, message).catch(() => {}); // it is shut out on the way
  }
  await until("the flooder is gone", () => flooder.host.getPeers().length === 0);
  assert.equal(replayer.host.getPeers().length, 1);
  const looked = verdicts(node).filter((v) => v === "ignore E_MALFORMED").length;
  assert.ok(looked <= 33, `${looked} were looked into`);
});

test("a liar who was shut out is not let in again", async () => {
  const { node } = await honestNode("returning liar");
  const liar = await startStranger(node.address);
  for (let i = 0; i < 3; i++) {
    await liar.host.services.pubsub.publish(TOPIC, new TextEncoder().encode(`lie ${i}`)).catch(() => {});
  }
  await until("it is gone", () => liar.host.getPeers().length === 0);
  const { multiaddr } = await (await import("../../src/heavy/gossip.ts")).loadLibp2p();
  await liar.host.dial(multiaddr(node.address)).catch(() => {}); // refused at once, or a moment after the handshake
  await until("it is gone again", () => liar.host.getPeers().length === 0 && node.peers().length === 0);
});
