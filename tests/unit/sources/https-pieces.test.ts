import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { Artifact, PieceReader, Verified } from "../../../src/api.ts";
import type { ErrorCode } from "../../../src/errors.ts";
import { PIECE_BYTES } from "../../../src/hash/blake3-core.ts";
import { createHttpsSource } from "../../../src/sources/https.ts";
import { artifactOf, pieceListOf, targetUrlPath, testBytes } from "../../support/artifact.ts";
import { startArtifactServer } from "../../support/artifact-server.ts";
import { startBehavingServer } from "../../support/behaving-server.ts";
import { fails } from "../../support/fails.ts";
import { CA_FILE, startRawServer } from "../../support/http-server.ts";
import { collect, testSource } from "../../support/source-suite.ts";
import { createClosing, testClient } from "../../support/test-client.ts";

interface Layout {
  readonly tls?: boolean;
  readonly http2?: boolean;
  /** Behind the server's URL; a repository when left out. */
  readonly template?: string;
  readonly pathOf: (a: Artifact) => string;
}

const LAYOUTS: Readonly<Record<string, Layout>> = {
  "an HTTPS mirror": { tls: true, pathOf: targetUrlPath },
  "a mirror that speaks HTTP/2 only": { http2: true, pathOf: targetUrlPath },
  "a mirror over plain http": { pathOf: targetUrlPath },
  "a template": { template: "/releases/v{version}/{name}", pathOf: (a) => `/releases/v${a.version}/${a.name}` },
};

for (const [what, { tls = false, http2 = false, template = "", pathOf }] of Object.entries(LAYOUTS)) {
  describe(`${what} as a source of pieces`, { timeout: 60_000 }, () => {
    testSource({
      leavesOut: { growing: "a mirror has all of a file or nothing of it" },
      supply: async (a, bytes, list) => {
        const files = new Map([[pathOf(a), bytes], [`${pathOf(a)}.pieces`, list]]);
        const server = await startBehavingServer(files, { tls, http2 });
        const client = testClient({ caFile: CA_FILE });
        return {
          source: createHttpsSource({ url: `${server.url}${template}`, priority: 1, client }),
          behave: server.behave,
          async close() {
            await client.close();
            await server.close();
          },
        };
      },
    });
  });
}

