// What a node gives to whom, over real connections on loopback. Design: docs/gossip.md, "Pieces for each other".
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Connection } from "@libp2p/interface";
import { type ByteStream, createByteStream } from "../../../src/gossip/byte-stream.ts";
import { PEER_PROTOCOL, readLine, writeLine } from "../../../src/gossip/peer-protocol.ts";
import { MAX_CONNECTIONS } from "../../../src/gossip/limits.ts";
import { createPieceService } from "../../../src/gossip/piece-service.ts";
import { createUploadLimit } from "../../../src/gossip/upload-limit.ts";
import { createPeerService, type PeerServiceOptions } from "../../../src/gossip/peer-service.ts";
import { PIECE_BYTES } from "../../../src/hash/blake3-core.ts";
import { MuxedStream } from "../../../src/heavy/muxed-stream.ts";
import { fails } from "../../support/fails.ts";
import { memoryKnowledge } from "../../support/gossip-network.ts";
import { startLoneHost } from "../../support/lone-host.ts";
import { createReleaseRepository } from "../../support/release-repository.ts";
import { until } from "../../support/until.ts";

const NOW = Date.UTC(2026, 0, 1);
const knowledge = memoryKnowledge(createReleaseRepository({ seed: "piece service", nowMs: NOW }).pinnedRoot, NOW);
const SHA256 = "ab".repeat(32);
const PIECES = 64;
const { signal } = new AbortController();

interface Giver {
  /** Bytes that were read for peers. */
  readBytes(): number;
  /** Bytes that peers took. */
  givenBytes(): number;
  /** Its ends of all streams so far. */
  readonly streams: readonly MuxedStream[];
  /** A peer of its own. */
  taker(): Promise<Connection>;
}

/** Has an artifact of 64 pieces. */
async function startGiver(o: Partial<PeerServiceOptions> = {}): Promise<Giver> {
  const host = await startLoneHost();
  let readBytes = 0, givenBytes = 0;
  const holding = {
    length: PIECES * PIECE_BYTES,
    pieces: { has: () => true },
    pieceList: undefined,
    async *read(_first: number, count: number) {
      for (let i = 0; i < count; i++) {
        readBytes += PIECE_BYTES;
        yield await Promise.resolve(new Uint8Array(PIECE_BYTES));
      }
    },
  };
  const service = createPeerService({
    knowledge,
    shelf: { find: (sha256) => Promise.resolve(sha256 === SHA256 ? holding : undefined) },
    signal,
    bytesPerSecond: undefined,
    onGiven: (bytes) => givenBytes += bytes,
    ...o,
  });
  const limits = { maxInboundStreams: 8, maxOutboundStreams: 8 };
  const streams: MuxedStream[] = [];
  await host.handle(PEER_PROTOCOL, (stream, { remotePeer }) => {
    if (!(stream instanceof MuxedStream)) throw new Error("a stream of another muxer");
    streams.push(stream);
    return service(remotePeer.toString(), stream);
  }, limits);
  return {
    streams,
    readBytes: () => readBytes,
    givenBytes: () => givenBytes,
    taker: async () => await (await startLoneHost()).dial(host.getMultiaddrs()[0]!), // it listens
  };
}

/** @returns the answer's line, and what follows it */
async function ask(
  connection: Connection,
  line: string,
): Promise<{ readonly line: string; readonly bytes: ByteStream }> {
  const stream = await connection.newStream(PEER_PROTOCOL);
  const bytes = createByteStream(stream, { signal, idleMs: 20_000 });
  await writeLine(bytes, line);
  return { line: await readLine(bytes), bytes };
}

/** Until the peer is given something. */
const isServed = (connection: Connection) =>
  until("it has a place again", async () => {
    const { line, bytes } = await ask(connection, piecesFrom(0, 1));
    bytes.abort();
    return line.startsWith("ok");
  });

