import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { UpdateError } from "../../../src/errors.ts";
import { fails } from "../../support/fails.ts";
import { CA_FILE, startRawServer, unusedPort } from "../../support/http-server.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { createNetScene } from "../../support/net-scene.ts";
import { QUICK, testClient, textOf } from "../../support/test-client.ts";

const signal = new AbortController().signal;

describe("connections", { timeout: 60_000 }, () => {
  const { keep, client, http, raw } = createNetScene();

  describe("addresses", () => {
    test("the name is resolved once and the connection goes to that address, with name and Host kept", async () => {
      let host: string | undefined;
      const server = await http((request, response) => {
        host = request.headers.host;
        response.end("ok");
      }, { tls: true });
      let asked = 0;
      const rebinding = keep(testClient({ caFile: CA_FILE }, () => {
        return Promise.resolve(asked++ === 0 ? ["127.0.0.1"] : ["203.0.113.1"]);
      }));
      const url = `https://mirror.test:${server.port}/`;
      assert.equal(await textOf(await rebinding.get(url, { signal })), "ok");
      assert.equal(asked, 1);
      assert.equal(host, `mirror.test:${server.port}`);
    });

    test("every address of a name is tried, and those that refuse cost no time", async (t) => {
      if (process.platform !== "linux") return t.skip("only Linux has all of 127.0.0.0/8");
      const server = await http((_, response) => response.end("ok"), { tls: true });
      const dead = [1, 2, 3, 4, 5, 6].map((i) => `127.0.0.7${i}`);
      const several = keep(
        testClient({ caFile: CA_FILE }, () => Promise.resolve([...dead, "::1", "127.0.0.1"])),
      );
      const started = performance.now();
      assert.equal(await textOf(await several.get(`https://mirror.test:${server.port}/`, { signal })), "ok");
      assert.ok(performance.now() - started < 1_000, "less than the pauses between attempts would take");
    });

    test("a client that meets ever new addresses keeps few connections open", async (t) => {
      if (process.platform !== "linux") return t.skip("only Linux has all of 127.0.0.0/8");
      const open = new Set<unknown>();
      const server = keep(
        await startRawServer((socket) => {
          open.add(socket);
          socket.on("close", () => open.delete(socket));
          socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }, "0.0.0.0"),
      );
      const wandering = client();
      for (let i = 1; i <= 50; i++) {
        assert.equal(await textOf(await wandering.get(`http://127.0.1.${i}:${server.port}/`, { signal })), "ok");
      }
      // Sooner than idle connections end by themselves.
      const deadline = performance.now() + 2_000;
      while (open.size > 33 && performance.now() < deadline) await delay(10);
      assert.ok(open.size <= 33, `${open.size} connections`);
    });

    test("a name without addresses, a refused connection and plain http beyond this machine say so", async () => {
      await assert.rejects(client().get("https://nobody.invalid/", { signal }), fails("E_UNREACHABLE", "no such host"));
      const dead = `http://127.0.0.1:${await unusedPort()}/`;
      await assert.rejects(client().get(dead, { signal }), fails("E_UNREACHABLE", "connection refused"));
      await assert.rejects(client().get("http://mirror.test/", { signal }), fails("E_FORBIDDEN_ADDRESS", "plain http"));
      await assert.rejects(client().get("not a url", { signal }), fails("E_USAGE"));
    });
  });

  describe("TLS", () => {
    test("a server of an unknown authority is refused, of the given one accepted, under its name and its address", async () => {
      const server = await http((_, response) => response.end("ok"), { tls: true });
      await assert.rejects(client().get(server.url, { signal }), fails("E_UNREACHABLE", "TLS"));
      for (const host of ["127.0.0.1", "mirror.test", "a.mirror.test"]) {
        const response = await client({ caFile: CA_FILE }).get(`https://${host}:${server.port}/`, { signal });
        assert.equal(await textOf(response), "ok", host);
      }
    });

    test("a certificate for another name is refused", async () => {
      const server = await http((_, response) => response.end("ok"), { tls: true });
      const url = `https://wrong.test:${server.port}/`;
      await assert.rejects(
        client({ caFile: CA_FILE }).get(url, { signal }),
        fails("E_UNREACHABLE", "TLS", "wrong.test"),
      );
    });

    test("a server that speaks no TLS is refused", async () => {
      const server = await raw("HTTP/1.1 400 Bad Request\r\n\r\n", "end");
      const url = `https://127.0.0.1:${server.port}/`;
      await assert.rejects(
        client(QUICK).get(url, { signal }),
        (e) => e instanceof UpdateError && /^E_(UNREA|TIMEOUT)/.test(e.code),
      );
    });

    test("a file of authorities without a certificate is a usage error", async () => {
      const folder = tempFolder("ca");
      await writeFile(join(folder, "ca.pem"), "nothing");
      await assert.rejects(
        client({ caFile: join(folder, "ca.pem") }).get("https://127.0.0.1/", { signal }),
        fails("E_USAGE"),
      );
      await rm(folder, { recursive: true });
    });
  });
});
