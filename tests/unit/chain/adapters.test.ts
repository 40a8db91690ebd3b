// One suite for every way to ask a chain over HTTP, and what each has of its own.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { ChainAdapter } from "../../../src/chain/chain-clock.ts";
import { createChainAdapter } from "../../../src/chain/index.ts";
import type { Finality } from "../../../src/trust/x-dchat.ts";
import {
  type DialectName,
  type DialectOptions,
  type DialectServer,
  startDialect,
} from "../../support/chain-dialects.ts";
import { fails } from "../../support/fails.ts";
import { startHttpServer } from "../../support/http-server.ts";
import { createClosing, testClient } from "../../support/test-client.ts";

const { signal } = new AbortController();
const TAG: Finality = { tag: "finalized" };
const DEPTH: Finality = { depth: 12 };

const RULES: Readonly<Record<DialectName, readonly Finality[]>> = {
  evm: ["instant", TAG, DEPTH],
  substrate: ["instant", TAG, DEPTH],
  cometbft: ["instant", DEPTH],
  simulated: ["instant", TAG, DEPTH],
};

describe("asking a chain", { timeout: 60_000 }, () => {
  const closing = createClosing();
  after(() => closing.closeAll());
  const client = closing.keep(testClient());
  const start = async (name: DialectName, o: DialectOptions = {}) => closing.keep(await startDialect(name, o));
  const adapter = (kind: string, url: string, finality: Finality, genesis = "") =>
    createChainAdapter({ chain: { kind, genesis, finality }, access: { url }, client, env: {} });
  const final = (finality: Finality) => finality === "instant" ? 100 : finality === TAG ? 93 : 88;

  for (const name of Object.keys(RULES) as DialectName[]) { // the names of a literal object
    for (const finality of RULES[name]) {
      test(`${name}, ${JSON.stringify(finality)}: heights, genesis, hash and whether it is syncing`, async () => {
        const server = await start(name, { height: 100, finalityLag: 7 });
        const asked = adapter(name, server.url, finality);
        const reading = await asked.read({ signal });
        assert.equal(reading.genesis, server.genesis);
        assert.deepEqual([reading.latest, reading.finalized], [100, final(finality)]);
        if (reading.hash !== undefined) assert.ok(server.chain.block(final(finality))?.hash.endsWith(reading.hash));
        else {assert.ok(
            name === "cometbft" && finality !== "instant",
            "CometBFT tells the hash of its newest block alone",
          );}
        assert.equal(reading.isSyncing, false);
        server.chain.apply({ produce: 3, syncing: true });
        const later = await asked.read({ signal });
        assert.deepEqual([later.latest, later.finalized, later.isSyncing], [103, final(finality) + 3, true]);
      });
    }

    test(`${name}: a chain at its beginning is at block 0, whatever its finality`, async () => {
      const server = await start(name, { finalityLag: 7 });
      for (const finality of RULES[name]) {
        const { latest, finalized } = await adapter(name, server.url, finality).read({ signal });
        assert.deepEqual([latest, finalized], [0, 0]);
      }
    });

    test(`${name}: an RPC that is gone is an error of the chain, and is asked again in vain or not`, async () => {
      const server = await start(name, { height: 5 });
      const asked = adapter(name, server.url, "instant");
      server.chain.apply({ answering: false });
      await assert.rejects(asked.read({ signal }), fails("E_CHAIN"));
      server.chain.apply({ answering: true });
      assert.equal((await asked.read({ signal })).finalized, 5);
    });

    test(`${name}: no lie about the form of an answer is taken for a height`, async () => {
      let lie: string | Uint8Array = "";
      const server = closing.keep(await startHttpServer((_, response) => void response.end(lie)));
      const honest = { height: "0x10", number: "0x10", hash: `0x${"ab".repeat(32)}` };
      const wrong = [
        -1,
        1.5,
        1e300,
        2 ** 53,
        "",
        "0x",
        "-1",
        "1e3",
        "0x20000000000000",
        "99999999999999999999",
        [],
        {},
      ];
      const documents = [
        null,
        [],
        "text",
        { error: { code: 1, message: "\u001b[31mred".repeat(100) } },
        { result: null },
        { error: null },
        ...wrong.map((n) => ({ result: { ...honest, number: n, height: n, sync_info: { latest_block_height: n } } })),
      ];
      const lies = [
        "",
        "<html>",
        "{",
        "[".repeat(200_000),
        new Uint8Array([0xff, 0xfe]),
        ...documents.map((d) => JSON.stringify(d)),
      ];
      for (lie of lies) {
        await assert.rejects(adapter(name, server.url, "instant").read({ signal }), (e) => {
          // deno-lint-ignore no-control-regex -- what must not reach a terminal
          return fails("E_CHAIN")(e) && !/[\u0000-\u001f]/.test((e as Error).message);
        }, String(lie).slice(0, 80));
      }
    });

    test(`${name}: an answer without an end is given up`, async () => {
      const server = closing.keep(
        await startHttpServer((_, response) => {
          const more = () =>
            void (!response.destroyed && response.write(" ".repeat(1 << 20), () => setImmediate(more)));
          more();
        }),
      );
      await assert.rejects(adapter(name, server.url, "instant").read({ signal }), fails("E_CHAIN"));
    });
  }

  test("an abort is an abort, and no fault of the chain", async () => {
    const server = closing.keep(await startHttpServer(() => {}));
    const stop = new AbortController();
    const reading = adapter("evm", server.url, "instant").read({ signal: stop.signal });
    stop.abort();
    await assert.rejects(reading, fails("E_INTERRUPTED"));
  });

  test("evm: a tag that the node has no block for is no height", async () => {
    const server = await start("evm", { height: 5 });
    await assert.rejects(adapter("evm", server.url, { tag: "0x99" }).read({ signal }), fails("E_CHAIN"));
  });

  test("cometbft: the plan of x/upgrade is told, with none and without the module too", async () => {
    const plan = { name: "v2 ☃", height: 5_000_000_000 };
    const planOf = async (o: DialectOptions) =>
      (await adapter("cometbft", (await start("cometbft", { height: 9, ...o })).url, "instant").read({ signal })).plan;
    assert.deepEqual(await planOf({ plan }), plan);
    assert.equal(await planOf({ plan: null }), null);
    assert.equal(await planOf({ plan: "no-module" }), undefined);
  });

  test("an RPC below a path, with a key in its query, is asked there", async () => {
    const asked: string[] = [];
    const server = closing.keep(
      await startHttpServer((request, response) => {
        asked.push(request.url ?? "");
        response.writeHead(404).end();
      }),
    );
    const read = (a: ChainAdapter) => assert.rejects(a.read({ signal }), fails("E_CHAIN"));
    await read(adapter("simulated", `${server.url}/chain/?key=1`, "instant"));
    await read(adapter("evm", `${server.url}/v3/secret`, "instant"));
    assert.ok(asked.includes("/chain/status?key=1"), asked.join());
    assert.ok(asked.includes("/v3/secret"), asked.join());
  });

  test("what the root asks for and a chain does not have is a usage error", () => {
    assert.throws(() => adapter("cometbft", "http://127.0.0.1:1", TAG), fails("E_USAGE"));
    assert.throws(() => adapter("substrate", "http://127.0.0.1:1", { tag: "safe" }), fails("E_USAGE"));
    assert.throws(() => adapter("tangle", "http://127.0.0.1:1", "instant"), fails("E_USAGE"));
  });

  test("a server of the wrong kind is no chain", async () => {
    const servers: DialectServer[] = [];
    for (const name of Object.keys(RULES) as DialectName[]) servers.push(await start(name, { height: 5 }));
    for (const [i, name] of (Object.keys(RULES) as DialectName[]).entries()) {
      for (const [j, server] of servers.entries()) {
        if (i !== j) await assert.rejects(adapter(name, server.url, "instant").read({ signal }), fails("E_CHAIN"));
      }
    }
  });
});
