import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { testBytes } from "../../support/artifact.ts";
import { byteRange, rangeHead } from "../../support/byte-range.ts";
import { CA_FILE } from "../../support/http-server.ts";
import { createNetScene } from "../../support/net-scene.ts";
import { seededRandom } from "../../support/seeded-random.ts";

const bytes = testBytes(9_000_001);
const sha256 = (b: Uint8Array) => createHash("sha256").update(b).digest("hex");

describe("the bytes of a body", { timeout: 60_000 }, () => {
  const { client, http } = createNetScene();
  const signal = new AbortController().signal;

  for (const tls of [false, true]) {
    for (const reusesChunks of [false, true]) {
      const what = `${tls ? "over TLS" : "over TCP"}, ${reusesChunks ? "copied at once" : "kept"}`;
      test(`are right, ${what}, with several readers at different speeds and runs`, async () => {
        const server = await http((request, response) => {
          const range = byteRange(request.headers.range, bytes.length);
          const { status, headers } = rangeHead(range, bytes.length);
          response.writeHead(status, headers).end(bytes.subarray(range.first, range.end));
        }, { tls });
        const c = client({ caFile: CA_FILE });
        const random = seededRandom(what);
        const reader = async (slow: boolean) => {
          for (let run = 0; run < 6; run++) {
            const first = random.below(bytes.length - 1);
            const last = first + random.below(bytes.length - first);
            const headers = { range: `bytes=${first}-${last}` };
            const kept: Uint8Array[] = [];
            for await (const chunk of (await c.get(server.url, { signal, headers, reusesChunks })).body) {
              kept.push(reusesChunks ? chunk.slice() : chunk);
              if (slow && random.chance(0.1)) await delay(random.below(10));
            }
            const got = new Uint8Array(Buffer.concat(kept));
            assert.equal(sha256(got), sha256(bytes.subarray(first, last + 1)), `bytes ${first}-${last}`);
          }
        };
        await Promise.all([reader(false), reader(true), reader(true), reader(false)]);
      });
    }
  }

  test("are left where they are by whoever does not read them, and the connection serves others", async () => {
    const server = await http((_, response) => response.end("a few bytes"));
    const c = client();
    for (let i = 0; i < 50; i++) (await c.get(server.url, { signal, reusesChunks: true })).discard();
    for await (const chunk of (await c.get(server.url, { signal })).body) {
      assert.equal(new TextDecoder().decode(chunk), "a few bytes");
    }
  });
});
