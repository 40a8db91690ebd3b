import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { createHttpsSource } from "../../../src/sources/https.ts";
import { artifactOf, targetUrlPath, testBytes } from "../../support/artifact.ts";
import { startArtifactServer } from "../../support/artifact-server.ts";
import { fails } from "../../support/fails.ts";
import { CA_FILE, startRawServer } from "../../support/http-server.ts";
import { collect, testOffsetSource } from "../../support/offset-source-suite.ts";
import { createClosing, testClient } from "../../support/test-client.ts";

for (
  const [what, o] of [["with ranges", {}], ["without ranges", { ranges: false }], ["over TLS", { tls: true }]] as const
) {
  describe(`an HTTPS mirror ${what}`, { timeout: 60_000 }, () => {
    testOffsetSource(async (a, bytes) => {
      const server = await startArtifactServer(new Map([[targetUrlPath(a), bytes]]), o);
      const client = testClient("tls" in o ? { caFile: CA_FILE } : {});
      const close = async () => {
        await client.close();
        await server.close();
      };
      return { source: createHttpsSource({ url: server.url, priority: 1, client }), close };
    });
  });
}

describe("a template", { timeout: 60_000 }, () => {
  testOffsetSource(async (a, bytes) => {
    const server = await startArtifactServer(new Map([[`/releases/v${a.version}/${a.name}`, bytes]]));
    const client = testClient();
    const close = async () => {
      await client.close();
      await server.close();
    };
    return {
      source: createHttpsSource({ url: `${server.url}/releases/v{version}/{name}`, priority: 1, client }),
      close,
    };
  });
});

describe("an HTTPS source that answers wrongly", { timeout: 60_000 }, () => {
  const closing = createClosing();
  after(() => closing.closeAll());
  const LENGTH = 1000;
  const bytes = testBytes(LENGTH);

  async function answering(head: string, body: Uint8Array | string = "", end = true) {
    const server = closing.keep(
      await startRawServer((socket) => {
        socket.write(`HTTP/1.1 ${head}\r\n\r\n`);
        if (end) socket.end(body);
        else socket.write(body);
      }),
    );
    const source = createHttpsSource({ url: server.url, priority: 1, client: closing.keep(testClient()) });
    const a = await artifactOf(bytes);
    return (offset: number) => collect(source, a, offset);
  }

  test("an error page with status 200 is told by its size before it is read", async () => {
    const read = await answering("200 OK\r\nContent-Length: 1234", "<html>", false);
    await assert.rejects(read(0), fails("E_SIZE_MISMATCH", "1234 bytes", "signed size is 1000"));
    await assert.rejects(read(10), fails("E_SIZE_MISMATCH", "1234 bytes", "signed size is 1000"));
  });

  test("a body that goes on is given up after one byte too many", async () => {
    const read = await answering("200 OK\r\nTransfer-Encoding: chunked", `7D0\r\n${"x".repeat(2000)}\r\n`, false);
    assert.equal((await read(0)).length, LENGTH + 1);
    assert.equal((await read(990)).length, 11);
  });

  test("a body without a length that ends early is given as it is", async () => {
    const read = await answering("200 OK\r\nTransfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n");
    assert.equal((await read(0)).length, 3);
    assert.equal((await read(10)).length, 0);
  });

  test("a body that only the end of the connection ends is complete, or was cut", async () => {
    assert.deepEqual(await (await answering("200 OK\r\nConnection: close", bytes))(0), bytes);
    const read = await answering("200 OK\r\nConnection: close", bytes.subarray(0, 999));
    await assert.rejects(read(0), fails("E_UNREACHABLE", "ended before"));
  });

  const ranges: [head: string, code: "E_HTTP_STATUS" | "E_SIZE_MISMATCH"][] = [
    ["206 Partial Content\r\nContent-Length: 900", "E_HTTP_STATUS"], // no Content-Range
    ["206 Partial Content\r\nContent-Range: bytes 99-999/1000\r\nContent-Length: 901", "E_HTTP_STATUS"],
    ["206 Partial Content\r\nContent-Range: bytes 100-998/1000\r\nContent-Length: 899", "E_HTTP_STATUS"],
    ["206 Partial Content\r\nContent-Range: items 100-999/1000\r\nContent-Length: 900", "E_HTTP_STATUS"],
    ["206 Partial Content\r\nContent-Range: bytes 100-1999/2000\r\nContent-Length: 1900", "E_SIZE_MISMATCH"],
    ["206 Partial Content\r\nContent-Range: bytes 100-999/1000\r\nContent-Length: 901", "E_HTTP_STATUS"],
    ["416 Range Not Satisfiable\r\nContent-Range: bytes */50\r\nContent-Length: 0", "E_SIZE_MISMATCH"],
    ["416 Range Not Satisfiable\r\nContent-Length: 0", "E_HTTP_STATUS"],
    ["500 Oops\r\nContent-Length: 0", "E_HTTP_STATUS"],
  ];
  for (const [head, code] of ranges) {
    test(`${JSON.stringify(head)} to a range is ${code}`, async () => {
      await assert.rejects((await answering(head))(100), fails(code));
    });
  }

  test("a part that was not asked for is refused", async () => {
    const head = "206 Partial Content\r\nContent-Range: bytes 0-999/1000\r\nContent-Length: 1000";
    await assert.rejects((await answering(head))(0), fails("E_HTTP_STATUS", "status 206"));
  });

  test("a range of unknown total is taken when it ends where the artifact does", async () => {
    const head = "206 Partial Content\r\nContent-Range: bytes 990-999/*\r\nContent-Length: 10";
    assert.deepEqual(await (await answering(head, bytes.subarray(990)))(990), bytes.subarray(990));
  });
});