/** Of a peer that takes what it has to, and then one byte again and again. @returns the answer's line, and what ends it */
async function askAndDrip(taker: Connection, giver: Giver, request: string): Promise<[string, () => void]> {
  const stream = await taker.newStream(PEER_PROTOCOL);
  if (stream instanceof MuxedStream) stream.announceData = () => {}; // more than its window, for which it did not ask
  const bytes = createByteStream(stream, { signal, idleMs: 20_000 });
  await writeLine(bytes, request);
  const line = await readLine(bytes);
  const timer = setInterval(() => giver.streams.forEach((s) => s.growSendWindow(1)), 20);
  return [line, () => clearInterval(timer)];
}

/** Reads runs of so many pieces on that many streams, again and again, until the end. @returns the bytes that came so far */
function readAgainAndAgain(taker: Connection, pieces: number, streams: number, end: AbortSignal): () => number {
  let got = 0;
  async function readOn(): Promise<void> {
    while (!end.aborted) {
      const { line, bytes } = await ask(taker, piecesFrom(0, pieces));
      try {
        if (line !== "ok " + pieces * PIECE_BYTES) continue;
        for await (const { length } of bytes.chunks(pieces * PIECE_BYTES)) {
          got += length;
          if (end.aborted) break;
        }
      } catch {
        // others have its place
      } finally {
        bytes.abort();
      }
    }
  }
  for (let i = 0; i < streams; i++) void readOn();
  return () => got;
}

const isOpen = (stream: MuxedStream) => stream.status === "open";

const piecesFrom = (first: number, count: number) => `pieces ${SHA256} ${first} ${count}`;

test("a peer has four uploads at a time; its fifth is told to come again, and another peer is served meanwhile", async () => {
  const giver = await startGiver();
  const greedy = await giver.taker(), modest = await giver.taker();
  const held = await Promise.all(Array.from({ length: 4 }, () => ask(greedy, piecesFrom(0, 32))));
  assert.ok(held.every(({ line }) => line === `ok ${32 * PIECE_BYTES}`));
  const fifth = ask(greedy, piecesFrom(0, 1));
  const { line, bytes } = await ask(modest, piecesFrom(3, 1));
  assert.equal(line, `ok ${PIECE_BYTES}`);
  await bytes.read(PIECE_BYTES);
  assert.equal((await fifth).line, "busy");
  for (const h of held) h.bytes.abort();
  await isServed(greedy);
});

test("sixteen uploads are all there are", async () => {
  const giver = await startGiver();
  const takers = await Promise.all(Array.from({ length: 5 }, () => giver.taker()));
  const four = takers.slice(0, 4).flatMap((t) => Array.from({ length: 4 }, () => ask(t, piecesFrom(0, 32))));
  for (const { line } of await Promise.all(four)) assert.match(line, /^ok/);
  assert.equal((await ask(takers[4]!, piecesFrom(0, 1))).line, "busy"); // there are five
});

test("nothing is read for a peer that takes nothing, beyond what is on its way; and its place is taken away", async () => {
  const giver = await startGiver({ patience: { wantedMs: -14_000, aloneMs: -13_000 } });
  const taker = await giver.taker();
  const { line } = await ask(taker, piecesFrom(0, PIECES));
  assert.match(line, /^ok/);
  let before = -1;
  await until("nothing moves", async () => {
    const same = giver.readBytes() === before;
    before = giver.readBytes();
    await delay(200);
    return same;
  });
  assert.ok(giver.readBytes() <= 8 * PIECE_BYTES, `${giver.readBytes()} bytes were read`);
  const others = await Promise.all(Array.from({ length: 3 }, () => ask(taker, piecesFrom(0, PIECES))));
  assert.ok(others.every((o) => o.line.startsWith("ok")));
  await isServed(taker);
});

test("a limit is one of all uploads together", async () => {
  const limit = 4 * PIECE_BYTES;
  const giver = await startGiver({ bytesPerSecond: limit });
  const takers = await Promise.all([giver.taker(), giver.taker()]);
  const beganMs = performance.now();
  await Promise.all(takers.map(async (t) => await (await ask(t, piecesFrom(0, 4))).bytes.read(4 * PIECE_BYTES)));
  const seconds = (performance.now() - beganMs) / 1000;
  assert.equal(giver.givenBytes(), 8 * PIECE_BYTES);
  assert.ok(seconds > 1.8, `8 MiB in ${seconds} s at 4 MiB a second`);
});

