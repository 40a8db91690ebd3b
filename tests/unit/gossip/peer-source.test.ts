// A peer as a source of pieces, over real connections on loopback. Design: docs/gossip.md.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Source } from "../../../src/api.ts";
import { type ByteStream, createByteStream } from "../../../src/gossip/byte-stream.ts";
import { PEER_PROTOCOL, readLine, writeLine } from "../../../src/gossip/peer-protocol.ts";
import { createPeerService } from "../../../src/gossip/peer-service.ts";
import { createPeerSource } from "../../../src/gossip/peer-source.ts";
import type { Holding } from "../../../src/gossip/shelf.ts";
import { PIECE_BYTES } from "../../../src/hash/blake3-core.ts";
import { artifactOf, testBytes } from "../../support/artifact.ts";
import { fails } from "../../support/fails.ts";
import { memoryKnowledge } from "../../support/gossip-network.ts";
import { startLoneHost } from "../../support/lone-host.ts";
import { createReleaseRepository } from "../../support/release-repository.ts";
import { type Behaviour, testSource } from "../../support/source-suite.ts";

const NOW = Date.UTC(2026, 0, 1);
const knowledge = memoryKnowledge(createReleaseRepository({ seed: "peer source", nowMs: NOW }).pinnedRoot, NOW);
const SLOW_BYTES = 1 << 14;

describe("a peer as a source of pieces", { timeout: 120_000 }, () => {
  testSource({
    leavesOut: { sequential: "pieces are asked for by their numbers" },
    async supply(a, bytes, pieceList, pieces) {
      const giver = await startLoneHost(), taker = await startLoneHost();
      const held = pieces === undefined ? undefined : new Set(pieces);
      const stopping = new AbortController();
      let b: Behaviour = { kind: "honest" };

      async function* give(first: number, count: number): AsyncGenerator<Uint8Array> {
        const from = first * PIECE_BYTES, part = bytes.slice(from, (first + count) * PIECE_BYTES);
        if (b.kind === "lying" && b.piece >= first && b.piece < first + count) {
          const at = (b.piece - first) * PIECE_BYTES;
          part[at] = (part[at] ?? 0) ^ 1;
        }
        const end = b.kind === "dying" || b.kind === "silent"
          ? b.afterBytes
          : b.kind === "short"
          ? Math.max(0, b.bytes - from)
          : part.length;
        for (let at = 0; at < Math.min(end, part.length); at += SLOW_BYTES) {
          yield part.subarray(at, Math.min(at + SLOW_BYTES, end));
          if (b.kind === "slow") await delay(SLOW_BYTES * 1000 / b.bytesPerSecond);
        }
        while (b.kind === "endless") yield new Uint8Array(SLOW_BYTES);
        if (b.kind === "dying") throw new Error("dead");
        if (b.kind === "silent") await delay(60_000, undefined, { signal: stopping.signal, ref: false });
      }

      const holding = (): Holding => ({
        length: bytes.length,
        pieces: { has: (i) => held?.has(i) ?? true },
        pieceList,
        read: give,
      });
      const service = createPeerService({
        knowledge,
        shelf: {
          find: (sha256) => Promise.resolve(b.kind === "absent" || sha256 !== a.sha256 ? undefined : holding()),
        },
        signal: stopping.signal,
        bytesPerSecond: undefined,
        onGiven: () => {},
      });
      await giver.handle(PEER_PROTOCOL, (stream, { remotePeer }) => service(remotePeer.toString(), stream));
      const connection = await taker.dial(giver.getMultiaddrs()[0]!); // it listens
      return {
        source: createPeerSource({
          peer: giver.peerId.toString(),
          priority: 1,
          openStream: async (signal) => await connection.newStream(PEER_PROTOCOL, { signal }),
        }),
        behave(next) {
          if (next.kind === "growing") next.pieces.forEach((piece) => held?.add(piece));
          else b = next;
        },
        async close() {
          stopping.abort();
          await Promise.all([giver.stop(), taker.stop()]);
        },
      };
    },
  });
});

