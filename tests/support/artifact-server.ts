// A mirror for artifacts on loopback: honest over node:http with ranges, counting what it is asked and what it sends.

import type { IncomingHttpHeaders } from "node:http";
import { byteRange, rangeHead } from "./byte-range.ts";
import { startHttpServer, type TestServer } from "./http-server.ts";

export interface ArtifactServer extends TestServer {
  readonly requests: { url: string; headers: IncomingHttpHeaders }[];
  /** Bytes of bodies handed to the network so far. */
  readonly sentBytes: () => number;
}

/** @param files bytes by URL path; @param o.ranges false for a server that ignores Range */
export async function startArtifactServer(
  files: ReadonlyMap<string, Uint8Array>,
  o: { ranges?: boolean; tls?: boolean } = {},
): Promise<ArtifactServer> {
  const requests: ArtifactServer["requests"] = [];
  let sent = 0;
  const server = await startHttpServer((request, response) => {
    requests.push({ url: request.url ?? "", headers: request.headers });
    const bytes = files.get(request.url ?? "");
    if (bytes === undefined) return void response.writeHead(404).end("not here");
    const range = byteRange(o.ranges === false ? undefined : request.headers.range, bytes.length);
    const { status, headers } = rangeHead(range, bytes.length);
    sent += range.end - range.first;
    response.writeHead(status, headers);
    response.end(bytes.subarray(range.first, range.end));
  }, o);
  return { ...server, requests, sentBytes: () => sent };
}
