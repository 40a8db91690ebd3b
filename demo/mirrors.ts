// The demo's mirrors: real HTTP servers on loopback over one published folder; one honest, one that alters bytes.
// Must not: be used by anything but the demo.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join, normalize } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";

export interface DemoMirror {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves a folder; `alters` flips one bit in the middle of every artifact. */
export async function startMirror(folder: string, o: { alters: boolean }): Promise<DemoMirror> {
  const server = createServer((request, response) => {
    answer(folder, o.alters, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo; // a TCP server that listens has one
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

/** The URL of a mirror that is not there: its port was free a moment ago. */
export async function deadMirrorUrl(): Promise<string> {
  const { url, close } = await startMirror(".", { alters: false });
  await close();
  return url;
}

async function answer(folder: string, alters: boolean, request: IncomingMessage, response: ServerResponse) {
  const path = decodeURIComponent(new URL(request.url ?? "/", "http://mirror").pathname);
  const file = join(folder, normalize(path));
  const info = await stat(file).catch(() => undefined);
  if (info === undefined || !info.isFile()) {
    response.writeHead(404).end();
    return;
  }
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  response.writeHead(start > 0 ? 206 : 200, {
    "content-length": info.size - start,
    ...(start > 0 ? { "content-range": `bytes ${start}-${info.size - 1}/${info.size}` } : {}),
  });
  const body = createReadStream(file, { start, highWaterMark: 1 << 20 });
  const isArtifact = path.startsWith("/targets/");
  await pipeline(
    alters && isArtifact ? [body, flipBit(Math.floor(info.size / 2) - start), response] : [body, response],
  );
}

function flipBit(at: number): Transform {
  let position = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      const copy = Uint8Array.from(chunk);
      const index = at - position;
      if (index >= 0 && index < copy.length) copy[index] = (copy[index] ?? 0) ^ 1;
      position += chunk.length;
      done(null, copy);
    },
  });
}
