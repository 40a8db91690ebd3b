import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createTrail } from "../../../src/net/http-client.ts";
import { fails } from "../../support/fails.ts";
import { CA_FILE } from "../../support/http-server.ts";
import { createNetScene } from "../../support/net-scene.ts";
import { testClient, textOf } from "../../support/test-client.ts";

describe("where redirects led", { timeout: 60_000 }, () => {
  const { keep, client, http } = createNetScene();
  const signal = new AbortController().signal;

  /** A mirror whose every file is somewhere else, under a name that changes with each time it is asked. */
  async function redirecting(answer: (time: number) => number = () => 200) {
    const asked: string[] = [];
    let times = 0;
    const server = await http((request, response) => {
      asked.push(request.url ?? "");
      const time = Number(/^\/at\/(\d+)$/.exec(request.url ?? "")?.[1] ?? 0);
      if (time > 0) return void response.writeHead(answer(time)).end(`${time}`);
      response.writeHead(302, { location: `/at/${++times}` }).end("moved");
    });
    return { url: `${server.url}/file`, asked };
  }

  test("is where the next request goes at once", async () => {
    const { url, asked } = await redirecting();
    const trail = createTrail();
    const c = client();
    for (let i = 0; i < 3; i++) assert.equal(await textOf(await c.get(url, { signal, trail })), "1");
    assert.deepEqual(asked, ["/file", "/at/1", "/at/1", "/at/1"]);
  });

  test("is forgotten when the place does not answer as it did, and asked for again", async () => {
    for (const status of [302, 401, 403, 404, 410, 500]) {
      let expired = 0;
      const { url, asked } = await redirecting((time) => time <= expired ? status : 200);
      const trail = createTrail();
      const c = client();
      assert.equal(await textOf(await c.get(url, { signal, trail })), "1");
      expired = 1;
      assert.equal(await textOf(await c.get(url, { signal, trail })), "2", `${status}`);
      assert.equal(await textOf(await c.get(url, { signal, trail })), "2");
      assert.deepEqual(asked, ["/file", "/at/1", "/at/1", "/file", "/at/2", "/at/2"]);
    }
  });

  test("is forgotten when nobody is there any more", async () => {
    const other = await http((_, response) => response.end("other"));
    const server = await http((_, response) => response.writeHead(302, { location: `${other.url}/x` }).end());
    const trail = createTrail();
    const c = client();
    assert.equal(await textOf(await c.get(server.url, { signal, trail })), "other");
    assert.notEqual(trail.end, undefined);
    await other.close();
    await assert.rejects(c.get(server.url, { signal, trail }), fails("E_UNREACHABLE"));
    assert.equal(trail.end, undefined);
  });

  test("is nothing where there was no redirect", async () => {
    const server = await http((_, response) => response.end("here"));
    const trail = createTrail();
    assert.equal(await textOf(await client().get(server.url, { signal, trail })), "here");
    assert.equal(trail.end, undefined);
  });

  test("is judged each time as if it had been redirected to just then", async () => {
    const server = await http((request, response) => {
      if (request.headers.host?.startsWith("far.") === true) return void response.end("far");
      response.writeHead(302, { location: `https://far.mirror.test:${server.port}/x` }).end();
    }, { tls: true });
    const url = `https://mirror.test:${server.port}/`;
    const trail = createTrail();
    assert.equal(await textOf(await client({ caFile: CA_FILE }).get(url, { signal, trail })), "far");
    const { end } = trail;
    // From now on that name leads further inside than the mirror itself.
    const rebound = keep(testClient({ caFile: CA_FILE }, (name) => {
      return Promise.resolve([name === "far.mirror.test" ? "169.254.169.254" : "127.0.0.1"]);
    }));
    await assert.rejects(rebound.get(url, { signal, trail: { end } }), fails("E_FORBIDDEN_ADDRESS", "more private"));
  });

  test("gets no credentials that were for the mirror", async () => {
    const seen: (string | undefined)[] = [];
    const other = await http((request, response) => {
      seen.push(request.headers.authorization);
      response.end("other");
    });
    const server = await http((_, response) => response.writeHead(302, { location: other.url }).end());
    const trail = createTrail();
    const c = client();
    for (let i = 0; i < 2; i++) await textOf(await c.get(server.url.replace("//", "//u:p@"), { signal, trail }));
    assert.deepEqual(seen, [undefined, undefined]);
  });
});
