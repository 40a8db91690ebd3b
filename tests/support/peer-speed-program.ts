// A program for tests/bench/peer-transfer.ts. `give FILE` is a node with that file; `take ADDRESS ROUNDS FOLDER` fetches it
// in turn over bare streams that do nothing with the bytes, of the library as it comes and between the product's nodes, and
// as the product does: proven and durable on disk. Must not: judge.
import { statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Connection, Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import type { Artifact, Verified } from "../../src/api.ts";
import { downloadArtifact } from "../../src/fetch/download.ts";
import { createHost } from "../../src/gossip/host.ts";
import { PEER_PROTOCOL } from "../../src/gossip/peer-protocol.ts";
import { createPeerSource } from "../../src/gossip/peer-source.ts";
import { createPieceService } from "../../src/gossip/piece-service.ts";
import { createUploadLimit } from "../../src/gossip/upload-limit.ts";
import { createByteStream } from "../../src/gossip/byte-stream.ts";
import { parseRequest, readLine } from "../../src/gossip/peer-protocol.ts";
import type { Holding } from "../../src/gossip/shelf.ts";
import { measureFile } from "../../src/hash/digest-file.ts";
import { loadLibp2p } from "../../src/heavy/gossip.ts";
import { readPieces } from "../../src/service/stored-shelf.ts";
import { libraryCrypto } from "./library-crypto.ts";
import { newIdentity } from "./new-identity.ts";

/** What a node says about its file. */
export interface SpeedOffer {
  /** Of the product's node, and of one of the library as it comes. */
  readonly addresses: readonly [product: string, library: string];
  readonly length: number;
  readonly sha256: string;
  readonly blake3: string;
}

/** What one round took, in milliseconds. */
export interface SpeedRound {
  /** A bare stream of the library as it comes. */
  readonly libraryMs: number;
  /** A bare stream between the product's nodes, which have a faster connection. */
  readonly bareMs: number;
  readonly productMs: number;
}

const BARE_PROTOCOL = "/bare/1";
/** What a stream over a file gives on every runtime. */
const CHUNK_BYTES = 64 << 10;
const { signal } = new AbortController();

async function startHost(listen: readonly string[]) {
  const library = await loadLibp2p();
  const host = await createHost(library, {
    topic: "speed",
    identity: newIdentity(),
    listen,
    named: new Set(),
    allowPrivate: true,
    isShutOut: () => false,
  });
  await host.start();
  return { host, library };
}

/** The library's own connection, with the fastest cipher of those it has that work on this runtime. */
async function startPlain(listen: readonly string[]) {
  const library = await loadLibp2p();
  return await library.createLibp2p({
    addresses: { listen: [...listen] },
    transports: [tcp()],
    connectionEncrypters: [noise({ crypto: libraryCrypto(library.noiseCrypto()) })],
    streamMuxers: [yamux()],
  });
}

async function give(file: string): Promise<void> {
  const listen = ["/ip4/127.0.0.1/tcp/0"];
  const { host } = await startHost(listen), plain = await startPlain(listen);
  const length = statSync(file).size;
  const { digests: { sha256, blake3 }, pieces: pieceList } = await measureFile(file, { signal });
  const holding: Holding = {
    length,
    pieces: { has: () => true },
    pieceList,
    read: (first, count) => readPieces(file, length, first, count),
  };
  const service = createPieceService({
    shelf: { find: (asked) => Promise.resolve(asked === sha256 ? holding : undefined) },
    signal,
    onGiven: () => {},
  }, createUploadLimit(undefined, signal));
  await host.handle(PEER_PROTOCOL, async (stream, { remotePeer }) => {
    const bytes = createByteStream(stream, { signal, idleMs: 10_000 });
    try {
      const request = parseRequest(await readLine(bytes));
      if (request?.get === "have") await service.have(request, remotePeer.toString(), bytes);
      if (request?.get === "pieces") await service.pieces(request, remotePeer.toString(), bytes);
      await bytes.end();
    } catch {
      bytes.abort();
    }
  });
  for (const node of [host, plain]) {
    await node.handle(BARE_PROTOCOL, (stream) => {
      // Not before it is asked: what comes while the other side still agrees on the protocol may be too much for it.
      stream.addEventListener("message", () => void giveBare(stream, length), { once: true });
    });
  }
  const addresses = [host, plain].map((node) => node.getMultiaddrs()[0]?.toString());
  console.log(JSON.stringify({ addresses, length, sha256, blake3 }));
}

/** From memory, as fast as the other side takes it. */
async function giveBare(stream: Stream, length: number): Promise<void> {
  const chunk = new Uint8Array(CHUNK_BYTES).map((_, i) => (i * 7919) >> 3);
  let drained = () => {};
  stream.addEventListener("drain", () => drained());
  for (let left = length; left > 0; left -= CHUNK_BYTES) {
    if (stream.send(chunk.subarray(0, left))) continue;
    await new Promise<void>((resolve) => drained = resolve);
  }
  await stream.close();
}

async function take(offer: SpeedOffer, rounds: number, folder: string): Promise<void> {
  const { host, library } = await startHost([]), plain = await startPlain([]);
  const [productAddress, libraryAddress] = offer.addresses;
  const connection = await host.dial(library.multiaddr(productAddress));
  const plainConnection = await plain.dial(library.multiaddr(libraryAddress));
  // All that is looked at; it was measured by the giver, and is proven against that.
  const artifact = { ...offer, name: "file", path: "file" } as unknown as Verified<Artifact>;

  async function bare(over: Connection): Promise<number> {
    const start = performance.now();
    const stream = await over.newStream(BARE_PROTOCOL);
    let bytes = 0;
    await new Promise<void>((resolve) => {
      stream.send(Uint8Array.of(1));
      stream.addEventListener("message", ({ data }) => {
        bytes += data.byteLength;
        if (bytes === offer.length) resolve();
      });
    });
    const ms = performance.now() - start;
    stream.abort(new Error("done"));
    return ms;
  }

  async function product(): Promise<number> {
    const destination = join(folder, "taken");
    const start = performance.now();
    const source = createPeerSource({
      peer: connection.remotePeer.toString(),
      priority: 1,
      openStream: async (s) => await connection.newStream(PEER_PROTOCOL, { signal: s }),
    });
    const partialDir = join(folder, "partial");
    await downloadArtifact({ artifact, sources: [source], partialDir, destination, signal, onEvent: () => {} });
    const ms = performance.now() - start;
    await rm(destination);
    return ms;
  }

  const taken: SpeedRound[] = [];
  for (let round = -1; round < rounds; round++) { // the first to warm up
    const libraryMs = await bare(plainConnection), bareMs = await bare(connection), productMs = await product();
    if (round >= 0) taken.push({ libraryMs, bareMs, productMs });
  }
  console.log(JSON.stringify(taken));
  process.exit(0);
}

const [role, what = "", rounds, folder = ""] = process.argv.slice(2);
if (role === "give") {
  createInterface({ input: process.stdin }).on("close", () => process.exit(0)); // whoever started it has gone
  await give(what);
} else {
  await take(JSON.parse(what), Number(rounds), folder);
}
