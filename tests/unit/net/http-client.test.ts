import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fails } from "../../support/fails.ts";
import { startRawServer, startTcpServer, unusedPort } from "../../support/http-server.ts";
import { createNetScene } from "../../support/net-scene.ts";
import { textOf } from "../../support/test-client.ts";

const signal = new AbortController().signal;

describe("the HTTP client", { timeout: 60_000 }, () => {
  const { keep, client, http, raw } = createNetScene();

  test("an answer has its status, headers and bytes, and was asked for as it is", async () => {
    let asked: Record<string, unknown> = {};
    const server = await http((request, response) => {
      asked = { ...request.headers, url: request.url };
      response.writeHead(203, { "X-Mixed": "yes" }).end("hello");
    });
    const response = await client().get(`${server.url}/a%20b?q=1`, { signal, headers: { range: "bytes=1-" } });
    assert.equal(response.status, 203);
    assert.equal(response.headers["x-mixed"], "yes");
    assert.equal(response.url, `${server.url}/a%20b`);
    assert.equal(await textOf(response), "hello");
    assert.equal(asked.url, "/a%20b?q=1");
    assert.equal(asked.host, `127.0.0.1:${server.port}`);
    assert.equal(asked["accept-encoding"], "identity");
    assert.equal(asked.range, "bytes=1-");
    assert.equal(asked.authorization, undefined);
  });

  test("credentials in a URL become a header, go to no other server, and show nowhere", async () => {
    const seen: (string | undefined)[] = [];
    const other = await http((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(404).end();
    });
    const server = await http((request, response) => {
      seen.push(request.headers.authorization);
      const elsewhere = request.url === "/same";
      response.writeHead(302, { location: elsewhere ? `${other.url}/x` : "/same" }).end();
    });
    const response = await client().get(server.url.replace("//", "//us%3Aer:p%C3%A4ss@"), { signal });
    response.discard();
    const basic = `Basic ${Buffer.from("us:er:päss").toString("base64")}`;
    assert.deepEqual(seen, [basic, basic, undefined]);
    assert.equal(response.url, `${other.url}/x`);
    const dead = `http://user:secret@127.0.0.1:${await unusedPort()}/`;
    await assert.rejects(client().get(dead, { signal }), (e) => fails("E_UNREACHABLE")(e) && !/secret/.test(String(e)));
  });

  test("one connection serves several requests, and close ends everything", async () => {
    const connections = new Set<unknown>();
    const server = keep(
      await startRawServer((socket) => {
        connections.add(socket);
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      }),
    );
    const c = client();
    for (let i = 0; i < 5; i++) assert.equal(await textOf(await c.get(server.url, { signal })), "ok");
    assert.ok(connections.size <= 2, `${connections.size} connections for 5 requests`);
    await c.close();
    await assert.rejects(c.get(server.url, { signal }), fails("E_INTERRUPTED"));
  });

  test("a fast server is held back: a reader that stops leaves a bounded amount in flight", async () => {
    let sent = 0;
    const server = keep(
      await startRawServer((socket) => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n");
        const block = Buffer.alloc(1 << 16);
        const more = () => {
          while (!socket.destroyed && sent < 1 << 30) {
            sent += block.length;
            if (!socket.write(block)) return void socket.once("drain", more);
          }
        };
        more();
      }),
    );
    const response = await client().get(server.url, { signal });
    const body = response.body[Symbol.asyncIterator]();
    await body.next();
    // The amount stops growing once every buffer on the way is full.
    for (let before = -1; before !== sent;) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    assert.ok(sent < 32 << 20, `${sent >> 20} MiB in flight`);
    await body.return?.();
  });

  test("a reader that stops early closes the connection", async () => {
    let closed: () => void = () => {};
    const gone = new Promise<void>((resolve) => closed = resolve);
    const server = keep(
      await startRawServer((socket) => {
        socket.on("close", closed);
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nstart");
      }),
    );
    for await (const _ of (await client().get(server.url, { signal })).body) break;
    await gone;
  });

  test("an abort ends a request that connects, one that waits and one that reads", async () => {
    const mute = keep(await startTcpServer(() => {}));
    const half = await raw("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nstart");
    for (const url of [`https://127.0.0.1:${mute.port}/`, `http://127.0.0.1:${mute.port}/`]) {
      const controller = new AbortController();
      const pending = client().get(url, { signal: controller.signal });
      setTimeout(() => controller.abort(), 50);
      await assert.rejects(pending, fails("E_INTERRUPTED"));
    }
    const controller = new AbortController();
    const response = await client().get(half.url, { signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await assert.rejects(textOf(response), fails("E_INTERRUPTED"));
    const aborted = AbortSignal.abort();
    await assert.rejects(client().get(half.url, { signal: aborted }), fails("E_INTERRUPTED"));
  });

  test("a body that is cut is told from one that ends", async () => {
    const cuts = ["Content-Length: 100\r\n\r\nshort", "Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n"];
    for (const cut of cuts) {
      const server = await raw(`HTTP/1.1 200 OK\r\n${cut}`, "end");
      await assert.rejects(textOf(await client().get(server.url, { signal })), fails("E_UNREACHABLE"), cut);
    }
    const whole = await raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n0\r\n\r\n", "end");
    assert.equal(await textOf(await client().get(whole.url, { signal })), "short");
  });

  test("an encoded body, and what is no HTTP at all, are refused", async () => {
    const gzip = await raw("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n");
    await assert.rejects(client().get(gzip.url, { signal }), fails("E_HTTP_STATUS", "gzip"));
    const plain = await raw("HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\nok");
    assert.equal(await textOf(await client().get(plain.url, { signal })), "ok");
    const noise = await raw("\u0000\u0001\u001b[31mnoise\r\n\r\n", "end");
    await assert.rejects(client().get(noise.url, { signal }), fails("E_UNREACHABLE"));
    const huge = await raw(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(1 << 20)}\r\n\r\n`);
    await assert.rejects(client().get(huge.url, { signal }), fails("E_UNREACHABLE"));
  });
});
