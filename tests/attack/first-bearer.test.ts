// The first to bring a genuine announcement under a new root is hostile: the library shows it once, so what others bring is
// a duplicate. The root is asked of others, soon, and no honest peer is blamed.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodeRelease } from "../../src/gossip/message.ts";
import { createPeerService } from "../../src/gossip/peer-service.ts";
import { MAX_BUNDLE_BYTES } from "../../src/trust/bundle.ts";
import { EMPTY_SHELF } from "../support/empty-shelf.ts";
import {
  type MemoryKnowledge,
  memoryKnowledge,
  startNode,
  startStranger,
  type Stranger,
  type TestNode,
  TOPIC,
  verdicts,
} from "../support/gossip-network.ts";
import { type Answer, answering } from "../support/peer-answers.ts";
import { createReleaseRepository, type ReleaseRepository } from "../support/release-repository.ts";
import { until } from "../support/until.ts";

const NOW = Date.UTC(2026, 0, 1);
/** Without others being asked it is half a minute at least: so long is the shortest time between two catch-ups. */
const SOON_MS = 10_000;
/** Beside those of a scene, all at one address: it has no more than ten connections. */
const CROWD = 7;
/** Streams end with the nodes. */
const { signal } = new AbortController();

const FIRST_BEARERS: Record<string, Answer> = {
  "holds the exchange open": answering(undefined),
  "promises a bundle and sends one byte of it": answering("ok 20000", new Uint8Array(1)),
  "has nothing newer": answering("none"),
  "is busy for ever": answering("busy"),
  "gives a bundle that is none": answering("ok 5", new TextEncoder().encode("a lie")),
  "promises more than anybody takes": answering(`ok ${MAX_BUNDLE_BYTES + 1}`),
  "breaks off": (stream) => stream.abort(new Error("not now")),
};

interface Scene {
  readonly repository: ReleaseRepository;
  readonly victim: TestNode;
  /** A peer of the victim, asked by it as often as it asks a new one: what it has from now on, it is not asked for soon. */
  readonly honest: Stranger;
  readonly knows: MemoryKnowledge;
  readonly hostile: Stranger;
  /** The hostile one announces what the repository has, and is the first. */
  strike(): Promise<void>;
  /** Hears what the victim passes on. */
  readonly witness: Stranger;
  /** Requests that the victim has made to the honest one. */
  asked(): number;
}

/** @param answer of a hostile peer, there for as long as the honest one, which behaves until it announces something */
async function scene(seed: string, answer: Answer): Promise<Scene> {
  const repository = createReleaseRepository({ seed: `first bearer ${seed}`, nowMs: NOW });
  const knowledge = memoryKnowledge(repository.pinnedRoot, NOW), knows = memoryKnowledge(repository.pinnedRoot, NOW);
  knowledge.follow(repository);
  knows.follow(repository);
  const victim = await startNode(knowledge);
  let isHostile = false, askedHostile = 0;
  const behave = answering("none");
  const hostile = await startStranger(victim.address, (stream) => {
    if (!isHostile) return behave(stream);
    askedHostile++;
    answer(stream);
  });
  const witness = await startStranger(victim.address);
  const service = createPeerService({
    knowledge: knows,
    shelf: EMPTY_SHELF,
    signal,
    bytesPerSecond: undefined,
    onGiven: () => {},
  });
  let asked = 0;
  const honest = await startStranger(victim.address, (stream) => {
    asked++;
    void service(victim.id, stream);
  });
  await until("it has been asked twice what it has", () => asked >= 3); // and for votes in between
  async function strike(): Promise<void> {
    isHostile = true;
    await announce(hostile, repository);
    await until("it is asked for the new root", () => askedHostile > 0);
  }
  return {
    repository,
    victim,
    honest,
    knows,
    hostile,
    witness,
    asked: () => asked,
    strike,
  };
}

const announce = (by: Stranger, repository: ReleaseRepository) =>
  by.host.services.pubsub.publish(TOPIC, encodeRelease(repository.bytes("timestamp")));

