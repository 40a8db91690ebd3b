// Three of ten nodes are hostile. The honest ones, daemons in processes of their own, go on: a release that is published
// meanwhile reaches all of them soon, no lie is believed, who lies is dropped, and no honest node ever is.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Stream } from "@libp2p/interface";
import { createByteStream } from "../../src/gossip/byte-stream.ts";
import { encodeRelease } from "../../src/gossip/message.ts";
import { PEER_PROTOCOL, readLine, writeLine } from "../../src/gossip/peer-protocol.ts";
import { createPeerService } from "../../src/gossip/peer-service.ts";
import type { Holding, Shelf } from "../../src/gossip/shelf.ts";
import { PIECE_BYTES } from "../../src/hash/blake3-core.ts";
import { createDualDigest } from "../../src/hash/dual-digest.ts";
import { loadLibp2p } from "../../src/heavy/gossip.ts";
import { MAX_BUNDLE_BYTES } from "../../src/trust/bundle.ts";
import { platformName } from "../../src/trust/naming.ts";
import { json } from "../cli/network.ts";
import { testBytes } from "../support/artifact.ts";
import { memoryKnowledge, startStranger, type Stranger, TOPIC, untilHeard } from "../support/gossip-network.ts";
import { createHonestNetwork } from "../support/honest-network.ts";
import { createReleaseRepository, nameOf, PLATFORM } from "../support/release-repository.ts";
import { until } from "../support/until.ts";

const HONEST = 7, HOSTILE = 3;
/** A release goes through seven nodes in two or three seconds; on two processors that others use too, in less than this. */
const SOON_MS = 25_000;
/** Of one message or stream: three signatures and the root in question cost less. */
const MAX_CPU_MS = 50;
/** Of one peer that lies about pieces: a mebibyte and more is decrypted, and he is written down, by a node just started. */
const MAX_LIE_CPU_MS = 150;
/** Of one bundle: 8 MiB are decrypted, and read until they are too deep or too many. */
const MAX_BUNDLE_CPU_MS = 250;
/**
 * A hundred at rest; twelve exchanges at a time with bundles of 8 MiB, twice while one is read as text; and what the
 * collector has not come to on a machine that others use: 320 were passed at a load of eleven, 290 are usual.
 */
const MAX_PEAK_BYTES = 384 << 20;
/** 170 MiB in all are encrypted and decrypted here; what others are asked after that takes eight seconds. */
const GONE_MS = 90_000;
/** As long as it takes the nodes to notice, and to try again in vain. */
const CUT_MS = 3_000;

const content = testBytes(3 * PIECE_BYTES + 5, "attacked release");
const network = await createHonestNetwork(HONEST, content);
after(() => network.close());
const { repository, nodes } = network;
const library = await loadLibp2p();
const honestIds = new Set(nodes.map((n) => n.id));
const stopping = new AbortController();
after(() => stopping.abort());

/** Hostile nodes, each connected to every honest one. */
async function attackers(answer?: (stream: Stream) => void): Promise<Stranger[]> {
  return await Promise.all(Array.from({ length: HOSTILE }, async () => {
    const stranger = await startStranger(nodes[0]!.address, answer); // there are seven
    for (const { address } of nodes.slice(1)) await stranger.host.dial(library.multiaddr(address));
    await untilHeard(stranger.host, HONEST);
    return stranger;
  }));
}

const say = (s: Stranger, message: Uint8Array) => s.host.services.pubsub.publish(TOPIC, message).catch(() => {}); // it is shut out on the way

/** @param deadlineMs default: as long as others are waited for */
const areGone = (strangers: readonly Stranger[], deadlineMs?: number) =>
  until("the liars are gone", () => strangers.every((s) => s.host.getPeers().length === 0), deadlineMs);

const leave = (strangers: readonly Stranger[]) => Promise.all(strangers.map((s) => s.host.stop()));

const cpuOfAll = () => nodes.reduce((sum, n) => sum + n.cpuMs(), 0);

/** A release is published and reaches all. @returns what it cost them together */
async function spread(): Promise<number> {
  const before = cpuOfAll();
  repository.publish();
  await network.tell();
  const ms = await network.converged();
  assert.ok(ms < SOON_MS, `it took ${ms} ms`);
  return cpuOfAll() - before;
}

await network.tell();
await network.converged();
const quietCpuMs = await spread();

