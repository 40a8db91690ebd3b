import assert from "node:assert/strict";
import { test } from "node:test";
import { UpdateError } from "../../../src/errors.ts";
import { proxyFor } from "../../../src/net/proxy-env.ts";

const proxied = (url: string, env: Record<string, string>) => proxyFor(new URL(url), env)?.href;
const P = "http://proxy.example:3128/";

test("each protocol has its variable, lower case wins, and a missing scheme means http", () => {
  const env = { HTTPS_PROXY: "http://s.example", HTTP_PROXY: "http://h.example" };
  assert.equal(proxied("https://a.example/", env), "http://s.example/");
  assert.equal(proxied("http://a.example/", env), "http://h.example/");
  assert.equal(
    proxied("https://a.example/", { ...env, https_proxy: "https://lower.example" }),
    "https://lower.example/",
  );
  assert.equal(proxied("https://a.example/", { HTTPS_PROXY: "proxy.example:3128" }), P);
  assert.equal(proxied("https://a.example/", { HTTPS_PROXY: "" }), undefined);
  assert.equal(proxied("https://a.example/", { HTTP_PROXY: P }), undefined);
});

test("loopback is never proxied", () => {
  for (const host of ["localhost", "dev.localhost", "127.0.0.1", "127.9.9.9", "[::1]"]) {
    assert.equal(proxied(`https://${host}:1/`, { HTTPS_PROXY: P }), undefined, host);
  }
});

test("NO_PROXY takes names with what is below them, ports, addresses, blocks and a star", () => {
  const cases: [url: string, list: string, direct: boolean][] = [
    ["https://a.example/", "a.example", true],
    ["https://b.a.example/", "a.example", true],
    ["https://b.a.example/", ".a.example", true],
    ["https://b.a.example/", "*.a.example", true],
    ["https://ba.example/", "a.example", false],
    ["https://a.example/", "other, A.EXAMPLE", true],
    ["https://a.example/", "other a.example", true],
    ["https://a.example/", "a.example:443", true],
    ["https://a.example:8443/", "a.example:443", false],
    ["https://a.example:8443/", "a.example:8443", true],
    ["https://10.1.2.3/", "10.0.0.0/8", true],
    ["https://11.1.2.3/", "10.0.0.0/8", false],
    ["https://10.1.2.3/", "10.1.2.3", true],
    ["https://[fd00::1]/", "fd00::1", true],
    ["https://[fd00::1]/", "[fd00::1]:443", true],
    ["https://[fd00::1]/", "[fd00::1]:444", false],
    ["https://[fd00::1]/", "fc00::/7", true],
    ["https://a.example/", "*", true],
    ["https://a.example/", ", ,", false],
    ["https://a.example/", "10.0.0.0/8,/8,:443", false],
  ];
  for (const [url, list, direct] of cases) {
    assert.equal(proxied(url, { HTTPS_PROXY: P, NO_PROXY: list }), direct ? undefined : P, `${url} with ${list}`);
  }
  assert.equal(proxied("https://a.example/", { HTTPS_PROXY: P, no_proxy: "a.example", NO_PROXY: "b" }), undefined);
});

test("a proxy of another kind is a usage error that does not repeat its password", () => {
  for (const value of ["socks5://user:secret@p.example", "http://", "::"]) {
    assert.throws(
      () => proxied("https://a.example/", { HTTPS_PROXY: value }),
      (e) => e instanceof UpdateError && e.code === "E_USAGE" && !e.message.includes("secret"),
    );
  }
});
