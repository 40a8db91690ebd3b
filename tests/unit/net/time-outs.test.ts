import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { UpdateError } from "../../../src/errors.ts";
import { fails } from "../../support/fails.ts";
import { startRawServer, startTcpServer } from "../../support/http-server.ts";
import { createNetScene } from "../../support/net-scene.ts";
import { QUICK, testClient, textOf } from "../../support/test-client.ts";

const signal = new AbortController().signal;

describe("time-outs", { timeout: 60_000 }, () => {
  const { keep, client, http, raw } = createNetScene();

  test("a server that does not shake hands", async () => {
    const server = keep(await startTcpServer(() => {}));
    const url = `https://127.0.0.1:${server.port}/`;
    await assert.rejects(client(QUICK).get(url, { signal }), fails("E_TIMEOUT", "no TLS handshake within 0.4 s"));
  });

  test("a server that cannot be connected to", async () => {
    // Documentation addresses are routed nowhere; a machine without any route refuses at once, which is fine too.
    const started = performance.now();
    await assert.rejects(client(QUICK).get("https://192.0.2.1/", { signal }), (e) => {
      assert.ok(e instanceof UpdateError && (e.code === "E_TIMEOUT" || e.code === "E_UNREACHABLE"));
      return true;
    });
    assert.ok(performance.now() - started < 5_000);
  });

  test("a name server that does not answer", async () => {
    const deaf = keep(testClient({ ...QUICK }, () => new Promise(() => {})));
    await assert.rejects(deaf.get("https://a.test/", { signal }), fails("E_TIMEOUT", "name server", "0.4 s"));
  });

  test("a server that accepts and says nothing, and one that never ends its headers", async () => {
    const mute = keep(await startTcpServer(() => {}));
    await assert.rejects(
      client(QUICK).get(`http://127.0.0.1:${mute.port}/`, { signal }),
      fails("E_TIMEOUT", "no answer within 0.4 s"),
    );
    const half = await raw("HTTP/1.1 200 OK\r\nX: ");
    await assert.rejects(client(QUICK).get(half.url, { signal }), fails("E_TIMEOUT", "no answer"));
  });

  test("a body that falls silent ends after the time-out and not before", async () => {
    const server = await raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nstart");
    const response = await client(QUICK).get(server.url, { signal });
    const started = performance.now();
    await assert.rejects(textOf(response), fails("E_TIMEOUT", "no more bytes within 0.4 s"));
    const ms = performance.now() - started;
    assert.ok(ms > 300 && ms < 3_000, `${ms} ms`);
  });

  test("a drip that never falls silent ends by its rate", async () => {
    const server = keep(
      await startRawServer((socket) => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        const timer = setInterval(() => socket.write("x"), 20);
        socket.on("close", () => clearInterval(timer));
      }),
    );
    const response = await client({ rateWindowMs: 500 }).get(server.url, { signal });
    await assert.rejects(textOf(response), fails("E_TIMEOUT", "bytes a second", "1024"));
  });

  test("a slow reader is not mistaken for a silent or slow server", async () => {
    const server = await http((_, response) => response.end(Buffer.alloc(8 << 20)));
    const patient = client({ ...QUICK, rateWindowMs: 100, minBytesPerSecond: 1 << 20 });
    const response = await patient.get(server.url, { signal });
    let bytes = 0;
    let chunks = 0;
    for await (const chunk of response.body) {
      bytes += chunk.length;
      // Longer than every time-out together, while the server has to wait for us.
      if (++chunks === 3) await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
    assert.equal(bytes, 8 << 20);
  });
});
