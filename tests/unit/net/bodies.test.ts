import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { testBytes } from "../../support/artifact.ts";
import { byteRange, rangeHead } from "../../support/byte-range.ts";
import { startConnectProxy } from "../../support/connect-proxy.ts";
import { CA_FILE, startRawServer } from "../../support/http-server.ts";
import { createNetScene } from "../../support/net-scene.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { until } from "../../support/until.ts";

const bytes = testBytes(9_000_001);
/** Of the reader's own memory, as much as a piece. */
const ROOM_BYTES = 1 << 20;
const sha256 = (b: Uint8Array) => createHash("sha256").update(b).digest("hex");

describe("the bytes of a body", { timeout: 60_000 }, () => {
  const { client, http, keep } = createNetScene();
  const signal = new AbortController().signal;

  for (const tls of [false, true]) {
    for (const reusesChunks of [false, true]) {
      const what = `${tls ? "over TLS" : "over TCP"}, ${reusesChunks ? "copied at once" : "kept"}`;
      test(`are right, ${what}, with several readers at different speeds and runs`, async () => {
        const server = await http((request, response) => {
          const range = byteRange(request.headers.range, bytes.length);
          const { status, headers } = rangeHead(range, bytes.length);
          response.writeHead(status, headers).end(bytes.subarray(range.first, range.end));
        }, { tls });
        const c = client({ caFile: CA_FILE });
        const random = seededRandom(what);
        const reader = async (slow: boolean) => {
          for (let run = 0; run < 6; run++) {
            const first = random.below(bytes.length - 1);
            const last = first + random.below(bytes.length - first);
            const headers = { range: `bytes=${first}-${last}` };
            const kept: Uint8Array[] = [];
            for await (const chunk of (await c.get(server.url, { signal, headers, reusesChunks })).body) {
              kept.push(reusesChunks ? chunk.slice() : chunk);
              if (slow && random.chance(0.1)) await delay(random.below(10));
            }
            const got = new Uint8Array(Buffer.concat(kept));
            assert.equal(sha256(got), sha256(bytes.subarray(first, last + 1)), `bytes ${first}-${last}`);
          }
        };
        await Promise.all([reader(false), reader(true), reader(true), reader(false)]);
      });
    }
  }

  test("are left where they are by whoever does not read them, and the connection serves others", async () => {
    const server = await http((_, response) => response.end("a few bytes"));
    const c = client();
    for (let i = 0; i < 50; i++) (await c.get(server.url, { signal, reusesChunks: true })).discard();
    for await (const chunk of (await c.get(server.url, { signal })).body) {
      assert.equal(new TextDecoder().decode(chunk), "a few bytes");
    }
  });

  for (const tls of [false, true]) {
    test(`come into the room that the reader has for them, ${tls ? "over TLS" : "over TCP"}`, async () => {
      const server = await http((_, response) => response.end(bytes), { tls });
      const rooms = Array.from({ length: Math.ceil(bytes.length / ROOM_BYTES) }, () => new Uint8Array(ROOM_BYTES));
      const random = seededRandom(server.url);
      let received = 0, placedBytes = 0;
      const c = client({ caFile: CA_FILE });
      const roomAt = (offset: number) => {
        // Not for everything, and not further ahead than one.
        const index = Math.floor(offset / ROOM_BYTES);
        if (index % 5 === 4 || index > received / ROOM_BYTES + 1) return undefined;
        return rooms[index]?.subarray(offset % ROOM_BYTES, bytes.length - index * ROOM_BYTES);
      };
      for await (const chunk of (await c.get(server.url, { signal, reusesChunks: true, roomAt })).body) {
        assert.deepEqual(new Uint8Array(chunk), bytes.subarray(received, received + chunk.length));
        const room = rooms[Math.floor(received / ROOM_BYTES)];
        if (chunk.buffer === room?.buffer && chunk.byteOffset === received % ROOM_BYTES) placedBytes += chunk.length;
        received += chunk.length;
        if (random.chance(0.1)) await delay(random.below(5));
      }
      assert.equal(received, bytes.length);
      // Deno's TLS reads into memory of its own.
      if (!tls || !("Deno" in globalThis)) {
        assert.ok(placedBytes > bytes.length / 4, `${placedBytes} bytes came where they belong`);
      }
    });
  }

  for (const way of ["over TCP", "over TLS", "through a tunnel", "through a tunnel over TLS"]) {
    test(`stay with the server while nobody reads them, ${way}`, async () => {
      const chunk = bytes.subarray(0, ROOM_BYTES), count = 64;
      let sent = 0, sentMs = 0;
      const server = await http((_, response) => {
        response.setHeader("content-length", count * chunk.length);
        const next = () => {
          [sent, sentMs] = [sent + 1, performance.now()];
          if (sent === count) response.end(chunk);
          else response.write(chunk, next);
        };
        next();
      }, { tls: way !== "over TCP" });
      const proxy = keep(
        await startConnectProxy({ "mirror.test": server.port }, { tls: way.endsWith("tunnel over TLS") }),
      );
      const isTunnel = way.includes("tunnel");
      const c = client({ caFile: CA_FILE, ...(isTunnel ? { env: { HTTPS_PROXY: proxy.url } } : {}) });
      const response = await c.get(isTunnel ? "https://mirror.test/" : server.url, { signal, reusesChunks: true });
      let received = 0;
      for await (const { length } of response.body) {
        if (received === 0) {
          await until("the server rests", () => performance.now() - sentMs > 500);
          assert.ok(sent < count / 2, `${sent} MiB were taken ahead`); // what lies in the buffers of the system
        }
        received += length;
      }
      assert.equal(received, count * chunk.length);
    });
  }

  test("never come into room behind their end, and nothing but the bytes of an answer does", async () => {
    const body = bytes.subarray(0, 100_000);
    const head = `content-length: ${body.length}\r\nconnection: keep-alive\r\n\r\n`;
    const chunked = "transfer-encoding: chunked\r\n\r\n186a0\r\n";
    const answers: [string, string][] = [
      ["behind the end", `HTTP/1.1 200 OK\r\n${head}`],
      ["an error", `HTTP/1.1 404 Not Found\r\n${head}`],
      ["chunks", `HTTP/1.1 200 OK\r\n${chunked}`],
    ];
    for (const [what, answer] of answers) {
      const server = keep(
        await startRawServer(async (socket) => {
          socket.write(answer);
          // In two parts, so that there is a read for which room is asked, and more than the answer in the last.
          await delay(20);
          socket.write(Buffer.concat([body.subarray(0, 30_000)]));
          await delay(20);
          socket.write(Buffer.concat([body.subarray(30_000), Buffer.alloc(200_000, "lie")]));
        }),
      );
      const room = new Uint8Array(ROOM_BYTES);
      const roomAt = (offset: number) => room.subarray(offset);
      const response = await client().get(server.url, { signal, reusesChunks: true, roomAt });
      const got: Uint8Array[] = [];
      try {
        for await (const chunk of response.body) got.push(chunk.slice());
      } catch (e) {
        assert.equal(what, "chunks", String(e)); // lies are no chunk
      }
      await delay(50); // for more bytes to come
      const bytesGot = new Uint8Array(Buffer.concat(got));
      assert.deepEqual(bytesGot, body.subarray(0, bytesGot.length), what);
      const isInRoom = what === "behind the end";
      assert.equal(room.subarray(0, body.length).some((byte) => byte !== 0), isInRoom, what);
    }
  });
});
