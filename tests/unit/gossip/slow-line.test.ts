// A line that is full is not a dead one. docs/gossip.md, "Connections".
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { PIECE_BYTES } from "../../../src/hash/blake3-core.ts";
import { createByteStream } from "../../../src/gossip/byte-stream.ts";
import { PEER_PROTOCOL } from "../../../src/gossip/peer-protocol.ts";
import { createPeerService } from "../../../src/gossip/peer-service.ts";
import { createPeersByAddress } from "../../../src/gossip/peers-by-address.ts";
import type { Host } from "../../../src/gossip/host.ts";
import type { Holding } from "../../../src/gossip/shelf.ts";
import { loadLibp2p } from "../../../src/heavy/gossip.ts";
import { artifactOf, pieceListOf, testBytes } from "../../support/artifact.ts";
import { createDownloadPlace } from "../../support/download-place.ts";
import { memoryKnowledge } from "../../support/gossip-network.ts";
import { startLoneHost } from "../../support/lone-host.ts";
import { createReleaseRepository } from "../../support/release-repository.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";

/** 2 Mbit/s. */
const BYTES_PER_SECOND = 250_000;
const PIECES_OF_EACH = 6;
/** The library asks every ten seconds whether a peer is there, and used to hang up after five more. */
const LONG_ENOUGH_MS = 22_000;

let lines = 0;

/** A line to a node, and where it begins. */
async function startSlowLine(to: Host) {
  const [, , target = "", , port = ""] = to.getMultiaddrs()[0]!.toString().split("/"); // it listens
  const at = `127.86.0.${++lines}`;
  const line = await startTcpProxy(at, target, Number(port), BYTES_PER_SECOND);
  after(() => line.close());
  return { ...line, address: `/ip4/${at}/tcp/${port}` };
}

test("a connection on which pieces fill a slow line stays, however long a question takes on it", async () => {
  const { multiaddr } = await loadLibp2p();
  const signal = new AbortController().signal;
  const [giver, taker] = [await startLoneHost(), await startLoneHost()];
  await giver.handle(PEER_PROTOCOL, async (stream) => {
    const bytes = createByteStream(stream, { signal, idleMs: 60_000 });
    const part = new Uint8Array(256 << 10);
    try {
      for (;;) await bytes.write(part, 60_000);
    } catch {
      bytes.abort(); // the end of the test
    }
  });
  const connection = await taker.dial(multiaddr((await startSlowLine(giver)).address));
  let taken = 0;
  const streams = await Promise.all([1, 2, 3, 4].map(() => connection.newStream(PEER_PROTOCOL)));
  for (const stream of streams) {
    const bytes = createByteStream(stream, { signal, idleMs: 60_000 });
    void (async () => {
      for await (const chunk of bytes.chunks(Infinity)) taken += chunk.length;
    })().catch(() => {}); // the end of the test
  }
  await delay(LONG_ENOUGH_MS);
  assert.equal(connection.status, "open");
  assert.ok(taken > BYTES_PER_SECOND * 10, `${taken} bytes`);
});

/** Somebody who has the content, behind a line of his own. */
async function startGiver(content: Uint8Array, pieceList: Uint8Array) {
  const read: Holding["read"] = async function* (first, count) {
    yield await Promise.resolve(content.slice(first * PIECE_BYTES, (first + count) * PIECE_BYTES));
  };
  const holding: Holding = { length: content.length, pieces: { has: () => true }, pieceList, read };
  const giver = await startLoneHost();
  const service = createPeerService({
    knowledge: memoryKnowledge(createReleaseRepository({ seed: "slow line", nowMs: 0 }).pinnedRoot, 0),
    shelf: { find: () => Promise.resolve(holding) },
    signal: new AbortController().signal,
    bytesPerSecond: undefined,
    onGiven: () => {},
  });
  await giver.handle(PEER_PROTOCOL, (stream, { remotePeer }) => service(remotePeer.toString(), stream));
  return await startSlowLine(giver);
}

for (const givers of [1, 3]) {
  const [who, mostCopies] = givers === 1 ? ["a slow line", 1.1] : ["three slow lines", 1.25];
  test(`over ${who} pieces come at its rate, and are not sent again and again`, async () => {
    const content = testBytes(givers * PIECES_OF_EACH * PIECE_BYTES);
    const artifact = await artifactOf(content), pieceList = await pieceListOf(content);
    const lines = await Promise.all(Array.from({ length: givers }, () => startGiver(content, pieceList)));
    const addresses = lines.map(({ address }) => address);
    const o = { network: "testnet", addresses, named: addresses, allowPrivate: true, priority: 1 };
    const { sources, close } = createPeersByAddress(o);
    const place = createDownloadPlace(artifact);
    after(() => place.remove());
    const beganMs = performance.now();
    await place.download(sources);
    const ms = performance.now() - beganMs, atBestMs = content.length * 1000 / BYTES_PER_SECOND / givers;
    await close();
    await place.assertPlaced(content);
    const copies = lines.reduce((sum, line) => sum + line.bytes(), 0) / content.length;
    console.log(`${who}: ${(ms / atBestMs).toFixed(2)} times its own time, ${copies.toFixed(2)} copies`);
    assert.ok(ms < 1.5 * atBestMs);
    assert.ok(copies < mostCopies);
  });
}
