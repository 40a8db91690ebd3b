// What a service does every second under its one signal leaves nothing behind at it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createAdapter } from "../../src/chain/chain-clock.ts";
import { startHttpServer } from "../support/http-server.ts";
import { testClient, textOf } from "../support/test-client.ts";

test("a request and a look at the chain do without AbortSignal.any, which Node 22 never forgets", async () => {
  const server = await startHttpServer((_, response) => response.end("ok"));
  const client = testClient({}, () => Promise.resolve(["127.0.0.1"]));
  const { signal } = new AbortController();
  const { any } = AbortSignal;
  // Nothing else shows it on every runtime: the memory is lost on one of them, 2 KB at a time.
  AbortSignal.any = () => assert.fail("a signal that lives long is followed by AbortSignal.any");
  try {
    const reading = { genesis: undefined, latest: 2, finalized: 1, hash: undefined, isSyncing: false };
    const url = `http://name.localhost:${server.port}/`;
    const adapter = createAdapter("http", async (o) => {
      assert.equal(await textOf(await client.get(url, o)), "ok");
      return reading;
    });
    assert.equal(await adapter.read({ signal }), reading);
  } finally {
    AbortSignal.any = any;
    await client.close();
    await server.close();
  }
});
