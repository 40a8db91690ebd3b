// What a peer may not do with the frames of a connection, each lie by hand over a real socket and a real handshake; and
// what it may. Design: docs/decisions/0025-peer-data-path.md.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Connection, Stream } from "@libp2p/interface";
import { createByteStream } from "../../../src/gossip/byte-stream.ts";
import type { Host } from "../../../src/gossip/host.ts";
import { PEER_PROTOCOL } from "../../../src/gossip/peer-protocol.ts";
import {
  decodeHeader,
  encodeHeader,
  FLAG,
  GO_AWAY,
  type Header,
  HEADER_BYTES,
  TYPE,
} from "../../../src/heavy/yamux-frame.ts";
import { startLoneHost } from "../../support/lone-host.ts";
import { type FramesByHand, framesByHand, startStockPeer } from "../../support/stock-peer.ts";
import { until } from "../../support/until.ts";

const WINDOW_BYTES = 256 << 10;

interface Scene {
  readonly host: Host;
  readonly peer: FramesByHand;
  /** Our side of it. */
  readonly connection: Connection;
  /** Opened by the peer, in order. */
  readonly streams: Stream[];
  /** Frames that came from us since. */
  answers(): Header[];
}

/** A peer that dials our node, with the odd numbers for its streams. */
async function meet(): Promise<Scene> {
  const { promise, resolve } = Promise.withResolvers<FramesByHand>();
  const host = await startLoneHost();
  const streams: Stream[] = [];
  await host.handle(PEER_PROTOCOL, (stream) => void streams.push(stream), { maxInboundStreams: 64 });
  const node = await startStockPeer(framesByHand(resolve));
  await node.dial(host.getMultiaddrs()[0]!); // it listens
  const peer = await promise;
  await until("it is connected", () => host.getConnections().length === 1);
  await until("our node has asked who it is", () => frames(peer.got).length > 0);
  const before = frames(peer.got).length;
  return { host, peer, streams, connection: host.getConnections()[0]!, answers: () => frames(peer.got).slice(before) };
}

/** The headers among bytes. */
function frames(got: readonly Uint8Array[]): Header[] {
  const bytes = new Uint8Array(Buffer.concat(got)), found: Header[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const header = decodeHeader(bytes.subarray(at, at + HEADER_BYTES));
    found.push(header);
    at += HEADER_BYTES + (header.type === TYPE.data ? header.length : 0);
  }
  return found;
}

const data = (streamId: number, flags: number, bytes: Uint8Array) => [
  encodeHeader({ type: TYPE.data, flags, streamId, length: bytes.length }),
  bytes,
];
const frame = (type: number, flags: number, streamId: number, length: number) =>
  encodeHeader({ type, flags, streamId, length });
const line = (text: string) => Uint8Array.of(text.length + 1, ...new TextEncoder().encode(`${text}\n`));
/** Opens a stream and agrees on our protocol, as multistream-select has it. */
const open = (streamId: number) =>
  data(streamId, FLAG.syn, Buffer.concat([line("/multistream/1.0.0"), line(PEER_PROTOCOL)]));

const zeros = (bytes: number) => new Uint8Array(bytes);

const LIES: Record<string, Uint8Array[]> = {
  "a frame of another version": [Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0)],
  "a frame of an unknown type": [frame(9, 0, 1, 0)],
  "a ping on a stream": [frame(TYPE.ping, FLAG.syn, 1, 0)],
  "data without a stream": [frame(TYPE.data, 0, 0, 5)],
  "an answer to no ping": [frame(TYPE.ping, FLAG.ack, 0, 77)],
  "a ping that is neither question nor answer": [frame(TYPE.ping, FLAG.fin, 0, 1)],
  "a stream with a number of ours": [frame(TYPE.windowUpdate, FLAG.syn, 2, 0)],
  "a stream opened twice": [...open(1), frame(TYPE.windowUpdate, FLAG.syn, 1, 0)],
  "more data than a window": data(1, FLAG.syn, zeros(WINDOW_BYTES + 1)),
  "the length of more data than a window, and none of it": [frame(TYPE.data, FLAG.syn, 1, 0xffff_ffff)],
  "more data than any window for a stream that is not there": [frame(TYPE.data, 0, 9, (2 << 20) + 1)],
  "windows that add up to more than a window can be": [
    ...open(1),
    frame(TYPE.windowUpdate, 0, 1, 0xffff_ffff),
    frame(TYPE.windowUpdate, 0, 1, 0xffff_ffff),
  ],
};

