// A mirror for artifacts on loopback: honest over node:http with ranges, counting what it is asked and what it sends.

import type { IncomingHttpHeaders } from "node:http";
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
    const first = o.ranges === false ? 0 : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const body = bytes.subarray(first);
    sent += body.length;
    response.writeHead(first > 0 ? 206 : 200, {
      "content-length": body.length,
      ...(first > 0 ? { "content-range": `bytes ${first}-${bytes.length - 1}/${bytes.length}` } : {}),
    });
    response.end(body);
  }, o);
  return { ...server, requests, sentBytes: () => sent };
}
