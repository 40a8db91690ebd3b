// Addresses that the operator did not name: from the first hop on they must be public, unless more is allowed.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { NetworkPolicy } from "../../../src/net/network-policy.ts";
import { publicOnly, refusedByText } from "../../../src/net/public-only.ts";
import { fails } from "../../support/fails.ts";
import { CA_FILE, startHttpServer } from "../../support/http-server.ts";
import { createClosing, testClient, textOf } from "../../support/test-client.ts";

const signal = new AbortController().signal;
const STRICT = { allowInsecure: false, allowPrivate: false };

describe("a client for public addresses", { timeout: 60_000 }, () => {
  const closing = createClosing();
  after(() => closing.closeAll());
  const client = (policy: Partial<NetworkPolicy> = {}) => closing.keep(testClient({ caFile: CA_FILE, ...policy }));

  test("asks nobody in a more private network, whether by address or by name, and everybody when told to", async () => {
    let asked = 0;
    const server = closing.keep(await startHttpServer((_, r) => r.end(String(++asked)), { tls: true }));
    const names = { plain: server.url, name: `https://mirror.test:${server.port}` };
    for (const url of Object.values(names)) {
      await assert.rejects(publicOnly(client()).get(url, { signal }), fails("E_FORBIDDEN_ADDRESS", "more private"));
    }
    assert.equal(asked, 0);
    const lax = publicOnly(client({ allowPrivate: true }));
    for (const url of Object.values(names)) assert.equal(await textOf(await lax.get(url, { signal })), String(asked));
    assert.equal(await textOf(await client().get(names.name, { signal })), "3", "the operator's own word is enough");
  });

  test("takes plain http nowhere beyond this machine", async () => {
    const lax = publicOnly(client({ allowPrivate: true }));
    await assert.rejects(lax.get("http://10.0.0.1/", { signal }), fails("E_FORBIDDEN_ADDRESS", "plain http"));
  });
});

const REFUSED = [
  "http://a.example",
  "http://93.184.216.34",
  "http://localhost:8080",
  "http://127.0.0.1:8080",
  "https://127.0.0.1",
  "https://localhost",
  "https://x.localhost",
  "https://10.1.2.3",
  "https://169.254.169.254",
  "https://[::1]",
  "https://[fd00::1]",
  "https://[::ffff:10.0.0.1]",
  "https://0.0.0.0",
];

test("what is written out to be private or without TLS is told by its text alone", () => {
  for (const url of REFUSED) assert.equal(refusedByText(url, STRICT)?.code, "E_FORBIDDEN_ADDRESS", url);
  for (const url of ["https://a.example", "https://93.184.216.34", "https://[2606:4700::1]"]) {
    assert.equal(refusedByText(url, STRICT), undefined, url);
  }
  for (const url of REFUSED) assert.equal(refusedByText(url, { allowInsecure: true, allowPrivate: true }), undefined);
  assert.equal(refusedByText("http://127.0.0.1", { ...STRICT, allowPrivate: true }), undefined);
  assert.notEqual(refusedByText("http://10.0.0.1", { ...STRICT, allowPrivate: true }), undefined);
});