test("under a low limit no upload is silent for longer than a second or so", async () => {
  const giver = await startGiver({ bytesPerSecond: 100_000 });
  const takers = await Promise.all([giver.taker(), giver.taker()]);
  const reads = takers.flatMap((t) => [0, 1, 2, 3].map((first) => ask(t, piecesFrom(first, 1))));
  const silencesMs = await Promise.all(reads.map(async (read) => {
    const { bytes } = await read;
    let lastMs = performance.now(), got = 0, longestMs = 0;
    for await (const { length } of bytes.chunks(PIECE_BYTES)) {
      longestMs = Math.max(longestMs, performance.now() - lastMs);
      lastMs = performance.now();
      if ((got += length) > 30_000) break;
    }
    bytes.abort();
    return longestMs;
  }));
  assert.ok(Math.max(...silencesMs) < 1_500, `${silencesMs} ms`);
});

test("a bundle counts against the limit, waits for no pieces, and keeps nobody from telling of peers", async () => {
  const repository = createReleaseRepository({ seed: "limited bundles", nowMs: NOW });
  const knowledge = memoryKnowledge(repository.pinnedRoot, NOW);
  knowledge.follow(repository);
  const bundle = new Uint8Array(PIECE_BYTES), limit = PIECE_BYTES;
  const giver = await startGiver({
    knowledge: { ...knowledge, bundle: () => bundle },
    bytesPerSecond: limit,
    peers: () =>
      Promise.resolve(["/ip4/203.0.113.7/tcp/4217/p2p/12D3KooWGRUzYn8hDJyDfTdFyDGfNwXrrTTVBS5VN2YcxyJAmbHk"]),
  });
  const end = new AbortController();
  readAgainAndAgain(await giver.taker(), 1, 4, end.signal);
  await until("pieces are given", () => giver.givenBytes() > 0);
  const asker = await giver.taker();
  const beganMs = performance.now(), beforeBytes = giver.givenBytes();
  const { line, bytes } = await ask(asker, "bundle 1 0");
  assert.equal(line, `ok ${bundle.length}`);
  const toldMs = performance.now();
  const told = await ask(asker, "peers");
  assert.match(told.line, /^ok/);
  await told.bytes.read(Number(told.line.slice(3)));
  assert.ok(performance.now() - toldMs < 500, "addresses are small");
  await bytes.read(bundle.length);
  end.abort();
  const seconds = (performance.now() - beganMs) / 1000;
  assert.ok(seconds > 1.7 && seconds < 4, `${seconds} s for a second's worth, of which half may be a bundle's`);
  assert.ok(giver.givenBytes() - beforeBytes < 0.7 * seconds * limit, `${giver.givenBytes() - beforeBytes} of pieces`);
});

test("a piece list is told once a stream, and counts against the limit", async () => {
  const pieceList = new Uint8Array(32 * PIECES * 64);
  let count = 1;
  const holding = {
    length: PIECES * 64 * PIECE_BYTES,
    pieces: { has: (i: number) => i < count },
    pieceList,
    read: () => assert.fail("nobody asks for pieces"),
  };
  const giver = await startGiver({ shelf: { find: () => Promise.resolve(holding) }, bytesPerSecond: pieceList.length });
  const beganMs = performance.now();
  const { line, bytes } = await ask(await giver.taker(), `have ${SHA256}`);
  const bitBytes = PIECES * 64 / 8;
  assert.equal(line, `ok ${bitBytes + pieceList.length}`);
  await bytes.read(bitBytes + pieceList.length);
  assert.ok(performance.now() - beganMs > 1_500);
  count = 2;
  assert.equal(await readLine(bytes), `ok ${bitBytes}`);
  assert.equal((await bytes.read(bitBytes))[0], 0b1100_0000);
  bytes.abort();
});

