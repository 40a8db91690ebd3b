// HTTP clients for tests, all closed at the end, with a name server of their own.

import { createHttpClient, type HttpClient, type HttpResponse, type Resolve } from "../../src/net/http-client.ts";
import { DEFAULT_NETWORK_POLICY, type NetworkPolicy } from "../../src/net/network-policy.ts";

/** Every time-out that a test means to see. */
export const QUICK = { connectTimeoutMs: 400, firstByteTimeoutMs: 400, silenceTimeoutMs: 400 };

/** Every name ending in .test is this machine, and there are no others. */
const testNames: Resolve = (hostname) =>
  hostname.endsWith(".test")
    ? Promise.resolve(["127.0.0.1"])
    : Promise.reject(Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" }));

export function testClient(policy: Partial<NetworkPolicy> = {}, resolve: Resolve = testNames): HttpClient {
  return createHttpClient({ ...DEFAULT_NETWORK_POLICY, ...policy }, resolve);
}

/** Reads a body to its end. */
export async function textOf(response: HttpResponse): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of response.body) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

export interface Closable {
  close(): Promise<void>;
}

/** Remembers what a test opened, to close it after. */
export function createClosing() {
  const open: Closable[] = [];
  return {
    keep<T extends Closable>(x: T): T {
      open.push(x);
      return x;
    },
    async closeAll(): Promise<void> {
      for (const x of open.splice(0).reverse()) await x.close();
    },
  };
}
