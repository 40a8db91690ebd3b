// A line that is full is not a dead one. docs/gossip.md, "Connections".
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createByteStream } from "../../../src/gossip/byte-stream.ts";
import { PEER_PROTOCOL } from "../../../src/gossip/peer-protocol.ts";
import { loadLibp2p } from "../../../src/heavy/gossip.ts";
import { startLoneHost } from "../../support/lone-host.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";

/** 2 Mbit/s. */
const BYTES_PER_SECOND = 250_000;
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