const refusedByAll = async () => (await Promise.all(nodes.map((n) => n.refused()))).reduce((a, b) => a + b, 0);

/**
 * Under attack, all goes on.
 * @param count of what the honest nodes together have been burdened with so far; default: messages that they refused
 */
async function goesOnUnder(
  what: string,
  hostile: readonly Stranger[],
  attack: () => Promise<unknown>,
  count: () => number | Promise<number> = refusedByAll,
  maxCpuMs = MAX_CPU_MS,
): Promise<void> {
  const before = cpuOfAll(), countBefore = await count();
  try {
    await attack();
    await spread();
  } finally {
    await leave(hostile);
  }
  const burdens = await count() - countBefore;
  assert.ok(burdens >= HOSTILE, `${what}: ${burdens}`);
  const perBurden = (cpuOfAll() - before - quietCpuMs) / burdens;
  const peakBytes = Math.max(...nodes.map((n) => n.peakBytes()));
  console.log(
    `${what}: ${perBurden.toFixed(1)} ms of processor time for each of ${burdens}, peak ${
      (peakBytes / 2 ** 20).toFixed(0)
    } MiB`,
  );
  assert.ok(perBurden < maxCpuMs, `${perBurden} ms for each`);
  assert.ok(peakBytes < MAX_PEAK_BYTES, `${peakBytes} bytes`);
  for (const node of nodes) {
    const blamed = node.lines().filter((l) => l.event === "lie" || l.event === "shut-out").map((l) => l.peer ?? "");
    assert.deepEqual(blamed.filter((peer) => honestIds.has(peer)), [], "an honest node is never blamed");
  }
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytesOf = (value: string) => new TextEncoder().encode(value);

test("forged announcements", async () => {
  const liars = await attackers();
  await goesOnUnder("forged", liars, async () => {
    for (const [i, liar] of liars.entries()) {
      for (let n = 0; n < 3; n++) {
        const forged = JSON.parse(text(repository.bytes("timestamp")));
        forged.signed.version += 1_000 + 10 * i + n;
        await say(liar, encodeRelease(bytesOf(JSON.stringify(forged))));
      }
    }
    await areGone(liars);
  });
});

test("old announcements, replayed by the dozen", async () => {
  const old: Uint8Array[] = [];
  for (let i = 0; i < 50 * HOSTILE; i++) {
    old.push(encodeRelease(repository.bytes("timestamp")));
    repository.publishTimestamp();
  }
  await spread();
  const replayers = await attackers();
  await goesOnUnder("replayed", replayers, async () => {
    for (const [i, message] of old.entries()) await say(replayers[i % HOSTILE]!, message);
    await areGone(replayers); // nobody has so much to say
  });
});

test("a flood of whatever", async () => {
  const flooders = await attackers();
  await goesOnUnder("flood", flooders, async () => {
    for (const [i, flooder] of flooders.entries()) {
      for (let n = 0; n < 100; n++) await say(flooder, bytesOf(JSON.stringify({ kind: `kind${i}x${n}` })));
    }
    await areGone(flooders);
  });
});

test("announcements of huge bundles", async () => {
  let asked = 0, saidBytes = MAX_BUNDLE_BYTES;
  const answer = async (stream: Stream) => {
    const bytes = createByteStream(stream, { signal: stopping.signal, idleMs: 10_000 });
    try {
      if (!(await readLine(bytes)).startsWith("bundle")) return bytes.abort();
      asked++;
      await writeLine(bytes, `ok ${saidBytes}`);
      const part = new Uint8Array(1 << 18).fill(0x5b); // nested arrays
      for (let sent = 0; sent < MAX_BUNDLE_BYTES; sent += part.length) await bytes.write(part);
    } catch {
      bytes.abort(); // hung up on
    }
  };
  const evil = createReleaseRepository({ seed: "evil", nowMs: Date.now() });
  const announceEvil = async (liars: readonly Stranger[]) => {
    for (const liar of liars) {
      for (let n = 0; n < 3; n++) {
        evil.publishTimestamp();
        await say(liar, encodeRelease(evil.bytes("timestamp")));
      }
    }
  };
  // As much as is read: whoever is slow at it is given up, and not blamed.
  const generous = await attackers((stream) => void answer(stream));
  await goesOnUnder(
    "bundles of 8 MiB",
    generous,
    async () => {
      await announceEvil(generous);
      await until("they were asked by everybody", () => asked >= HONEST * HOSTILE);
      await areGone(generous, GONE_MS);
    },
    () => asked,
    MAX_BUNDLE_CPU_MS,
  );
  saidBytes = 1e12;
  const boasting = await attackers((stream) => void answer(stream));
  await goesOnUnder(
    "bundles of a terabyte",
    boasting,
    async () => {
      const before = asked;
      await announceEvil(boasting);
      await until("they are asked too", () => asked > before);
      await areGone(boasting, GONE_MS);
    },
    () => asked,
    MAX_BUNDLE_CPU_MS,
  );
});

test("genuine announcements, wrapped in something else", async () => {
  const liars = await attackers();
  repository.publish();
  const timestamp = text(repository.bytes("timestamp"));
  // Others from each: the same message would be looked at once.
  const wrapped = (i: number) => [
    JSON.stringify({ kind: "release", timestamp, mirror: `https://evil${i}.example` }),
    JSON.stringify({ kind: "release", timestamp }, null, i + 1),
    " ".repeat(i) + JSON.stringify({ timestamp, kind: "release" }),
  ];
  await goesOnUnder("wrapped", liars, async () => {
    for (const [i, liar] of liars.entries()) for (const message of wrapped(i)) await say(liar, bytesOf(message));
    await areGone(liars);
  });
});

test("streams held open, with half a request or none", async () => {
  const holders = await attackers();
  let held = 0;
  /** As many as are allowed, again and again: each ends after ten seconds. */
  async function hold(): Promise<void> {
    for (const { host } of holders) {
      for (const connection of host.getConnections()) {
        const stream = await connection.newStream(PEER_PROTOCOL).catch(() => undefined);
        const isOpen = stream?.writeStatus === "writable"; // one too many is reset
        if (isOpen) held++;
        if (isOpen && Math.random() < 0.5) stream.send(new Uint8Array([0, 0, 0, 90]));
      }
    }
    await delay(200);
  }
  await goesOnUnder("streams held", holders, async () => {
    const areHeld = until("the holders are gone", async () => {
      await hold();
      return holders.every(({ host }) => host.getPeers().length === 0);
    }, GONE_MS);
    await spread();
    await areHeld;
  }, () => held);
});

test("a change of the root and of all keys, while nodes are a root apart", async () => {
  repository.rotate("timestamp");
  repository.rotate("root");
  const blamed = () => nodes.reduce((sum, n) => sum + n.count("lie"), 0);
  const before = blamed();
  await spread();
  assert.equal(blamed(), before, "nobody is blamed");
});

/** A stranger who says that he has everything, and gives what `read` makes of it. */
async function giverOfPieces(read: Holding["read"]): Promise<Stranger & { readonly address: string }> {
  const digest = await createDualDigest();
  digest.update(content);
  const { sha256 } = digest.digest();
  const holding: Holding = { length: content.length, pieces: { has: () => true }, pieceList: digest.pieces(), read };
  const shelf: Shelf = { find: (asked) => Promise.resolve(asked === sha256 ? holding : undefined) };
  const knowledge = memoryKnowledge(repository.pinnedRoot, Date.now());
  knowledge.follow(repository);
  const o = { knowledge, shelf, signal: stopping.signal, bytesPerSecond: undefined, onGiven: () => {} };
  const service = createPeerService(o);
  let id = "";
  const liar = await startStranger(nodes[0]!.address, (stream) => void service(id, stream));
  id = liar.host.peerId.toString();
  return { ...liar, address: liar.host.getMultiaddrs()[0]?.toString() ?? "" };
}

const skip = platformName(process.platform, process.arch) === PLATFORM ? false : `the release is for ${PLATFORM}`;

test(
  "wrong pieces, and pieces that are claimed and not there: the right ones are found, the liar is dropped and named",
  { skip },
  async () => {
    let isAsked = false, lies = 0;
    const wrong = await giverOfPieces(async function* (first, count) {
      isAsked = true;
      lies++;
      yield content.slice(first * PIECE_BYTES, (first + count) * PIECE_BYTES).fill(7, 0, 1);
    });
    const silent = await giverOfPieces(async function* () {
      lies++;
      await delay(60_000, undefined, { signal: stopping.signal, ref: false });
      yield new Uint8Array();
    });
    const lacking = await giverOfPieces(function () {
      lies++;
      throw new Error("it is not there");
    });
    const patient = await giverOfPieces(async function* (first, count) {
      await until("the liar has been asked", () => isAsked);
      yield content.slice(first * PIECE_BYTES, (first + count) * PIECE_BYTES);
    });
    const honest = await giverOfPieces(async function* (first, count) {
      yield content.slice(first * PIECE_BYTES, (first + count) * PIECE_BYTES);
    });
    /** A node that fetches the release from these. */
    async function fetchFrom(givers: readonly { readonly address: string }[]) {
      const victim = await network.start({ peers: givers.map((giver) => giver.address), autoUpdate: true });
      const beganMs = performance.now(), before = victim.cpuMs();
      await until("it has the release", () => victim.count("downloaded") === 1);
      return { victim, ms: performance.now() - beganMs, cpuMs: victim.cpuMs() - before };
    }
    const quiet = await fetchFrom([honest]);
    await quiet.victim.stop();
    const givers = [wrong, silent, lacking, patient];
    const { victim, ms, cpuMs } = await fetchFrom(givers);
    const perLie = (cpuMs - quiet.cpuMs) / lies;
    console.log(
      `pieces: proven after ${ms.toFixed(0)} ms, ${perLie.toFixed(1)} ms of processor time for each of ${lies}, peak ${
        (victim.peakBytes() / 2 ** 20).toFixed(0)
      } MiB`,
    );
    assert.ok(perLie < MAX_LIE_CPU_MS, `${perLie} ms for each`);
    assert.ok(victim.peakBytes() < MAX_PEAK_BYTES, `${victim.peakBytes()} bytes`);
    const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
    const file = join(victim.home, "packages", nameOf("1.0.0"));
    assert.equal(sha256(readFileSync(file)), sha256(content));
    const wrongId = wrong.host.peerId.toString();
    const out = victim.lines().filter((l) => l.event === "shut-out").map((l) => l.peer);
    assert.deepEqual(out, [wrongId]);
    await until("he is gone", () => wrong.host.getPeers().every((id) => id.toString() !== victim.id));
    await until("he is in the alerts, and nobody else", async () => {
      const { alerts } = await json(["alerts", "--home", victim.home]);
      const named = new Set<string>(alerts.map((a: { source: string }) => a.source));
      for (const source of named) assert.equal(source, `peer:${wrongId}`);
      return named.size === 1;
    });
    await victim.stop();
    await leave([...givers, honest]);
  },
);

test("cut in two while liars stand on both sides, they go on apart, and are one again when the cable is", async () => {
  const near = nodes.slice(0, Math.ceil(HONEST / 2)), far = nodes.slice(near.length);
  const missed = repository.bytes("timestamp"), known = await refusedByAll();
  repository.publishTimestamp();
  await spread(); // what was missed is old now
  const liars = await attackers();
  // A bridge that gives nothing on but lies.
  for (const { host } of liars) {
    host.services.pubsub.topicValidators.set(TOPIC, () => library.TopicValidatorResult.Ignore);
  }
  network.cut();
  repository.publish();
  await network.tell();
  await network.converged(near);
  const forged = JSON.parse(text(repository.bytes("timestamp")));
  forged.signed.version += 10_000;
  for (const [i, liar] of liars.entries()) {
    await say(liar, encodeRelease(missed));
    forged.signed.version += i;
    for (let n = 0; n < 3; n++) {
      forged.signed.version += 100;
      await say(liar, encodeRelease(bytesOf(JSON.stringify(forged))));
    }
  }
  await areGone(liars);
  await delay(CUT_MS);
  const before = far.map((n) => n.timestampVersion());
  assert.ok(before.every((version) => version < Math.max(...near.map((n) => n.timestampVersion()))));
  assert.ok(await refusedByAll() >= known + HOSTILE * HONEST, "the liars were heard on both sides");
  network.heal();
  const ms = await network.converged();
  console.log(`healed: all know after ${ms.toFixed(0)} ms`);
  await leave(liars);
  for (const node of nodes) {
    const blamed = node.lines().filter((l) => l.event === "lie" || l.event === "shut-out").map((l) => l.peer ?? "");
    assert.deepEqual(blamed.filter((peer) => honestIds.has(peer)), []);
  }
});
