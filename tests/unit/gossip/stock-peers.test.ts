// Our connections and those of the library as it comes, over real sockets: they understand each other in both directions,
// wherever the bytes are cut, and neither drowns the other. Design: docs/decisions/0025-peer-data-path.md.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { connect, createServer, type Socket } from "node:net";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Connection, Stream } from "@libp2p/interface";
import type { Libp2p } from "libp2p";
import { type ByteStream, createByteStream } from "../../../src/gossip/byte-stream.ts";
import { loadLibp2p } from "../../../src/heavy/gossip.ts";
import { startLoneHost } from "../../support/lone-host.ts";
import { startStockPeer } from "../../support/stock-peer.ts";
import { until } from "../../support/until.ts";

const PROTOCOL = "/echo/1";
const { signal } = new AbortController();
const BYTES = 3 << 20;

const bytesOf = (stream: Stream): ByteStream => createByteStream(stream, { signal, idleMs: 20_000 });
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Answers with what it got, and then with its digest, when the other side has ended. */
async function echo(stream: Stream): Promise<void> {
  const bytes = bytesOf(stream);
  const got: Uint8Array[] = [];
  try {
    for (;;) {
      const part = await bytes.read(1 << 16);
      got.push(part);
      await bytes.write(part);
    }
  } catch {
    await bytes.write(new TextEncoder().encode(sha256(Buffer.concat(got))));
    await bytes.end();
  }
}

async function exchange(connection: Connection): Promise<void> {
  const stream = await connection.newStream(PROTOCOL);
  const bytes = bytesOf(stream), sent = randomBytes(BYTES);
  const writing = (async () => {
    for (let at = 0; at < BYTES; at += 100_000) await bytes.write(sent.subarray(at, at + 100_000));
    await bytes.end();
  })();
  assert.equal(sha256(await bytes.read(BYTES)), sha256(sent));
  assert.equal(new TextDecoder().decode(await bytes.read(64)), sha256(sent));
  await writing;
  await until("both sides have ended it", () => stream.status === "closed");
}

/** A way to somebody that cuts what goes through it, in both directions, and may do more to it. */
async function throughCable(to: Libp2p, pass: (bytes: Buffer, socket: Socket) => void | Promise<void>) {
  const { address, port } = socketAddress(to);
  const server = createServer((client) => {
    const upstream = connect(port, address);
    for (const [from, onto] of [[client, upstream], [upstream, client]] as const) {
      onto.setNoDelay(true);
      from.on("error", () => onto.destroy()).on("close", () => onto.destroy());
      void (async () => {
        for await (const bytes of from) await pass(bytes, onto);
      })().catch(() => {});
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(() => server.close());
  const { multiaddr } = await loadLibp2p();
  return multiaddr(`/ip4/127.0.0.1/tcp/${(server.address() as { port: number }).port}`);
}

function socketAddress(node: Libp2p): { address: string; port: number } {
  const [, , address = "", , port] = node.getMultiaddrs()[0]!.toString().split("/"); // it listens
  return { address, port: Number(port) };
}

const pairs = {
  "ours to ours": [startLoneHost, startLoneHost],
  "ours to the library's": [startLoneHost, startStockPeer],
} as const;

for (
  const [name, [one, other]] of Object.entries({ ...pairs, "the library's to ours": [startStockPeer, startLoneHost] })
) {
  test(`${name}: what is sent comes, in both directions, and both ends end`, async () => {
    const dialler = await one(), listener = await other();
    for (const node of [dialler, listener]) await node.handle(PROTOCOL, (stream) => echo(stream));
    const connection = await dialler.dial(listener.getMultiaddrs()[0]!); // it listens
    await exchange(connection);
    const [back] = listener.getConnections();
    await Promise.all([exchange(back!), exchange(connection), exchange(connection)]); // the dialler's
  });

  test(`${name}: wherever a cable cuts the bytes`, async () => {
    const dialler = await one(), listener = await other();
    await listener.handle(PROTOCOL, (stream) => echo(stream));
    let bytes = 0;
    const cable = await throughCable(listener, async (read, onto) => {
      for (let at = 0, size = 1; at < read.length; at += size) {
        // Each byte by itself in handshakes and first frames, then parts of every size.
        size = (bytes += size) < 2_000 ? 1 : 1 + (bytes * 7919) % 5_000;
        if (!onto.write(read.subarray(at, at + size))) await new Promise((resolve) => onto.once("drain", resolve));
        if (bytes < 3_000) await delay(0);
      }
    });
    await exchange(await dialler.dial(cable));
  });

  test(`${name}: one altered bit ends the connection, and nothing altered is read`, async () => {
    const dialler = await one(), listener = await other();
    let read = 0, isEnded = false, hasWrong = false;
    await listener.handle(PROTOCOL, (stream) => {
      stream.addEventListener("message", ({ data }) => {
        read += data.byteLength;
        hasWrong ||= data.subarray().some((byte) => byte !== 0x55);
      });
      stream.addEventListener("close", () => isEnded = true);
    });
    let passed = 0;
    const cable = await throughCable(listener, (bytes, onto) => {
      const isReached = passed <= 500_000 && passed + bytes.length > 500_000;
      if (isReached) bytes[500_000 - passed]! ^= 1;
      passed += bytes.length;
      onto.write(bytes);
    });
    const connection = await dialler.dial(cable);
    const bytes = bytesOf(await connection.newStream(PROTOCOL));
    await assert.rejects(async () => {
      for (;;) await bytes.write(new Uint8Array(50_000).fill(0x55));
    }, { code: "E_UNREACHABLE" });
    await until("the stream has ended", () => isEnded && connection.status !== "open");
    assert.ok(!hasWrong);
    assert.ok(read > 300_000 && read <= 500_000, `${read}`);
  });

  test(`${name}: a reset of one stream is seen, and the others go on`, async () => {
    const dialler = await one(), listener = await other();
    const open: Stream[] = [];
    await listener.handle(PROTOCOL, (stream) => open.length === 0 ? void open.push(stream) : echo(stream));
    const connection = await dialler.dial(listener.getMultiaddrs()[0]!); // it listens
    const first = await connection.newStream(PROTOCOL);
    await until("it is open there", () => open.length === 1);
    open[0]!.abort(new Error("no more"));
    await until("it is reset here", () => first.status === "reset");
    await exchange(connection);
  });

  test(`${name}: who does not read is sent no more than a window, and all of it later`, async () => {
    const dialler = await one(), listener = await other();
    let there: Stream | undefined;
    await listener.handle(PROTOCOL, (stream) => {
      stream.pause();
      there = stream;
    });
    const connection = await dialler.dial(listener.getMultiaddrs()[0]!); // it listens
    const bytes = bytesOf(await connection.newStream(PROTOCOL));
    let written = 0;
    const writing = (async () => {
      for (; written < 24 << 20; written += 1 << 18) await bytes.write(new Uint8Array(1 << 18));
      await bytes.end();
    })();
    await until("some is there", () => (there?.readBufferLength ?? 0) > 0);
    for (let before = -1; before !== written;) {
      before = written;
      await delay(200);
    }
    assert.ok(written <= 4 << 20, `${written} bytes went to a reader who does not read`);
    const reading = bytesOf(there!).read(24 << 20); // it is there
    there!.resume();
    assert.equal((await reading).length, 24 << 20);
    await writing;
  });
}
