// What POST does beyond GET: a body, no redirects; and plain http to private networks where that is allowed.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { allowedAddresses, parseRequestUrl } from "../../../src/net/hop.ts";
import { publicOnly } from "../../../src/net/public-only.ts";
import { fails } from "../../support/fails.ts";
import { startHttpServer } from "../../support/http-server.ts";
import { createClosing, testClient, textOf } from "../../support/test-client.ts";

const signal = new AbortController().signal;
const body = new TextEncoder().encode('{"ask":"☃"}');
const json = { "content-type": "application/json" };

describe("POST", { timeout: 60_000 }, () => {
  const closing = createClosing();
  after(() => closing.closeAll());
  const client = closing.keep(testClient());

  test("the server gets the body whole, with its length, again and again over one client", async () => {
    const server = closing.keep(
      await startHttpServer((request, response) => {
        let text = "";
        request.setEncoding("utf8").on("data", (part) => text += part).on("end", () => {
          const { method, headers } = request;
          response.end(JSON.stringify([method, headers["content-length"], headers["content-type"], text]));
        });
      }),
    );
    for (let i = 0; i < 3; i++) {
      const answer = await client.post(`${server.url}/rpc?key=1`, { signal, body, headers: json });
      assert.equal(answer.status, 200);
      assert.equal(answer.url, `${server.url}/rpc`);
      assert.deepEqual(JSON.parse(await textOf(answer)), [
        "POST",
        String(body.length),
        "application/json",
        '{"ask":"☃"}',
      ]);
    }
    assert.equal(JSON.parse(await textOf(await client.get(server.url, { signal })))[0], "GET");
  });

  test("a redirect is refused: nobody else is told", async () => {
    let asked = 0;
    const other = closing.keep(await startHttpServer((_, response) => void (asked++, response.end())));
    const server = closing.keep(
      await startHttpServer((_, response) => void response.writeHead(307, { location: other.url }).end()),
    );
    await assert.rejects(client.post(server.url, { signal, body }), fails("E_HTTP_STATUS"));
    assert.equal(asked, 0);
  });

  test("a client for public addresses alone posts to no private one", async () => {
    const server = closing.keep(await startHttpServer((_, response) => void response.end()));
    await assert.rejects(publicOnly(client).post(server.url, { signal, body }), fails("E_FORBIDDEN_ADDRESS"));
  });
});

describe("plain http into private networks", () => {
  const rules = { allowInsecure: false, allowPrivate: false, allowInsecurePrivate: true };
  const judge = (text: string, ...addresses: string[]) =>
    allowedAddresses(parseRequestUrl(text, rules), addresses, undefined, rules).addresses;

  test("is allowed where the policy says so, by address and by name", () => {
    assert.deepEqual(judge("http://10.1.2.3:8545", "10.1.2.3"), ["10.1.2.3"]);
    assert.deepEqual(judge("http://node:8545", "8.8.8.8", "172.18.0.2"), ["172.18.0.2"]);
    assert.deepEqual(judge("http://localhost:8545", "127.0.0.1"), ["127.0.0.1"]);
  });

  test("still does not reach the internet, nor the metadata service of a cloud", () => {
    const refused = fails("E_FORBIDDEN_ADDRESS");
    assert.throws(() => judge("http://8.8.8.8", "8.8.8.8"), refused);
    assert.throws(() => judge("http://node", "8.8.8.8"), refused);
    assert.throws(() => judge("http://169.254.169.254", "169.254.169.254"), refused);
    assert.throws(() => judge("http://node", "169.254.169.254"), refused);
  });

  test("is refused where the policy does not say so", () => {
    const strict = { allowInsecure: false, allowPrivate: true };
    assert.throws(() => parseRequestUrl("http://10.1.2.3", strict), fails("E_FORBIDDEN_ADDRESS"));
    assert.throws(() => parseRequestUrl("http://node", strict), fails("E_FORBIDDEN_ADDRESS"));
  });
});
