import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startConnectProxy } from "../../support/connect-proxy.ts";
import { fails } from "../../support/fails.ts";
import { CA_FILE } from "../../support/http-server.ts";
import { createNetScene } from "../../support/net-scene.ts";
import { textOf } from "../../support/test-client.ts";

const signal = new AbortController().signal;

describe("redirects", { timeout: 60_000 }, () => {
  const { keep, client, http, raw } = createNetScene();

  test("each kind is followed, five times at most, and a loop ends", async () => {
    let requests = 0;
    const server = await http((request, response) => {
      requests++;
      const n = Number(request.url?.slice(1));
      if (n === 0) return response.end("arrived");
      const status = [301, 302, 303, 307, 308][n % 5] ?? 302;
      response.writeHead(status, { location: `/${request.url === "/99" ? 99 : n - 1}` }).end("moved");
    });
    assert.equal(await textOf(await client().get(`${server.url}/5`, { signal })), "arrived");
    await assert.rejects(client().get(`${server.url}/6`, { signal }), fails("E_HTTP_STATUS", "more than 5 redirects"));
    requests = 0;
    await assert.rejects(client().get(`${server.url}/99`, { signal }), fails("E_HTTP_STATUS"));
    assert.equal(requests, 6);
    await assert.rejects(client().get(`${server.url}/1`, { signal, maxRedirects: 0 }), fails("E_HTTP_STATUS"));
  });

  test("https is never left for http, with or without loopback", async () => {
    let asked = 0;
    const plain = await http((_, response) => response.end(String(++asked)));
    const server = await http((_, response) => response.writeHead(302, { location: plain.url }).end(), { tls: true });
    await assert.rejects(
      client({ caFile: CA_FILE }).get(server.url, { signal }),
      fails("E_FORBIDDEN_ADDRESS", "plain http"),
    );
    assert.equal(asked, 0);
    const lax = client({ caFile: CA_FILE, allowInsecure: true });
    assert.equal(await textOf(await lax.get(server.url, { signal })), "1");
  });

  test("a mirror behind a proxy counts as public and cannot send us to this machine or its neighbours", async () => {
    let asked = 0;
    const victim = await http((_, response) => response.end(String(++asked)), { tls: true });
    let location = "";
    const mirror = await http((_, response) => response.writeHead(302, { location }).end(), { tls: true });
    const proxy = keep(await startConnectProxy({ "mirror.test": mirror.port }));
    const env = { HTTPS_PROXY: proxy.url };
    const at = [`https://127.0.0.1:${victim.port}/`, `https://localhost.test:${victim.port}/`, "https://10.0.0.1/"];
    for (location of [...at, "https://[::ffff:169.254.169.254]/latest/meta-data"]) {
      const direct = client({ caFile: CA_FILE, env: { ...env, NO_PROXY: "localhost.test" } });
      await assert.rejects(
        direct.get("https://mirror.test/", { signal }),
        fails("E_FORBIDDEN_ADDRESS", "more private"),
      );
    }
    assert.equal(asked, 0);
    location = at[0] ?? "";
    const relaxed = client({ caFile: CA_FILE, env, allowPrivate: true });
    assert.equal(await textOf(await relaxed.get("https://mirror.test/", { signal })), "1");
  });

  test("a redirect to no URL is an error of the answer", async () => {
    const nowhere = await raw("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n");
    await assert.rejects(client().get(nowhere.url, { signal }), fails("E_HTTP_STATUS"));
  });
});