describe("pieces over HTTP", { timeout: 60_000 }, () => {
  const closing = createClosing();
  after(() => closing.closeAll());
  const signal = new AbortController().signal;
  const bytes = testBytes(2 * PIECE_BYTES + 1000);
  const LENGTH = bytes.length;

  async function readerAt(url: string, a?: Verified<Artifact>): Promise<PieceReader> {
    const source = createHttpsSource({ url, priority: 1, client: closing.keep(testClient()) });
    return closing.keep(await source.open(a ?? await artifactOf(bytes), { signal }));
  }

  /** Every request gets this answer; `end` closes the connection behind it. */
  async function answering(head: string, body: Uint8Array | string = "", end = true): Promise<PieceReader> {
    const server = closing.keep(
      await startRawServer((socket) => {
        socket.write(`HTTP/1.1 ${head}\r\n\r\n`);
        if (end) socket.end(body);
        else socket.write(body);
      }),
    );
    return await readerAt(server.url);
  }

  test("each run of pieces is one range; everything is asked for without one", async () => {
    const a = await artifactOf(bytes);
    const server = closing.keep(await startArtifactServer(new Map([[targetUrlPath(a), bytes]])));
    const reader = await readerAt(server.url);
    for (const [first, count] of [[0, 1], [1, 1], [1, 2], [0, 3]] as const) await collect(reader, first, count);
    assert.deepEqual(server.requests.map((r) => r.headers.range), [
      "bytes=0-1048575",
      "bytes=1048576-2097151",
      `bytes=1048576-${LENGTH - 1}`,
      undefined,
    ]);
  });

  // The second piece is asked for: bytes 1048576-2097151.
  const ANSWERS: readonly [head: string, code: ErrorCode][] = [
    ["206 Partial Content\r\nContent-Length: 1048576", "E_HTTP_STATUS"],
    [`206 Partial Content\r\nContent-Range: bytes 0-1048575/${LENGTH}\r\nContent-Length: 1048576`, "E_HTTP_STATUS"],
    [`206 Partial Content\r\nContent-Range: bytes 1048576-2097150/${LENGTH}`, "E_HTTP_STATUS"],
    [`206 Partial Content\r\nContent-Range: bytes 1048576-${LENGTH - 1}/${LENGTH}`, "E_HTTP_STATUS"],
    [`206 Partial Content\r\nContent-Range: items 1048576-2097151/${LENGTH}`, "E_HTTP_STATUS"],
    [`206 Partial Content\r\nContent-Range: bytes 1048576-2097151/${LENGTH}\r\nContent-Length: 5`, "E_HTTP_STATUS"],
    ["206 Partial Content\r\nContent-Range: bytes 1048576-2097151/9999999", "E_SIZE_MISMATCH"],
    ["206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=x\r\nContent-Length: 9", "E_HTTP_STATUS"],
    [
      `206 Partial Content\r\nContent-Encoding: gzip\r\nContent-Range: bytes 1048576-2097151/${LENGTH}`,
      "E_HTTP_STATUS",
    ],
    ["200 OK\r\nContent-Length: 1048576", "E_SIZE_MISMATCH"], // the piece, as if it were all there is
    [`200 OK\r\nContent-Length: ${LENGTH}`, "E_HTTP_STATUS"],
    ["416 Range Not Satisfiable\r\nContent-Range: bytes */1000\r\nContent-Length: 0", "E_SIZE_MISMATCH"],
    [`416 Range Not Satisfiable\r\nContent-Range: bytes */${LENGTH}\r\nContent-Length: 0`, "E_HTTP_STATUS"],
    ["416 Range Not Satisfiable\r\nContent-Length: 0", "E_HTTP_STATUS"],
    ["204 No Content", "E_HTTP_STATUS"],
    ["403 Forbidden\r\nContent-Length: 0", "E_ABSENT"],
    ["503 Service Unavailable\r\nContent-Length: 0", "E_HTTP_STATUS"],
  ];
  for (const [head, code] of ANSWERS) {
    test(`${JSON.stringify(head)} for the second piece is ${code}`, async () => {
      await assert.rejects(collect(await answering(head, "", false), 1, 1), fails(code));
    });
  }

  test("a part of unknown total is taken when it is the part", async () => {
    const head = "206 Partial Content\r\nContent-Range: bytes 1048576-2097151/*\r\nContent-Length: 1048576";
    const piece = bytes.subarray(PIECE_BYTES, 2 * PIECE_BYTES);
    assert.deepEqual(await collect(await answering(head, piece), 1, 1), piece);
  });

  test("an error page with status 200 is told by its size before it is read", async () => {
    const reader = await answering("200 OK\r\nContent-Length: 1234", "<html>", false);
    await assert.rejects(collect(reader, 0, 1), fails("E_SIZE_MISMATCH", "1234 bytes"));
    await assert.rejects(collect(reader, 0, 3), fails("E_SIZE_MISMATCH", "1234 bytes"));
    assert.equal(reader.isSequential, false);
  });

  test("a part that goes on is given up after one byte too many, a whole one where the piece ends", async () => {
    const part = `206 Partial Content\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes 1048576-2097151/${LENGTH}`;
    const endless = `200000\r\n${"x".repeat(0x200000)}\r\n`;
    assert.equal((await collect(await answering(part, endless, false), 1, 1)).length, PIECE_BYTES + 1);
    const whole = await answering("200 OK\r\nTransfer-Encoding: chunked", endless, false);
    assert.equal((await collect(whole, 0, 1)).length, PIECE_BYTES);
  });

  test("a part that ends early is given as it is; one that was cut is an error", async () => {
    const part = `206 Partial Content\r\nContent-Range: bytes 1048576-2097151/${LENGTH}\r\n`;
    const short = await answering(`${part}Transfer-Encoding: chunked`, "3\r\nabc\r\n0\r\n\r\n");
    assert.equal((await collect(short, 1, 1)).length, 3);
    for (const how of ["Content-Length: 1048576", "Transfer-Encoding: chunked", "Connection: close"]) {
      const cut = await answering(`${part}${how}`, how.startsWith("T") ? "3\r\nabc\r\n" : "abc");
      await assert.rejects(collect(cut, 1, 1), fails("E_UNREACHABLE"), how);
    }
  });

  test("a list of another size is no list, and one that is not there is absent", async () => {
    const a = await artifactOf(bytes);
    const list = await pieceListOf(bytes);
    const beside = (content: Uint8Array) => new Map([[`${targetUrlPath(a)}.pieces`, content]]);
    for (const content of [list.subarray(1), new Uint8Array(list.length + 1), new Uint8Array()]) {
      const server = closing.keep(await startArtifactServer(beside(content)));
      await assert.rejects((await readerAt(server.url)).pieceList({ signal }), fails("E_SIZE_MISMATCH", "96"));
    }
    const chunked = (body: string) => answering("200 OK\r\nTransfer-Encoding: chunked", body, false);
    const short = await chunked("3\r\nabc\r\n0\r\n\r\n");
    await assert.rejects(short.pieceList({ signal }), fails("E_SIZE_MISMATCH", "3 bytes"));
    const endless = await chunked(`200000\r\n${"x".repeat(0x200000)}`);
    await assert.rejects(endless.pieceList({ signal }), fails("E_SIZE_MISMATCH", "more"));
    const none = closing.keep(await startArtifactServer(new Map()));
    await assert.rejects((await readerAt(none.url)).pieceList({ signal }), fails("E_ABSENT"));
  });

  test("an artifact of one piece has no list, and nobody is asked for it", async () => {
    const small = await artifactOf(bytes.subarray(0, PIECE_BYTES));
    const server = closing.keep(await startArtifactServer(new Map()));
    await assert.rejects((await readerAt(server.url, small)).pieceList({ signal }), fails("E_ABSENT"));
    assert.equal(server.requests.length, 0);
  });

  test("a server without ranges is asked for nothing but the beginning once it is known", async () => {
    const a = await artifactOf(bytes);
    const server = closing.keep(await startArtifactServer(new Map([[targetUrlPath(a), bytes]]), { ranges: false }));
    const reader = await readerAt(server.url);
    await assert.rejects(collect(reader, 1, 1), fails("E_HTTP_STATUS"));
    assert.equal(reader.isSequential, true);
    await assert.rejects(collect(reader, 2, 1), fails("E_HTTP_STATUS"));
    assert.deepEqual(await collect(reader, 0, 2), bytes.subarray(0, 2 * PIECE_BYTES));
    assert.deepEqual(server.requests.map((r) => r.headers.range), ["bytes=1048576-2097151", undefined]);
  });
});
