import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { describe, test } from "node:test";
import { fails } from "../../support/fails.ts";
import { startRawServer } from "../../support/http-server.ts";
import { createNetScene } from "../../support/net-scene.ts";
import { textOf } from "../../support/test-client.ts";

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

describe("kept-alive connections", { timeout: 60_000 }, () => {
  const { keep, client } = createNetScene();
  const signal = new AbortController().signal;

  /** @param answer is told which connection it is and which request on it, both from 0 */
  async function counting(answer: (socket: Socket, connection: number, request: number) => void) {
    const requests = new Map<Socket, number>();
    const server = keep(
      await startRawServer((socket) => {
        const request = requests.get(socket) ?? 0;
        requests.set(socket, request + 1);
        answer(socket, [...requests.keys()].indexOf(socket), request);
      }),
    );
    return { url: server.url, connections: () => requests.size, requests: () => [...requests.values()] };
  }

  test("serve one request after another", async () => {
    const server = await counting((socket) => socket.write(OK));
    const c = client();
    for (let i = 0; i < 5; i++) assert.equal(await textOf(await c.get(server.url, { signal })), "ok");
    assert.deepEqual(server.requests(), [5]);
  });

  test("are as many as there are requests at a time: none waits behind another", async () => {
    const held: Socket[] = [];
    const server = await counting((socket) => {
      held.push(socket);
      if (held.length === 8) { for (const each of held) each.write(OK); }
    });
    const c = client();
    const all = Array.from({ length: 8 }, async () => await textOf(await c.get(server.url, { signal })));
    assert.deepEqual(await Promise.all(all), Array.from({ length: 8 }, () => "ok"));
    assert.equal(server.connections(), 8);
    held.length = 0;
    const again = Array.from({ length: 8 }, async () => await textOf(await c.get(server.url, { signal })));
    await Promise.all(again);
    assert.equal(server.connections(), 8, "the idle ones served again");
  });

  test("that the server ended while they were idle are replaced without anybody noticing", async () => {
    const server = await counting((socket, _, request) => request === 0 ? socket.write(OK) : socket.destroy());
    const c = client();
    for (let i = 0; i < 4; i++) assert.equal(await textOf(await c.get(server.url, { signal })), "ok");
    assert.equal(server.connections(), 4);
  });

  test("are not tried again when the server ended a new one, or has begun to answer", async () => {
    const mute = await counting((socket) => socket.destroy());
    await assert.rejects(client().get(mute.url, { signal }), fails("E_UNREACHABLE", "connection lost"));
    assert.equal(mute.connections(), 1);
    const half = await counting((socket, _, request) => {
      if (request === 0) socket.write(OK);
      else socket.end("HTTP/1.1 200 OK\r\nContent-Le");
    });
    const c = client();
    assert.equal(await textOf(await c.get(half.url, { signal })), "ok");
    await assert.rejects(c.get(half.url, { signal }), fails("E_UNREACHABLE", "connection lost"));
    assert.deepEqual(half.requests(), [2]);
  });

  test("are given up with whatever follows an answer: nobody's answer is taken for another's", async () => {
    const server = await counting((socket, connection) =>
      socket.write(connection === 0 ? `${OK}${OK.replace("ok", "no")}` : OK)
    );
    const c = client();
    for (let i = 0; i < 2; i++) assert.equal(await textOf(await c.get(server.url, { signal })), "ok");
    assert.equal(server.connections(), 2);
  });

  test("are given up when the server speaks without being asked", async () => {
    const closed = Promise.withResolvers<void>();
    const server = await counting((socket, connection) => {
      socket.write(OK);
      if (connection > 0) return;
      socket.on("close", closed.resolve);
      setTimeout(() => socket.write(OK.replace("ok", "no")), 20); // in a packet of its own
    });
    const c = client();
    assert.equal(await textOf(await c.get(server.url, { signal })), "ok");
    await closed.promise;
    assert.equal(await textOf(await c.get(server.url, { signal })), "ok");
    assert.equal(server.connections(), 2);
  });

  test("end where the server says that they do, and where only their end ends the answer", async () => {
    for (const last of [OK.replace("\r\n", "\r\nConnection: close\r\n"), OK.replace("1.1", "1.0")]) {
      const server = await counting((socket) => socket.write(last));
      const c = client();
      for (let i = 0; i < 2; i++) assert.equal(await textOf(await c.get(server.url, { signal })), "ok");
      assert.equal(server.connections(), 2);
    }
    const server = await counting((socket) => socket.end("HTTP/1.1 200 OK\r\n\r\nok"));
    assert.equal(await textOf(await client().get(server.url, { signal })), "ok");
  });
});