test("however many listen for what comes, each peer that can be connected has its place, and a look is for all", async () => {
  const stopping = new AbortController();
  let looks = 0;
  const holding = { length: PIECES * PIECE_BYTES, pieces: { has: (i: number) => i === 0 }, pieceList: undefined };
  const read = () => assert.fail("nobody asks for pieces");
  const shelf = { find: () => Promise.resolve({ ...holding, read, looks: ++looks }) };
  const o = { shelf, signal: stopping.signal, onGiven: () => {} };
  const service = createPieceService(o, createUploadLimit(undefined, stopping.signal));
  const answers: string[] = [];
  const listener: ByteStream = {
    read: () => assert.fail("nothing is asked"),
    chunks: () => assert.fail("nothing is asked"),
    write: (bytes) => Promise.resolve(void answers.push(new TextDecoder().decode(bytes.subarray(4)))),
    pause: (ms) => delay(ms, undefined, { signal: stopping.signal }),
    end: () => Promise.resolve(),
    abort: () => {},
  };
  const peers = Array.from({ length: MAX_CONNECTIONS }, (_, i) => `peer ${i}`);
  const listening = [...peers, ...peers].map((peer) => service.have({ get: "have", sha256: SHA256 }, peer, listener));
  const ended = Promise.allSettled(listening);
  const told = `ok ${PIECES / 8}`;
  await until("all are told", () => answers.filter((a) => a === told).length === listening.length, 1_000);
  await delay(1_600);
  assert.ok(looks > listening.length && looks < 1.5 * listening.length, `${looks} looks`); // the first is everybody's own
  stopping.abort();
  await ended;
});

test("who has ended his listening may listen again at once", async () => {
  const holding = { length: PIECES * PIECE_BYTES, pieces: { has: (i: number) => i === 0 }, pieceList: undefined };
  const read = () => assert.fail("nobody asks for pieces");
  let isHere = false;
  const giver = await startGiver({ shelf: { find: () => Promise.resolve(isHere ? { ...holding, read } : undefined) } });
  const taker = await giver.taker();
  const beganMs = performance.now();
  for (let i = 0; i < 2; i++) { // he does not wait until it comes
    const bytes = createByteStream(await taker.newStream(PEER_PROTOCOL), { signal, idleMs: 20_000 });
    await writeLine(bytes, `have ${SHA256}`);
    bytes.abort();
  }
  isHere = true;
  for (let i = 0; i < 6; i++) {
    const { line, bytes } = await ask(taker, `have ${SHA256}`);
    bytes.abort();
    assert.equal(line, `ok ${PIECES / 8}`);
  }
  assert.ok(performance.now() - beganMs < 1_500, "no place was waited for");
});

test("a stream that ended before anybody read it leaves nothing with the signal of who would have", async () => {
  const stream = await (await (await startGiver()).taker()).newStream(PEER_PROTOCOL);
  stream.abort(new Error("over"));
  const own = new AbortController();
  const bytes = createByteStream(stream, { signal: own.signal, idleMs: 20_000 });
  await assert.rejects(bytes.read(1), { code: "E_UNREACHABLE" });
  assert.equal(getEventListeners(own.signal, "abort").length, 0);
});

test("what is not here, and more than there is, is none", async () => {
  const giver = await startGiver();
  const taker = await giver.taker();
  for (const request of [`pieces ${"cd".repeat(32)} 0 1`, piecesFrom(PIECES - 1, 2), piecesFrom(PIECES, 1)]) {
    assert.equal((await ask(taker, request)).line, "none", request);
  }
});

