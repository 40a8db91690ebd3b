// A peer names a mirror to lead this node into its own network: by a name that changes, by a redirect, by many names.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { HttpClient } from "../../src/net/http-client.ts";
import { createSources } from "../../src/sources/index.ts";
import { artifactOf, targetUrlPath, testBytes } from "../support/artifact.ts";
import { startConnectProxy } from "../support/connect-proxy.ts";
import { fails } from "../support/fails.ts";
import { CA_FILE, startHttpServer, type TestServer } from "../support/http-server.ts";
import { createClosing, QUICK, testClient } from "../support/test-client.ts";

const signal = new AbortController().signal;
const bytes = testBytes(100, "hint");
const artifact = await artifactOf(bytes);

describe("a mirror that a stranger has named", { timeout: 60_000 }, () => {
  const closing = createClosing();
  after(() => closing.closeAll());

  /** A server inside the node's own network that must not be asked. */
  async function inside(): Promise<{ server: TestServer; asked: () => number }> {
    let asked = 0;
    const server = closing.keep(await startHttpServer((_, r) => r.end(String(++asked)), { tls: true }));
    return { server, asked: () => asked };
  }

  /** The first piece over a hinted mirror. */
  async function firstPiece(url: string, client: HttpClient): Promise<Uint8Array> {
    const hint = { url, type: "https", priority: 1, origin: "hint" } as const;
    const [source] = createSources([hint], { packagesDir: "unused", client }, "https");
    const reader = await source!.open(artifact, { signal }); // one mirror is one source
    try {
      const parts: Uint8Array[] = [];
      for await (const part of reader.read(0, 1, { signal })) parts.push(part);
      return new Uint8Array(Buffer.concat(parts));
    } finally {
      await reader.close();
    }
  }

  test("leads nowhere by a name for this machine, unless private addresses are allowed", async () => {
    const { server, asked } = await inside();
    const url = `https://mirror.test:${server.port}`;
    const client = closing.keep(testClient({ caFile: CA_FILE }));
    await assert.rejects(firstPiece(url, client), fails("E_FORBIDDEN_ADDRESS", "more private"));
    assert.equal(asked(), 0);
    let given = 0;
    const mirror = closing.keep(
      await startHttpServer((request, response) => {
        given++;
        assert.equal(request.url, targetUrlPath(artifact));
        response.writeHead(200, { "content-length": bytes.length }).end(bytes);
      }, { tls: true }),
    );
    const lax = closing.keep(testClient({ caFile: CA_FILE, allowPrivate: true }));
    assert.deepEqual(await firstPiece(`https://mirror.test:${mirror.port}`, lax), bytes);
    assert.equal(given, 1);
  });

  test("is judged by the address that is connected to: a name that changes in between gains nothing", async () => {
    const { server, asked } = await inside();
    let questions = 0;
    // Public when it is judged, this machine when it is asked for again. Nobody answers at the first one.
    const client = closing.keep(
      testClient({ caFile: CA_FILE, ...QUICK }, () => Promise.resolve([questions++ === 0 ? "11.0.0.1" : "127.0.0.1"])),
    );
    const url = `https://mirror.test:${server.port}`;
    for (let i = 0; i < 3; i++) {
      await assert.rejects(
        firstPiece(url, client),
        (e: { code?: string }) => /^E_(UNREACHABLE|TIMEOUT)$/.test(e.code ?? ""),
      );
    }
    assert.equal(asked(), 0);
    assert.equal(questions, 1);
  });

  test("with a public and a private address is never asked at the private one", async () => {
    const { server, asked } = await inside();
    const both = () => Promise.resolve(["127.0.0.1", "11.0.0.1", "::1"]);
    const client = closing.keep(testClient({ caFile: CA_FILE, ...QUICK }, both));
    await assert.rejects(firstPiece(`https://mirror.test:${server.port}`, client));
    assert.equal(asked(), 0);
  });

  test("cannot redirect into this machine or its network", async () => {
    const { server, asked } = await inside();
    for (const target of [server.url, `https://inner.mirror.test:${server.port}`, "https://169.254.169.254/latest"]) {
      const public_ = closing.keep(
        await startHttpServer((_, r) => r.writeHead(302, { location: `${target}/x` }).end(), { tls: true }),
      );
      // Behind a proxy a name counts as public: the first hop is one that nobody here can object to.
      const proxy = closing.keep(await startConnectProxy({ "far.mirror.test": public_.port }));
      const env = { HTTPS_PROXY: proxy.url, NO_PROXY: "127.0.0.1,169.254.169.254,inner.mirror.test" };
      const client = closing.keep(testClient({ caFile: CA_FILE, env }));
      await assert.rejects(firstPiece("https://far.mirror.test", client), fails("E_FORBIDDEN_ADDRESS", "more private"));
      assert.equal(proxy.heads.length, 1);
    }
    assert.equal(asked(), 0);
  });
});