for (const [lie, bytes] of Object.entries(LIES)) {
  test(`${lie} ends the connection`, async () => {
    const { peer, host, answers } = await meet();
    peer.write(...bytes);
    await until("it is ended", () => host.getConnections().length === 0, 5_000);
    const last = answers().at(-1);
    if (last?.type === TYPE.goAway) assert.equal(last.length, GO_AWAY.protocolError); // when it came before the end
  });
}

/** All that a stream of the peer may send, by what we told it. */
function grantedTo(id: number, answers: readonly Header[]): number {
  return answers.filter(({ type, streamId }) => type === TYPE.windowUpdate && streamId === id)
    .reduce((sum, { length }) => sum + length, WINDOW_BYTES);
}

test("a stream takes its window and not a byte more while nobody reads", async () => {
  const { peer, host, streams, answers } = await meet();
  peer.write(...open(1));
  await until("it is open", () => streams.length === 1);
  peer.write(...data(1, 0, zeros(1)));
  const granted = () => grantedTo(1, answers());
  await until("it has its whole window", () => granted() > 2 << 20);
  streams[0]!.pause();
  assert.equal(granted(), (2 << 20) + open(1)[1]!.length + 1);
  peer.write(...data(1, 0, zeros(2 << 20)));
  await until("all of it is there", () => streams[0]!.readBufferLength === 1 + (2 << 20));
  assert.equal(host.getConnections().length, 1);
  peer.write(...data(1, 0, zeros(1)));
  await until("it is ended", () => host.getConnections().length === 0, 5_000);
});

test("frames cut at any byte, several in one message, and empty ones", async () => {
  const { peer, streams } = await meet();
  const got: number[] = [];
  for (const byte of Buffer.concat(open(1))) peer.write(Uint8Array.of(byte));
  await until("it is open", () => streams.length === 1);
  streams[0]!.addEventListener("message", ({ data: bytes }) => got.push(...bytes.subarray()));
  let isEnded = false;
  streams[0]!.addEventListener("remoteCloseWrite", () => isEnded = true);
  const all = Buffer.concat([
    ...data(1, 0, zeros(0)),
    ...data(1, 0, Uint8Array.of(1, 2, 3)),
    ...data(1, 0, Uint8Array.of(4)),
    ...data(1, FLAG.fin, Uint8Array.of(5, 6)),
  ]);
  for (let at = 0; at < all.length; at += 7) peer.write(all.subarray(at, at + 7));
  await until("its end has come", () => isEnded);
  assert.deepEqual(got, [1, 2, 3, 4, 5, 6]);
  assert.equal(streams[0]!.writeStatus, "writable"); // only the peer has ended
});

test("of streams beyond the limit each is reset, and the others stay", async () => {
  const { peer, host, answers } = await meet();
  for (let i = 0; i < 70; i++) peer.write(frame(TYPE.windowUpdate, FLAG.syn, 2 * i + 1, 0));
  const resets = () => answers().filter(({ flags }) => (flags & FLAG.rst) !== 0);
  await until("six are reset", () => resets().length === 6);
  assert.deepEqual(resets().map(({ streamId }) => streamId), [129, 131, 133, 135, 137, 139]);
  assert.equal(host.getConnections().length, 1);
});

