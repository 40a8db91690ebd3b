import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { constants, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import process from "node:process";
import { describe, test } from "node:test";
import { fails } from "../../support/fails.ts";
import { CA_FILE, startHttp2Server } from "../../support/http-server.ts";
import { createNetScene } from "../../support/net-scene.ts";
import { QUICK, textOf } from "../../support/test-client.ts";

describe("a server that speaks HTTP/2 only", { timeout: 60_000 }, () => {
  const { keep, client, http } = createNetScene();
  const signal = new AbortController().signal;
  const serve = async (answer: (request: Http2ServerRequest, response: Http2ServerResponse) => void) =>
    keep(await startHttp2Server(answer));

  test("is asked for what one is asked for over HTTP/1.1, and gives the same", async () => {
    let asked: Record<string, unknown> = {};
    const server = await serve((request, response) => {
      asked = { ...request.headers };
      response.writeHead(203, { "x-mixed": "yes" });
      response.end("hello");
    });
    const c = client({ caFile: CA_FILE });
    const response = await c.get(`${server.url}/a%20b?q=1`, { signal, headers: { range: "bytes=1-" } });
    assert.equal(response.status, 203);
    assert.equal(response.headers["x-mixed"], "yes");
    assert.equal(await textOf(response), "hello");
    assert.equal(asked[":path"], "/a%20b?q=1");
    assert.equal(asked[":authority"], `127.0.0.1:${server.port}`);
    assert.equal(asked["accept-encoding"], "identity");
    assert.equal(asked["range"], "bytes=1-");
  });

  test("is not asked without an end when it refuses one stream after another", async () => {
    let asked = 0;
    const server = await serve((_, response) => {
      if (++asked === 1) return void response.end("ok");
      response.stream.close(constants.NGHTTP2_REFUSED_STREAM);
    });
    const c = client({ caFile: CA_FILE });
    assert.equal(await textOf(await c.get(server.url, { signal })), "ok");
    await assert.rejects(c.get(server.url, { signal }), fails("E_UNREACHABLE"));
    assert.ok(asked <= 3, `asked ${asked} times`);
  });

  test("is asked by POST as well", async () => {
    const server = await serve((request, response) => {
      const parts: Uint8Array[] = [];
      request.on("data", (part: Uint8Array) => parts.push(part)).on(
        "end",
        () => response.end(Buffer.concat([...parts])),
      );
    });
    const body = new TextEncoder().encode("a question");
    const c = client({ caFile: CA_FILE });
    assert.equal(await textOf(await c.post(server.url, { signal, body })), "a question");
  });

  test("is asked many things at a time over as many connections, so that none waits behind another", async () => {
    const held: Http2ServerResponse[] = [];
    const sessions = new Set<unknown>();
    const server = await serve((request, response) => {
      sessions.add(request.stream.session);
      if (request.url === "/later") return void response.end("ok");
      held.push(response);
      if (held.length === 8) held.forEach((each, i) => each.end(`${i}`));
    });
    const c = client({ caFile: CA_FILE });
    const all = Array.from({ length: 8 }, async () => await textOf(await c.get(server.url, { signal })));
    assert.deepEqual((await Promise.all(all)).toSorted(), ["0", "1", "2", "3", "4", "5", "6", "7"]);
    assert.equal(sessions.size, 8);
    for (let i = 0; i < 3; i++) assert.equal(await textOf(await c.get(`${server.url}/later`, { signal })), "ok");
    assert.equal(sessions.size, 8, "idle ones are used again");
  });

  test("is asked again on a line on which an error page may still come, and not behind a piece", async () => {
    const page = "x".repeat(10_000), piece = "x".repeat(1_000_000);
    const sessions = new Set<unknown>();
    const server = await serve((request, response) => {
      sessions.add(request.stream.session);
      response.on("error", () => {}); // nobody wants the rest
      const body = request.url === "/piece" ? piece : page;
      response.writeHead(request.url === "/piece" ? 200 : 404, { "content-length": body.length });
      response.end(body);
    });
    const c = client({ caFile: CA_FILE });
    // More of them than the window of a connection holds.
    for (let i = 0; i < 150; i++) (await c.get(server.url, { signal })).discard();
    assert.equal(sessions.size, 1);
    (await c.get(`${server.url}/piece`, { signal })).discard();
    assert.equal(await textOf(await c.get(server.url, { signal })), page);
    assert.equal(sessions.size, 2);
  });

  test("is believed no length that is not so", async () => {
    const server = await serve(({ stream, url }) => {
      stream.respond({ ":status": 200, "content-length": "5" });
      stream.on("error", () => {}); // whoever notices first
      stream.end(url === "/short" ? "hell" : "hello!");
    });
    for (const path of ["/short", "/long"]) {
      const reading = async () => await textOf(await client({ caFile: CA_FILE }).get(server.url + path, { signal }));
      await assert.rejects(reading, fails("E_UNREACHABLE"), path);
    }
  });

  test("that resets an answer, or ends the connection, is told from one that ends it", async () => {
    const server = await serve((request, response) => {
      response.write("start", () => {
        if (request.url === "/reset") response.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
        else request.stream.session?.destroy();
      });
    });
    // As a server Bun ends the stream where it was told to reset it.
    for (const path of process.versions["bun"] === undefined ? ["/reset", "/end"] : ["/end"]) {
      const reading = async () => await textOf(await client({ caFile: CA_FILE }).get(server.url + path, { signal }));
      await assert.rejects(reading, fails("E_UNREACHABLE"), path);
    }
  });

  test("is connected to again when it ended the connection between two requests", async () => {
    const server = await serve((request, response) => {
      response.end("ok");
      response.on("close", () => request.stream.session?.close());
    });
    const c = client({ caFile: CA_FILE });
    for (let i = 0; i < 3; i++) assert.equal(await textOf(await c.get(server.url, { signal })), "ok");
  });

  test("is left alone by an abort, a reader that stops, and a time-out, and then asked again", async () => {
    const server = await serve((request, response) => {
      if (request.url === "/whole") return void response.end("whole");
      if (request.url === "/mute") return;
      response.write("start");
    });
    const c = client({ ...QUICK, caFile: CA_FILE });
    const controller = new AbortController();
    const half = await c.get(`${server.url}/half`, { signal: controller.signal });
    const reading = textOf(half);
    controller.abort();
    await assert.rejects(reading, fails("E_INTERRUPTED"));
    for await (const _ of (await c.get(`${server.url}/half`, { signal })).body) break;
    await assert.rejects(textOf(await c.get(`${server.url}/half`, { signal })), fails("E_TIMEOUT", "no more bytes"));
    await assert.rejects(c.get(`${server.url}/mute`, { signal }), fails("E_TIMEOUT", "no answer"));
    assert.equal(await textOf(await c.get(`${server.url}/whole`, { signal })), "whole");
  });

  test("is found out about at the first connection, and a client that is closed asks nobody", async () => {
    const server = await serve((_, response) => response.end("ok"));
    const c = client({ caFile: CA_FILE });
    const pending = Array.from({ length: 4 }, () => c.get(server.url, { signal }));
    await c.close();
    for (const each of pending) await assert.rejects(each, fails("E_INTERRUPTED"));
  });

  test("must be who it says it is", async () => {
    const server = await serve((_, response) => response.end("ok"));
    await assert.rejects(client().get(server.url, { signal }), fails("E_UNREACHABLE", "TLS"));
    const wrong = `https://wrong.test:${server.port}/`;
    await assert.rejects(client({ caFile: CA_FILE }).get(wrong, { signal }), fails("E_UNREACHABLE", "TLS"));
  });

  test("is an exception: whoever speaks HTTP/1.1 is asked that way", async () => {
    const versions: string[] = [];
    const server = await http((request, response) => {
      versions.push(request.httpVersion);
      response.end("ok");
    }, { tls: true });
    assert.equal(await textOf(await client({ caFile: CA_FILE }).get(server.url, { signal })), "ok");
    assert.deepEqual(versions, ["1.1"]);
  });
});
