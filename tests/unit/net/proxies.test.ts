import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { UpdateError } from "../../../src/errors.ts";
import { startConnectProxy } from "../../support/connect-proxy.ts";
import { fails } from "../../support/fails.ts";
import { CA_FILE, startTcpServer, unusedPort } from "../../support/http-server.ts";
import { createNetScene } from "../../support/net-scene.ts";
import { QUICK, textOf } from "../../support/test-client.ts";

const signal = new AbortController().signal;

describe("proxies", { timeout: 60_000 }, () => {
  const { keep, client, http, raw } = createNetScene();

  test("https goes through a tunnel, the proxy resolves the name, TLS is checked end to end", async () => {
    const server = await http((_, response) => response.end("through"), { tls: true });
    const proxy = keep(await startConnectProxy({ "mirror.test": server.port, "wrong.test": server.port }));
    const env = { HTTPS_PROXY: proxy.url.replace("//", "//user:pass@") };
    const c = client({ caFile: CA_FILE, env });
    assert.equal(await textOf(await c.get("https://mirror.test/x", { signal })), "through");
    assert.equal(proxy.heads.length, 1);
    assert.match(proxy.heads[0] ?? "", /^CONNECT mirror\.test:443 HTTP\/1\.1\r\nHost: mirror\.test:443\r\n/);
    assert.ok(proxy.heads[0]?.includes(`Proxy-Authorization: Basic ${btoa("user:pass")}\r\n`));
    await assert.rejects(c.get("https://wrong.test/", { signal }), fails("E_UNREACHABLE", "TLS"));
    await assert.rejects(
      c.get("https://absent.test/", { signal }),
      fails("E_UNREACHABLE", "answered CONNECT with 502"),
    );
  });

  test("plain http is asked of the proxy by its whole URL", async () => {
    let asked: (string | undefined)[] = [];
    const proxy = await http((request, response) => {
      asked = [request.url, request.headers.host, request.headers["proxy-authorization"]];
      response.end("relayed");
    });
    const c = client({ env: { http_proxy: proxy.url.replace("//", "//u:p@") }, allowInsecure: true });
    assert.equal(await textOf(await c.get("http://mirror.example:81/a?b", { signal })), "relayed");
    assert.deepEqual(asked, ["http://mirror.example:81/a?b", "mirror.example:81", `Basic ${btoa("u:p")}`]);
  });

  test("a proxy may itself be reached by https", async () => {
    const server = await http((_, response) => response.end("through"), { tls: true });
    const proxy = keep(await startConnectProxy({ "mirror.test": server.port }, { tls: true }));
    const c = client({ caFile: CA_FILE, env: { HTTPS_PROXY: proxy.url } });
    assert.equal(await textOf(await c.get("https://mirror.test/", { signal })), "through");
  });

  test("a dead, mute or babbling proxy is named with what it did", async () => {
    const through = (url: string) =>
      client({ ...QUICK, env: { HTTPS_PROXY: url } }).get("https://mirror.test/", { signal });
    const dead = await unusedPort();
    await assert.rejects(
      through(`http://127.0.0.1:${dead}`),
      fails("E_UNREACHABLE", `proxy 127.0.0.1:${dead}`, "refused"),
    );
    const mute = keep(await startTcpServer(() => {}));
    await assert.rejects(through(`http://127.0.0.1:${mute.port}`), fails("E_TIMEOUT", "proxy", "no answer to CONNECT"));
    const babble = await raw("HTTP/1.1 200 OK\r\n\r\nsurprise");
    await assert.rejects(through(babble.url), fails("E_UNREACHABLE", "more than an answer"));
    const cut = await raw("HTTP/1.1 200", "end");
    await assert.rejects(through(cut.url), fails("E_UNREACHABLE", "connection lost"));
    const locked = await raw("HTTP/1.1 407 Who are you\r\n\r\n", "end");
    await assert.rejects(
      through(locked.url),
      (e) => fails("E_UNREACHABLE", "407")(e) && /password/.test((e as UpdateError).hint ?? ""),
    );
  });
});