test("who opens streams and resets them at once is soon refused more, not for ever, and hung up on if he goes on", async () => {
  const { peer, host, streams, answers } = await meet();
  const resets = () => answers().filter(({ flags }) => (flags & FLAG.rst) !== 0).length;
  let id = 1;
  const openAndReset = (count: number) => {
    for (let i = 0; i < count; i++, id += 2) peer.write(frame(TYPE.windowUpdate, FLAG.syn | FLAG.rst, id, 0));
  };
  openAndReset(1_800);
  peer.write(frame(TYPE.ping, FLAG.syn, 0, 1));
  await until("all are dealt with", () => answers().some(({ type }) => type === TYPE.ping));
  assert.ok(resets() > 50 && resets() < 800, `${resets()} were refused`);
  await until("another one opens", async () => {
    peer.write(...open(id));
    id += 2;
    await delay(200);
    return streams.length > 0;
  });
  assert.equal(host.getConnections().length, 1);
  openAndReset(3_000);
  await until("it is ended", () => host.getConnections().length === 0, 5_000);
});

/** Bytes of data of each stream among what came. */
function bytesOf(got: readonly Uint8Array[]): Map<number, number> {
  const sums = new Map<number, number>();
  for (const { type, streamId, length } of frames(got)) {
    if (type === TYPE.data) sums.set(streamId, (sums.get(streamId) ?? 0) + length);
  }
  return sums;
}

/** Gives the stream more than the connection takes, for as long as that is open. */
async function fill(stream: Stream): Promise<void> {
  const bytes = createByteStream(stream, { signal: new AbortController().signal, idleMs: 60_000 });
  try {
    for (const part = new Uint8Array(256 << 10);;) await bytes.write(part, 60_000);
  } catch {
    bytes.abort(); // the end of the test
  }
}

test("streams that fill a line have equal shares of it, and a new one has its turn at once", async () => {
  const { peer, streams } = await meet();
  const ids = [1, 3, 5, 7];
  for (const id of ids) peer.write(...open(id), frame(TYPE.windowUpdate, 0, id, 1 << 30)); // no window ends a turn
  await until("they are open", () => streams.length === ids.length);
  for (const stream of streams) void fill(stream);
  const came = () => [...bytesOf(peer.got).values()].reduce((sum, n) => sum + n, 0);
  await until("much has come", () => came() > 64 << 20);
  const shares = bytesOf(peer.got), least = came() / ids.length / 2;
  for (const id of ids) assert.ok((shares.get(id) ?? 0) > least, `${JSON.stringify([...shares])}`);
  const before = came();
  peer.write(...open(9));
  await until("the fifth is answered", () => bytesOf(peer.got).has(9));
  assert.ok(came() - before < 16 << 20, `after ${came() - before} bytes`); // what sockets hold
  peer.end();
});

/** A connection on which nothing of ours leaves: the peer does not read what it asked for. */
async function meetUnread(): Promise<Scene> {
  const scene = await meet(), { peer, streams } = scene;
  peer.write(...open(1), frame(TYPE.windowUpdate, 0, 1, 1 << 30));
  await until("it is open", () => streams.length === 1);
  peer.stopReading();
  void fill(streams[0]!);
  await until("it is full", () => streams[0]!.writableNeedsDrain);
  await delay(200); // sockets take what they have room for
  return scene;
}

test("before it is agreed what a stream is for, no more of it may wait here than its first window", async () => {
  const { peer, host, answers } = await meet();
  const words = Buffer.concat([line("/multistream/1.0.0"), ...Array.from({ length: 20_000 }, () => line("no such"))]);
  peer.write(...data(1, FLAG.syn, words));
  await until("there is room again", () => grantedTo(1, answers()) > WINDOW_BYTES);
  await delay(100);
  assert.ok(grantedTo(1, answers()) <= WINDOW_BYTES + words.length);
  assert.equal(host.getConnections().length, 1);
});