const { signal } = new AbortController();

/** A peer that answers each of its streams by hand. */
async function sourceAnswering(answer: (bytes: ByteStream) => Promise<void>): Promise<Source> {
  const giver = await startLoneHost(), taker = await startLoneHost();
  await giver.handle(PEER_PROTOCOL, async (stream) => {
    const bytes = createByteStream(stream, { signal, idleMs: 20_000 });
    try {
      await answer(bytes);
    } catch {
      bytes.abort(); // given up on
    }
  });
  const connection = await taker.dial(giver.getMultiaddrs()[0]!); // it listens
  return createPeerSource({
    peer: giver.peerId.toString(),
    priority: 1,
    openStream: async (s) => await connection.newStream(PEER_PROTOCOL, { signal: s }),
  });
}

test("a peer that announces another length than was asked for has nothing read", async () => {
  const bytes = testBytes(2 * PIECE_BYTES + 7), artifact = await artifactOf(bytes);
  const holdings = Uint8Array.of(0b1110_0000);
  let told: (line: string) => Uint8Array;
  const source = await sourceAnswering(async (line) => {
    const body = told(await readLine(line));
    await writeLine(line, `ok ${body.length}`);
    await line.write(body);
  });

  told = () => holdings.slice(0, 0);
  await assert.rejects(source.open(artifact, { signal }), fails("E_MALFORMED", "in 0 bytes"));
  told = () => new Uint8Array(1 + 3 * 32 + 1);
  await assert.rejects(source.open(artifact, { signal }), fails("E_MALFORMED", "in 98 bytes"));

  for (const wrong of [PIECE_BYTES - 1, 2 * PIECE_BYTES]) {
    told = (line) => line.startsWith("have") ? holdings : bytes.subarray(0, wrong);
    const reader = await source.open(artifact, { signal });
    const chunks: Uint8Array[] = [];
    const read = async () => {
      for await (const chunk of reader.read(0, 1, { signal })) chunks.push(chunk);
    };
    await assert.rejects(read, fails("E_SIZE_MISMATCH", `announces ${wrong} bytes`));
    assert.deepEqual(chunks, []);
    await reader.close();
  }
});

test("a peer whose stream breaks while it tells of its pieces is asked again, and given up when it does not answer", async () => {
  const artifact = await artifactOf(testBytes(3 * PIECE_BYTES));
  /** What it tells each time before the stream breaks. */
  const told = [0b1000_0000, undefined, 0b1100_0000];
  let asked = 0;
  const source = await sourceAnswering(async (bytes) => {
    await readLine(bytes);
    const bits = told[asked++];
    if (bits !== undefined) {
      await writeLine(bytes, "ok 1");
      await bytes.write(Uint8Array.of(bits));
      await delay(100); // a reset would overtake it
    }
    bytes.abort();
  });
  const reader = await source.open(artifact, { signal });
  const heard: boolean[][] = [];
  for await (const held of reader.changed({ signal })) heard.push([0, 1, 2].map((i) => held.has(i)));
  assert.deepEqual(heard, [[true, true, false]]);
  assert.equal(asked, told.length + 3);
  await reader.close();
});

test("a peer that tells of other pieces all the time is heard a few times a second", async () => {
  const artifact = await artifactOf(testBytes(3 * PIECE_BYTES));
  const told = [0b1000_0000, 0b0100_0000].flatMap((bits) => [0, 0, 0, 4, ...new TextEncoder().encode("ok 1"), bits]);
  const flood = new Uint8Array(Array.from({ length: 1_000 }, () => told).flat());
  const source = await sourceAnswering(async (bytes) => {
    for (;;) await bytes.write(flood);
  });
  const reader = await source.open(artifact, { signal });
  let heard = 0;
  const listening = (async () => {
    for await (const _ of reader.changed({ signal })) heard++;
  })();
  await delay(2_000);
  await reader.close();
  await listening;
  assert.ok(heard > 3 && heard < 15, `${heard} times`);
});