test("who takes byte after byte gives his place to who waits for it, and loses it in the end though nobody waits", async () => {
  const giver = await startGiver({ patience: { wantedMs: -15_900, aloneMs: -13_000 } }); // a part may take 16 s
  const takers = await Promise.all(Array.from({ length: 4 }, () => giver.taker()));
  const beganMs = performance.now();
  const drips = await Promise.all(
    takers.flatMap((t) => Array.from({ length: 4 }, () => askAndDrip(t, giver, piecesFrom(0, 32)))),
  );
  for (const [line] of drips) assert.match(line, /^ok/);
  await delay(1_000);
  assert.equal(giver.streams.filter(isOpen).length, 16, "nobody else wants a place");
  const { line, bytes } = await ask(await giver.taker(), piecesFrom(0, 1));
  assert.equal(line, `ok ${PIECE_BYTES}`);
  await bytes.read(PIECE_BYTES);
  bytes.abort();
  assert.ok(giver.streams.filter(isOpen).length >= 15, "one place was enough");
  await until("nobody holds anything", () => !giver.streams.some(isOpen));
  assert.ok(performance.now() - beganMs < 10_000);
  for (const [, end] of drips) end();
});

test("who takes other answers byte by byte makes room for who waits, and is waited for no longer than all may take", async () => {
  const repository = createReleaseRepository({ seed: "dripped bundles", nowMs: NOW });
  const knowledge = memoryKnowledge(repository.pinnedRoot, NOW);
  knowledge.follow(repository);
  const bundle = new Uint8Array(4 << 20);
  const answering = { leashMs: 300, wholeMs: 3_000 };
  const giver = await startGiver({ knowledge: { ...knowledge, bundle: () => bundle }, answering });
  const takers = await Promise.all(Array.from({ length: 8 }, () => giver.taker()));
  const beganMs = performance.now();
  const drips = await Promise.all(takers.map((t) => askAndDrip(t, giver, "bundle 1 0")));
  for (const [line] of drips) assert.match(line, /^ok/);
  const { line, bytes } = await ask(await giver.taker(), "bundle 1 0");
  assert.equal(line, `ok ${bundle.length}`);
  await bytes.read(bundle.length);
  bytes.abort();
  assert.ok(giver.streams.filter(isOpen).length >= 7, "one place was enough");
  await until("nobody holds anything", () => !giver.streams.some(isOpen));
  assert.ok(performance.now() - beganMs < 8_000);
  for (const [, end] of drips) end();
});

test("four who read all the time, and much at once, leave a fifth one his share", async () => {
  const giver = await startGiver({ bytesPerSecond: 16 * PIECE_BYTES });
  const end = new AbortController();
  const greedy = await Promise.all(Array.from({ length: 4 }, () => giver.taker()));
  const got = greedy.map((taker) => readAgainAndAgain(taker, PIECES, 7, end.signal)); // four have places, others wait
  await until("they have all places", () => giver.givenBytes() > 16 * PIECE_BYTES);
  const late = await giver.taker();
  const beganMs = performance.now(), beforeBytes = giver.givenBytes();
  const gotLate = readAgainAndAgain(late, 2, 4, end.signal);
  await until("it is given something", () => gotLate() > 0);
  assert.ok(performance.now() - beganMs < 3_000, `after ${performance.now() - beganMs} ms`);
  await until("much was given", () => giver.givenBytes() - beforeBytes > 128 * PIECE_BYTES);
  end.abort();
  const share = gotLate() / (giver.givenBytes() - beforeBytes);
  assert.ok(
    share > 0.12,
    `${gotLate()} bytes of ${giver.givenBytes() - beforeBytes}, the others ${got.map((g) => g())}`,
  );
});

test("who asks byte by byte is silent when the time for a line is over", async () => {
  let silences = 0;
  const giver = await startGiver({ requestMs: 500, onSilence: () => silences++ });
  const taker = await giver.taker();
  const beganMs = performance.now();
  const stream = await taker.newStream(PEER_PROTOCOL);
  const bytes = createByteStream(stream, { signal, idleMs: 20_000 });
  stream.send(Uint8Array.of(0, 0, 0, 255));
  const timer = setInterval(() => stream.status === "open" && stream.send(Uint8Array.of(97)), 50);
  await assert.rejects(readLine(bytes), fails("E_UNREACHABLE"));
  clearInterval(timer);
  assert.equal(silences, 1);
  assert.ok(performance.now() - beganMs < 5_000);
  assert.match((await ask(taker, piecesFrom(0, 1))).line, /^ok/, "of a line that is whole nothing is remembered");
  assert.equal(silences, 1);
});