test("who reads nothing is given no more room, and hung up on when he takes it", async () => {
  const { peer, host } = await meetUnread();
  const beginning = line("/multistream/1.0.0");
  for (const id of [3, 5, 7]) peer.write(...data(id, FLAG.syn, beginning), ...data(id, 0, zeros(200 << 10)));
  await delay(200);
  assert.equal(host.getConnections().length, 1);
  peer.write(...data(5, 0, zeros(200 << 10)));
  await until("it is ended", () => host.getConnections().length === 0, 5_000);
});

test("who reads on is given the room that waited for him", async () => {
  const { peer, streams, answers } = await meetUnread();
  peer.write(...open(3), ...data(3, 0, zeros(200 << 10)));
  await delay(200);
  peer.readOn();
  await until("it may send on", () => grantedTo(3, answers()) > WINDOW_BYTES);
  assert.equal(streams.length, 2);
  peer.end();
});

const pings = (bytes: Uint8Array) => [
  ...data(1, FLAG.syn, Buffer.concat([line("/multistream/1.0.0"), line("/ipfs/ping/1.0.0")])),
  ...data(1, 0, bytes),
];

test("whoever asks whether this node is there gets his own bytes back, as often as he asks", async () => {
  const { peer } = await meet();
  const asked = Buffer.from(crypto.getRandomValues(new Uint8Array(3 * 32)));
  peer.write(...pings(asked));
  await until("it is answered", () => Buffer.concat(peer.got).includes(asked.subarray(64)));
  assert.ok(Buffer.concat(peer.got).includes(asked.subarray(0, 32)));
});

test("whoever asks that without end and has no room for answers is not let ask on", async () => {
  const { peer, host, answers } = await meet();
  const granted = () => grantedTo(1, answers());
  let sent = 0;
  peer.write(...pings(zeros(0)));
  for (let i = 0; i < 200; i++) {
    for (; granted() - sent > 64 << 10; sent += 64 << 10) peer.write(...data(1, 0, zeros(64 << 10)));
    await delay(10);
  }
  assert.ok(sent < 4 << 20, `${sent} bytes were taken`);
  assert.equal(host.getConnections().length, 1);
});

test("a ping is answered with its number", async () => {
  const { peer, answers } = await meet();
  peer.write(frame(TYPE.ping, FLAG.syn, 0, 4_000_000_000));
  const pongs = () => answers().filter(({ type, flags }) => type === TYPE.ping && flags === FLAG.ack);
  await until("it is answered", () => pongs().length === 1);
  assert.equal(pongs()[0]!.length, 4_000_000_000);
});

test("who asks and asks and reads no answer is hung up on, before much waits for him", async () => {
  const { peer, host } = await meet();
  peer.stopReading();
  const pings = Buffer.concat(Array.from({ length: 5_000 }, () => frame(TYPE.ping, FLAG.syn, 0, 1)));
  for (let i = 0; i < 2_000 && host.getConnections().length > 0; i++) {
    peer.write(pings);
    await delay(2);
  }
  assert.equal(host.getConnections().length, 0);
});

test("late data for a stream that is gone is passed over", async () => {
  const { peer, host, streams, answers } = await meet();
  peer.write(...open(1));
  await until("it is open", () => streams.length === 1);
  streams[0]!.abort(new Error("enough"));
  await until("the peer is told", () => answers().some(({ flags }) => (flags & FLAG.rst) !== 0));
  peer.write(...data(1, 0, zeros(100_000)), ...open(3));
  await until("another one opens", () => streams.length === 2);
  assert.equal(host.getConnections().length, 1);
});

test("a reset ends a stream, and a goodbye the connection's streams", async () => {
  const { peer, streams, connection } = await meet();
  peer.write(...open(1), ...open(3));
  await until("they are open", () => streams.length === 2);
  peer.write(frame(TYPE.windowUpdate, FLAG.rst, 1, 0));
  await until("one is reset", () => streams[0]!.status === "reset");
  assert.equal(streams[1]!.status, "open");
  peer.write(frame(TYPE.goAway, 0, 0, GO_AWAY.normal));
  await until("the other is closed", () => streams[1]!.status === "closed");
  await assert.rejects(connection.newStream(PEER_PROTOCOL));
});
