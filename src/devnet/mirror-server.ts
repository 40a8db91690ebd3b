// A mirror of a published folder, for a devnet: honest, or one that alters every artifact. Design: docs/devnet.md.
// Must not: be reachable from another machine, or give anything outside its folder.
import { type FileHandle, open } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join, normalize, sep } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface MirrorServerOptions {
  readonly folder: string;
  /** Turns one bit in each MiB of every artifact. */
  readonly alters: boolean;
  /** Of one answer; undefined for as fast as it goes. */
  readonly bytesPerSecond?: number | undefined;
  /** 0 for any free one. */
  readonly port: number;
}

export interface MirrorServer {
  readonly url: string;
  close(): Promise<void>;
}

const PIECE_BYTES = 1 << 20;
const BLOCK_BYTES = 1 << 16;

/** @throws Error of the system when the port cannot be had */
export async function startMirrorServer(o: MirrorServerOptions): Promise<MirrorServer> {
  const server = createServer((request, response) => {
    answer(o, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(o.port, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(o: MirrorServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = pathOf(request.url ?? "/");
  const file = path === undefined ? undefined : await open(join(o.folder, path)).catch(() => undefined);
  try {
    const info = await file?.stat();
    if (file === undefined || info === undefined || !info.isFile()) return void response.writeHead(404).end();
    const range = rangeOf(request.headers.range, info.size);
    if (range === undefined) {
      return void response.writeHead(416, { "content-range": `bytes */${info.size}` }).end();
    }
    const { first, end } = range;
    const isPart = end - first < info.size;
    response.writeHead(isPart ? 206 : 200, {
      "content-length": end - first,
      "accept-ranges": "bytes",
      ...(isPart ? { "content-range": `bytes ${first}-${end - 1}/${info.size}` } : {}),
    });
    if (request.method === "HEAD") return void response.end();
    const isArtifact = path?.startsWith(`${sep}targets${sep}`) === true && !path.endsWith(".pieces");
    await send(file, range, response, isArtifact ? o : { ...o, alters: false });
  } finally {
    await file?.close();
  }
}

/** Undefined for what no file can have. */
function pathOf(url: string): string | undefined {
  try {
    return normalize(decodeURIComponent(new URL(url, "http://mirror").pathname));
  } catch {
    return undefined;
  }
}

interface Range {
  readonly first: number;
  /** The byte behind the last one. */
  readonly end: number;
}

/** Undefined when the file has none of it. */
function rangeOf(header: string | undefined, size: number): Range | undefined {
  const [, from, to] = /^bytes=(\d{1,15})-(\d{0,15})$/.exec(header ?? "") ?? [];
  if (from === undefined) return { first: 0, end: size };
  const first = Number(from), end = to === undefined || to === "" ? size : Math.min(size, Number(to) + 1);
  return first < end ? { first, end } : undefined;
}

async function send(file: FileHandle, range: Range, response: ServerResponse, o: MirrorServerOptions): Promise<void> {
  const beganMs = performance.now();
  for (let at = range.first; at < range.end && !response.destroyed;) {
    const { bytesRead, buffer } = await file.read(new Uint8Array(Math.min(BLOCK_BYTES, range.end - at)), 0, null, at);
    if (bytesRead === 0) break;
    const block = buffer.subarray(0, bytesRead);
    if (o.alters) alter(block, at);
    if (!await written(response, block)) return;
    at += bytesRead;
    const dueMs = beganMs + 1000 * (at - range.first) / (o.bytesPerSecond ?? Infinity);
    if (dueMs > performance.now()) await delay(dueMs - performance.now());
  }
  response.end();
}

/** Turns a bit of the first byte of each piece. */
function alter(block: Uint8Array, at: number): void {
  for (let piece = Math.ceil(at / PIECE_BYTES) * PIECE_BYTES; piece < at + block.length; piece += PIECE_BYTES) {
    block[piece - at] = (block[piece - at] ?? 0) ^ 1;
  }
}

/** Resolves to false when nobody listens any more. */
function written(response: ServerResponse, block: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    const onClose = () => resolve(false);
    response.once("close", onClose);
    response.write(block, (e) => {
      response.off("close", onClose);
      resolve(!e);
    });
  });
}
