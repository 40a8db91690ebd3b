// A mirror of a folder in a process of its own: `mirror-program.ts FOLDER OPTIONS`, OPTIONS as JSON. It prints its URL,
// answers each line of standard input by its counts in one line of JSON, and ends with standard input.
// Must not: be imported for more than its types; mirror-process.ts starts it.

import { type FileHandle, open } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { join, normalize } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { byteRange, rangeHead } from "./byte-range.ts";
import { seededRandom } from "./seeded-random.ts";
import { createTokenBucket } from "./token-bucket.ts";

/** What is left out is honest and as fast as it goes. */
export interface MirrorOptions {
  /** Of all connections together. */
  readonly bytesPerSecond?: number;
  /** One bit is another in that share of an artifact's pieces, chosen by the seed. */
  readonly alters?: { readonly seed: string; readonly share: number };
  /** Hangs up on everybody and listens no more after so many bytes of artifacts. */
  readonly diesAfterBytes?: number;
}

/** Of artifacts; metadata and piece lists do not count. */
export interface MirrorCounts {
  readonly requests: number;
  /** Bytes of bodies that the network took. */
  readonly sentBytes: number;
  /** Those of them that it had sent before, counted in whole blocks of 64 KiB. */
  readonly repeatedBytes: number;
  /** When it took the last of them, in milliseconds since 1970; 0 before. */
  readonly lastByteMs: number;
  /** Altered pieces that it took whole. */
  readonly alteredPieces: number;
  /** Those of them behind which no other piece was sent whole on the same connection: they may never have been read. */
  readonly alteredLast: number;
}

const PIECE_BYTES = 1 << 20;
// A limited mirror gives its connections turns; a fast one spends its time in the kernel.
const BLOCK_BYTES = 1 << 16;
const CHUNK_BYTES = 1 << 20;

const [folder = ".", json = "{}"] = process.argv.slice(2);
const o = JSON.parse(json) as MirrorOptions; // mirror-process.ts wrote it
const bucket = createTokenBucket(o.bytesPerSecond);
const counts = { requests: 0, sentBytes: 0, repeatedBytes: 0, lastByteMs: 0, alteredPieces: 0 };
/** Blocks that were sent whole, of each path. */
const sentBlocks = new Map<string, Set<number>>();
const sockets = new Set<Socket>();
/** Connections whose last whole piece was an altered one. */
const endedAltered = new Set<Socket | null>();

const isAltered = (piece: number): boolean =>
  o.alters !== undefined && seededRandom(`${o.alters.seed} ${piece}`).chance(o.alters.share);

/** Turns one bit of each altered piece that begins in these bytes of the file. */
function alter(bytes: Uint8Array, at: number): void {
  for (let start = Math.ceil(at / PIECE_BYTES) * PIECE_BYTES; start < at + bytes.length; start += PIECE_BYTES) {
    if (isAltered(start / PIECE_BYTES)) bytes[start - at] = (bytes[start - at] ?? 0) ^ 1;
  }
}

/** Resolves to false when nobody listens any more. */
function written(response: ServerResponse, bytes: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    const onClose = () => resolve(false);
    response.once("close", onClose);
    response.write(bytes, (e) => {
      response.off("close", onClose);
      resolve(!e);
    });
  });
}

/** @param from first byte of what one answer has sent, of which those from `at` on are new */
function count(blocks: Set<number>, socket: Socket | null, from: number, at: number, end: number): void {
  counts.sentBytes += end - at;
  counts.lastByteMs = Date.now();
  for (let block = Math.ceil(at / BLOCK_BYTES); (block + 1) * BLOCK_BYTES <= end; block++) {
    if (blocks.has(block)) counts.repeatedBytes += BLOCK_BYTES;
    blocks.add(block);
  }
  for (let piece = Math.ceil(from / PIECE_BYTES); (piece + 1) * PIECE_BYTES <= end; piece++) {
    if ((piece + 1) * PIECE_BYTES <= at) continue;
    if (isAltered(piece)) counts.alteredPieces++;
    if (isAltered(piece)) endedAltered.add(socket);
    else endedAltered.delete(socket);
  }
}

async function sendArtifact(
  path: string,
  file: FileHandle,
  first: number,
  end: number,
  response: ServerResponse,
): Promise<void> {
  counts.requests++;
  const blocks = sentBlocks.get(path) ?? new Set();
  sentBlocks.set(path, blocks);
  const { socket } = response; // it has none any more when it was closed
  const most = o.bytesPerSecond === undefined ? CHUNK_BYTES : BLOCK_BYTES;
  for (let at = first; at < end;) {
    const { bytesRead, buffer } = await file.read(new Uint8Array(Math.min(most, end - at)), 0, null, at);
    if (bytesRead === 0) return;
    const chunk = buffer.subarray(0, bytesRead);
    alter(chunk, at);
    await bucket.take(bytesRead);
    if (!await written(response, chunk)) return;
    count(blocks, socket, first, at, at + bytesRead);
    at += bytesRead;
    if (counts.sentBytes >= (o.diesAfterBytes ?? Infinity)) return die();
  }
}

function die(): void {
  server.close();
  for (const socket of sockets) socket.destroy();
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = normalize(decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname));
  const file = await open(join(folder, path)).catch(() => undefined);
  const size = (await file?.stat())?.size ?? 0;
  try {
    if (file === undefined || size === 0) return void response.writeHead(404).end();
    const range = byteRange(request.headers.range, size);
    const { status, headers } = rangeHead(range, size);
    response.writeHead(status, headers);
    if (request.method === "HEAD") return void response.end();
    if (path.startsWith("/targets/") && !/\.(pieces|json|torrent)$/.test(path)) {
      await sendArtifact(path, file, range.first, range.end, response);
    } else {
      const { buffer } = await file.read(new Uint8Array(range.end - range.first), 0, null, range.first);
      response.write(buffer);
    }
    response.end();
  } finally {
    await file?.close();
  }
}

const server = createServer((request, response) => {
  answer(request, response).catch(() => response.destroy());
});
server.keepAliveTimeout = 60_000; // a client is to decide when a connection has served its time
server.on("connection", (socket) => {
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket)).on("error", () => {});
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo; // it listens on TCP
  console.log(`http://127.0.0.1:${port}`);
});
createInterface({ input: process.stdin }).on(
  "line",
  () => console.log(JSON.stringify({ ...counts, alteredLast: endedAltered.size })),
)
  .on("close", () => process.exit());
