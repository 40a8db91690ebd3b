// Servers and clients of one network test, all closed at its end.
// Must not: hold tests.

import { after } from "node:test";
import type { HttpClient } from "../../src/net/http-client.ts";
import type { NetworkPolicy } from "../../src/net/network-policy.ts";
import { startHttpServer, startRawServer, type TestServer } from "./http-server.ts";
import { type Closable, createClosing, testClient } from "./test-client.ts";

export interface NetScene {
  keep<T extends Closable>(x: T): T;
  client(policy?: Partial<NetworkPolicy>): HttpClient;
  /** A server that speaks correct HTTP. */
  http(...a: Parameters<typeof startHttpServer>): Promise<TestServer>;
  /** Every request gets these bytes; then the connection is kept or ended. */
  raw(answer: string, then?: "keep" | "end"): Promise<TestServer>;
}

/** To be called inside `describe`. */
export function createNetScene(): NetScene {
  const { keep, closeAll } = createClosing();
  after(closeAll);
  return {
    keep,
    client: (policy = {}) => keep(testClient(policy)),
    http: async (...a) => keep(await startHttpServer(...a)),
    raw: async (answer, then = "keep") =>
      keep(await startRawServer((socket) => then === "end" ? socket.end(answer) : socket.write(answer))),
  };
}