/** @returns how long it took */
async function knowsRoot(victim: TestNode, version: number): Promise<number> {
  const beganMs = performance.now();
  await until("the new root is known", () => victim.knowledge.state().root.signed.version === version);
  return performance.now() - beganMs;
}

function requireUnblamed(victim: TestNode, honest: Stranger): void {
  const id = honest.host.peerId.toString();
  assert.equal(victim.events.some((e) => (e.type === "lie" || e.type === "shut-out") && e.peer === id), false);
  assert.ok(victim.peers().includes(id));
}

const scenes = await Promise.all(Object.entries(FIRST_BEARERS).map(([what, answer]) => scene(what, answer)));

describe("a new root is known within seconds and passed on, though who brings it first", () => {
  for (const [i, what] of Object.keys(FIRST_BEARERS).entries()) {
    test(what, async () => {
      const { repository, victim, honest, knows, witness, strike } = scenes[i]!; // one for each
      repository.rotate("timestamp");
      repository.publish();
      await strike();
      knows.follow(repository);
      await announce(honest, repository);
      const ms = await knowsRoot(victim, 2);
      console.log(`${what}: known after ${ms.toFixed(0)} ms`);
      assert.ok(ms < SOON_MS, `${ms} ms`);
      await until("the witness hears of it", () => witness.heard.length > 0);
      assert.deepEqual(witness.heard, [encodeRelease(repository.bytes("timestamp"))]);
      assert.deepEqual(verdicts(victim), ["accept"]);
      requireUnblamed(victim, honest);
    });
  }
});

test("the first bearer brings it before the honest ones have it", async () => {
  const { repository, victim, honest, knows, strike, asked } = await scene("hasty", answering("none"));
  const before = asked();
  repository.rotate("timestamp");
  repository.publish();
  await strike();
  await until("the honest one was asked in vain", () => asked() > before);
  knows.follow(repository);
  const ms = await knowsRoot(victim, 2);
  assert.ok(ms < SOON_MS, `${ms} ms`);
  requireUnblamed(victim, honest);
});

test("a crowd that makes up roots and holds all exchanges open does not hide a genuine one", async () => {
  const { repository, victim, honest, knows } = await scene("crowd", answering(undefined));
  const crowd = await Promise.all(
    Array.from({ length: CROWD }, () => startStranger(victim.address, answering(undefined))),
  );
  const evil = createReleaseRepository({ seed: "a crowd's own", nowMs: NOW });
  for (const liar of crowd) {
    for (let n = 0; n < 6; n++) {
      evil.publishTimestamp();
      await announce(liar, evil);
    }
  }
  repository.rotate("timestamp");
  repository.publish();
  await announce(crowd[0]!, repository);
  knows.follow(repository);
  await announce(honest, repository);
  const ms = await knowsRoot(victim, 2);
  console.log(`a crowd: known after ${ms.toFixed(0)} ms`);
  assert.ok(ms < SOON_MS, `${ms} ms`);
  requireUnblamed(victim, honest);
});

test("whoever makes up a root that nobody has is shut out, and honest peers are asked little", async () => {
  const { victim, honest, witness, asked, hostile: liar } = await scene("made up", answering("none"));
  const before = asked();
  const evil = createReleaseRepository({ seed: "made up", nowMs: NOW });
  for (let n = 0; n < 3; n++) {
    evil.publishTimestamp();
    await announce(liar, evil);
  }
  await until("the liar is shut out", () => liar.host.getPeers().length === 0);
  assert.deepEqual(verdicts(victim), Array(3).fill("reject E_UNTRUSTED_KEY"));
  assert.deepEqual(witness.heard, []);
  assert.equal(victim.knowledge.timestampVersion(), 1);
  assert.ok(asked() - before <= 8, `${asked() - before} requests`); // every other second, for some seconds
  requireUnblamed(victim, honest);
});
