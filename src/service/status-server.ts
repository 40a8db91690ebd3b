// /healthz and /metrics of the long-running node, on loopback alone. Design: docs/gossip.md, "Watching it".
// Must not: be reachable from another machine, or by a page in a browser of this one.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { UpdateError } from "../errors.ts";

export interface StatusServerOptions {
  /** 0 for any. */
  readonly port: number;
  readonly metrics: () => string;
  /** Undefined when all is well; else why not, in one line. */
  readonly problem: () => string | undefined;
}

export interface StatusServer {
  readonly port: number;
  close(): Promise<void>;
}

const HOST = "127.0.0.1";
/** A scraper, a supervisor and a person. */
const MAX_CONNECTIONS = 16;
const REQUEST_MS = 5_000;
/** How often that is looked at: runtimes do so every thirty seconds, for which half a request held its connection. */
const LOOK_MS = 1_000;

/** @throws UpdateError E_IO when the port is taken */
export async function startStatusServer(o: StatusServerOptions): Promise<StatusServer> {
  const limits = { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, connectionsCheckingInterval: LOOK_MS };
  const server = createServer(limits, (request, response) => {
    const answer = (status: number, type: string, body: string) => {
      response.writeHead(status, { "content-type": type, "cache-control": "no-store", connection: "close" }).end(body);
    };
    const { method, url, headers } = request;
    // A name that an attacker's DNS leads here is not this one.
    const isLocal = /^(127\.0\.0\.1|localhost)(:\d+)?$/.test(headers.host ?? "");
    if (!isLocal) return answer(403, "text/plain", "only for this machine\n");
    if (method !== "GET" && method !== "HEAD") return answer(405, "text/plain", "only GET\n");
    if (url === "/metrics") return answer(200, "text/plain; version=0.0.4", o.metrics());
    if (url !== "/healthz") return answer(404, "text/plain", "/healthz or /metrics\n");
    const problem = o.problem();
    answer(problem === undefined ? 200 : 503, "text/plain", `${problem ?? "ok"}\n`);
  });
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `port ${o.port} of ${HOST} cannot be listened on`;
      reject(new UpdateError("E_IO", message, { cause, hint: "another program may have it: choose another one" }));
    });
    server.listen(o.port, HOST, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port, // it listens on a TCP port
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
