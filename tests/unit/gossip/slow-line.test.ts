// A line that is full is not a dead one. docs/gossip.md, "Connections".
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { PIECE_BYTES } from "../../../src/hash/blake3-core.ts";
import { createByteStream } from "../../../src/gossip/byte-stream.ts";
import { PEER_PROTOCOL } from "../../../src/gossip/peer-protocol.ts";
import { createPeerService } from "../../../src/gossip/peer-service.ts";
import { createPeersByAddress } from "../../../src/gossip/peers-by-address.ts";
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
const PIECES = 6;
/** The library asks every ten seconds whether a peer is there, and used to hang up after five more. */
const LONG_ENOUGH_MS = 22_000;

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
  const [, , target = "", , port = ""] = giver.getMultiaddrs()[0]!.toString().split("/"); // it listens
  const line = await startTcpProxy("127.86.0.1", target, Number(port), BYTES_PER_SECOND);
  after(() => line.close());
  const connection = await taker.dial(multiaddr(`/ip4/127.86.0.1/tcp/${port}`));
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

test("over a slow line pieces come at its rate, and none of them twice", async () => {
  const content = testBytes(PIECES * PIECE_BYTES);
  const artifact = await artifactOf(content), pieceList = await pieceListOf(content);
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
  const [, , target = "", , port = ""] = giver.getMultiaddrs()[0]!.toString().split("/"); // it listens
  const line = await startTcpProxy("127.86.0.2", target, Number(port), BYTES_PER_SECOND);
  after(() => line.close());
  const address = `/ip4/127.86.0.2/tcp/${port}`;
  const o = { network: "testnet", addresses: [address], named: [address], allowPrivate: true, priority: 1 };
  const { sources, close } = createPeersByAddress(o);
  const place = createDownloadPlace(artifact);
  after(() => place.remove());
  const beganMs = performance.now();
  await place.download(sources);
  const ms = performance.now() - beganMs, atBestMs = content.length * 1000 / BYTES_PER_SECOND;
  await close();
  await place.assertPlaced(content);
  console.log(
    `${(ms / atBestMs).toFixed(2)} times the line's own time, ${(line.bytes() / content.length).toFixed(2)} copies`,
  );
  assert.ok(ms < 1.5 * atBestMs);
  assert.ok(line.bytes() < 1.1 * content.length);
});
