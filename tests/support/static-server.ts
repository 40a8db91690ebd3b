// A program that serves a folder on loopback, with ranges: `static-server.ts FOLDER`. It prints its URL and runs until
// it is killed. A process of its own, because measurements block theirs.
// Must not: be used where a test wants to see requests; file-mirror.ts and artifact-server.ts do that.

import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, normalize } from "node:path";
import process from "node:process";

const folder = process.argv[2] ?? ".";

const server = createServer((request, response) => {
  const file = join(folder, normalize(decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname)));
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) return void response.writeHead(404).end();
  const [, first = "0", last = String(size - 1)] = /^bytes=(\d+)-(\d+)?$/.exec(request.headers.range ?? "") ?? [];
  const [start, end] = [Number(first), Number(last)];
  const isPart = request.headers.range !== undefined;
  response.writeHead(isPart ? 206 : 200, {
    "content-length": end - start + 1,
    "accept-ranges": "bytes",
    ...(isPart ? { "content-range": `bytes ${start}-${end}/${size}` } : {}),
  });
  createReadStream(file, { start, end, highWaterMark: 1 << 20 }).on("error", () => response.destroy()).pipe(response);
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo; // it listens on TCP
  console.log(`http://127.0.0.1:${port}`);
});
