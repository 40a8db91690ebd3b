// Who has said too much is the first to bring each genuine release, so that it counts as his lie and not as a release.
// It is judged all the same: the release is known and passed on, and only who said too much is blamed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeRelease } from "../../src/gossip/message.ts";
import {
  startStranger,
  startWitnessed,
  type Stranger,
  TOPIC,
  untilHeard,
  verdicts,
} from "../support/gossip-network.ts";
import { createReleaseRepository } from "../support/release-repository.ts";
import { until } from "../support/until.ts";

const NOW = Date.UTC(2026, 0, 1);
/** Without the message it is half a minute at least: so long is the shortest time between two catch-ups. */
const SOON_MS = 10_000;
/** As many as one peer may say at once. */
const BURST_MESSAGES = 32;
/** More than an honest peer is forgiven, if each were counted as its lie. */
const RELEASES = 4;

const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const say = (s: Stranger, message: Uint8Array) => s.host.services.pubsub.publish(TOPIC, message).catch(() => {}); // it is shut out on the way

test("a genuine release is taken from who has said too much, and nobody else is blamed for it", async () => {
  const repository = createReleaseRepository({ seed: "talkative", nowMs: NOW });
  const { victim, honest, witness } = await startWitnessed(repository, NOW);

  for (let release = 0; release < RELEASES; release++) {
    const talkative = await startStranger(victim.address);
    await untilHeard(talkative.host, 1);
    // Two more than it may say: a third would end the connection before the release.
    for (let i = 0; i < BURST_MESSAGES + 2; i++) await say(talkative, bytesOf({ kind: `kind${release}x${i}` }));
    repository.publish();
    const message = encodeRelease(repository.bytes("timestamp"));
    await say(talkative, message);
    await until("the victim has blamed it", () => {
      const id = talkative.host.peerId.toString();
      return victim.events.some((e) => e.type === "lie" && e.peer === id && e.error.code === "E_TOO_LARGE");
    });
    honest.knowledge.follow(repository);
    await honest.announce();
    const newest = honest.knowledge.timestampVersion();
    await until("the victim knows", () => victim.knowledge.timestampVersion() === newest, SOON_MS);
    await until("it is passed on", () => witness.heard.some((heard) => Buffer.compare(heard, message) === 0), SOON_MS);
    await until("who said too much is gone", () => talkative.host.getPeers().length === 0);
  }
  const blamed = victim.events.filter((e) => e.type === "lie" || e.type === "shut-out").map((e) => e.peer);
  assert.equal(blamed.includes(honest.id), false);
  assert.ok(victim.peers().includes(honest.id));
  // What is neither a release nor a vote is not looked into.
  const rejected = verdicts(victim).filter((v) => v.startsWith("reject"));
  assert.deepEqual(rejected, Array(2 * RELEASES).fill("reject E_TOO_LARGE"));
});
