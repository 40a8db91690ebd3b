import assert from "node:assert/strict";
import { test } from "node:test";
import { allowedAddresses, parseRedirect, parseRequestUrl } from "../../../src/net/hop.ts";
import { publicUrl } from "../../../src/net/credentials.ts";

const STRICT = { allowInsecure: false, allowPrivate: false };
const forbidden = { code: "E_FORBIDDEN_ADDRESS" };

test("https may go anywhere, plain http only to this machine", () => {
  for (
    const url of ["https://a.example/", "http://localhost:1/", "http://127.3.2.1/", "http://[::1]/", "http://0x7f.1/"]
  ) {
    assert.equal(parseRequestUrl(url, STRICT).href, new URL(url).href);
  }
  for (
    const url of ["http://a.example/", "http://10.0.0.1/", "http://[::ffff:10.0.0.1]/", "http://localhost.example/"]
  ) {
    assert.throws(() => parseRequestUrl(url, STRICT), forbidden, url);
    assert.ok(parseRequestUrl(url, { ...STRICT, allowInsecure: true }));
  }
  for (const url of ["", "a.example", "ftp://a.example/", "file:///etc/passwd"]) {
    assert.throws(() => parseRequestUrl(url, STRICT), { code: "E_USAGE" }, url);
  }
});

test("a redirect never leaves TLS, not even for this machine", () => {
  const from = new URL("https://a.example/x/y");
  assert.throws(() => parseRedirect("http://a.example/", from, STRICT), forbidden);
  assert.throws(() => parseRedirect("http://127.0.0.1/", from, STRICT), forbidden);
  assert.ok(parseRedirect("http://b.example/", from, { ...STRICT, allowInsecure: true }));
  assert.equal(parseRedirect("http://127.0.0.1:1/z", new URL("http://localhost/"), STRICT).port, "1");
  assert.throws(() => parseRedirect("http://b.example/", new URL("http://localhost/"), STRICT), forbidden);
});

test("a redirect is resolved against its origin and loses foreign credentials", () => {
  const from = new URL("https://a.example/x/y");
  assert.equal(parseRedirect("../z?q", from, STRICT).href, "https://a.example/z?q");
  assert.equal(parseRedirect("//user:pw@b.example/", from, STRICT).href, "https://b.example/");
  for (const location of [undefined, "https://", "javascript:alert(1)", "data:,x"]) {
    assert.throws(() => parseRedirect(location, from, STRICT), { code: "E_HTTP_STATUS" });
  }
});

test("the mirror itself may be anywhere; a redirect may not go deeper than the mirror", () => {
  const url = new URL("https://a.example/");
  const all = ["1.1.1.1", "10.0.0.1", "127.0.0.1", "169.254.169.254", "0.0.0.0"];
  assert.deepEqual(allowedAddresses(url, all, undefined, STRICT), { addresses: all, scope: "public" });
  const reach = (floor: Parameters<typeof allowedAddresses>[2]) => allowedAddresses(url, all, floor, STRICT).addresses;
  assert.deepEqual(reach("public"), all.slice(0, 1));
  assert.deepEqual(reach("private"), all.slice(0, 2));
  assert.deepEqual(reach("loopback"), all.slice(0, 3));
  assert.deepEqual(reach("link-local"), all.slice(0, 4));
  for (
    const inner of [
      "10.0.0.1",
      "100.64.1.1",
      "127.0.0.1",
      "169.254.169.254",
      "::1",
      "fd00::1",
      "fe80::1",
      "::ffff:10.0.0.1",
    ]
  ) {
    assert.throws(() => allowedAddresses(url, [inner], "public", STRICT), forbidden, inner);
    const relaxed = allowedAddresses(url, [inner], "public", { ...STRICT, allowPrivate: true });
    assert.deepEqual(relaxed.addresses, [inner]);
  }
});

test("'localhost' that resolves to elsewhere is not asked in plain http", () => {
  const url = new URL("http://localhost/");
  assert.deepEqual(allowedAddresses(url, ["93.184.216.34", "::1"], undefined, STRICT).addresses, ["::1"]);
  assert.throws(() => allowedAddresses(url, ["93.184.216.34"], undefined, STRICT), forbidden);
});

test("a URL for people shows no secrets", () => {
  assert.equal(publicUrl(new URL("https://user:pw@a.example:8443/p?token=1#f")), "https://a.example:8443/p");
});
