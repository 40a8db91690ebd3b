import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { createHttpsMirror } from "../../../src/sources/https.ts";
import { fails } from "../../support/fails.ts";
import { startHttpServer, startRawServer } from "../../support/http-server.ts";
import { createClosing, testClient } from "../../support/test-client.ts";

const signal = new AbortController().signal;

describe("metadata from an HTTPS mirror", { timeout: 60_000 }, () => {
  const closing = createClosing();
  after(() => closing.closeAll());

  async function mirrorOf(...a: Parameters<typeof startHttpServer>) {
    const server = closing.keep(await startHttpServer(...a));
    return createHttpsMirror({ url: `${server.url}/base/`, client: closing.keep(testClient()) });
  }

  test("gives exactly the bytes below its URL", async () => {
    const mirror = await mirrorOf((request, response) => response.end(`you asked for ${request.url}`));
    const bytes = await mirror.fetch("metadata/%C3%BC.json", 1000, { signal });
    assert.equal(new TextDecoder().decode(bytes), "you asked for /base/metadata/%C3%BC.json");
    assert.match(mirror.id, /^http:\/\/127\.0\.0\.1:\d+\/base$/);
  });

  for (const status of [403, 404, 410]) {
    test(`status ${status} means that it is not there`, async () => {
      const mirror = await mirrorOf((_, response) => response.writeHead(status).end("page"));
      await assert.rejects(mirror.fetch("x", 1000, { signal }), fails("E_ABSENT", String(status)));
    });
  }

  for (const status of [201, 204, 206, 304, 400, 429, 500, 503]) {
    test(`status ${status} is no answer`, async () => {
      const mirror = await mirrorOf((_, response) => response.writeHead(status).end());
      await assert.rejects(mirror.fetch("x", 1000, { signal }), fails("E_HTTP_STATUS", String(status)));
    });
  }

  test("a file of exactly the limit is read, one byte more is refused", async () => {
    const mirror = await mirrorOf((_, response) => response.end("x".repeat(1000)));
    assert.equal((await mirror.fetch("x", 1000, { signal })).length, 1000);
    await assert.rejects(mirror.fetch("x", 999, { signal }), fails("E_TOO_LARGE", "999"));
  });

  test("a gigabyte is refused with and without an announced length, long before it was sent", async () => {
    let sent = 0;
    const endless = async (head: string) =>
      closing.keep(
        await startRawServer((socket) => {
          socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`);
          const block = Buffer.concat([Buffer.from("10000\r\n"), Buffer.alloc(0x10000), Buffer.from("\r\n")]);
          const more = () => {
            while (!socket.destroyed && sent < 1 << 30) {
              sent += block.length;
              if (!socket.write(block)) return void socket.once("drain", more);
            }
          };
          more();
        }),
      );
    for (const head of [`Content-Length: ${2 ** 30}`, "Transfer-Encoding: chunked"]) {
      sent = 0;
      const server = await endless(head);
      const mirror = createHttpsMirror({ url: server.url, client: closing.keep(testClient()) });
      await assert.rejects(mirror.fetch("x", 1 << 20, { signal }), fails("E_TOO_LARGE"));
      assert.ok(sent < 64 << 20, `${sent >> 20} MiB were taken from the server`);
    }
  });

  test("a length that is too large is refused before a byte of the body is there", async () => {
    const server = closing.keep(
      await startRawServer((socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n")),
    );
    const mirror = createHttpsMirror({ url: server.url, client: closing.keep(testClient()) });
    await assert.rejects(mirror.fetch("x", 1000, { signal }), fails("E_TOO_LARGE"));
  });

  test("a template has no metadata", () => {
    const client = closing.keep(testClient());
    assert.throws(() => createHttpsMirror({ url: "https://a.example/{name}", client }), fails("E_USAGE"));
  });
});
