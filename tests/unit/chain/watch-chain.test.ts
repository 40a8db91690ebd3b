// A chain watched through its RPC while it does all that chains do: late finality, reorganisation, a dead RPC, lies.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { createHeightStore } from "../../../src/chain/height-store.ts";
import { createChainAdapter } from "../../../src/chain/index.ts";
import type { ChainOrders } from "../../../src/chain/simulated-chain.ts";
import { type SimulatedServerOptions, startSimulatedServer } from "../../../src/chain/simulated-server.ts";
import { type ChainWatch, readChain, watchChain } from "../../../src/chain/watch-chain.ts";
import { fails } from "../../support/fails.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { createClosing, testClient, textOf } from "../../support/test-client.ts";

const o = { signal: new AbortController().signal };
const closing = createClosing();
after(() => closing.closeAll());
const client = closing.keep(testClient());

/** A chain with finality of its own, and a node's watch over it. */
async function watched(more: Partial<SimulatedServerOptions> = {}) {
  const server = closing.keep(await startSimulatedServer({ name: "c", finalityLag: 20, height: 100, ...more }));
  const chain = { kind: "simulated", genesis: server.chain.genesis, finality: { tag: "finalized" } };
  const home = tempFolder("watch");
  const watch: ChainWatch = {
    adapter: createChainAdapter({ chain, access: { url: server.url }, client, env: {} }),
    chain,
    store: createHeightStore(home, chain),
    stuckAfterMs: 60_000,
    now: () => Date.now(),
  };
  const read = async (orders: ChainOrders = {}) => {
    server.chain.apply(orders);
    const { status, height, latest } = await readChain(watch, o);
    return [status, height, latest];
  };
  return { server, watch, home, read };
}

test("a chain that finalizes 20 blocks late: the final block counts", async () => {
  const { read, watch } = await watched();
  assert.deepEqual(await read(), ["ok", 80, 100]);
  assert.deepEqual(await read({ produce: 5 }), ["ok", 85, 105]);
  assert.equal((await watch.store.load())?.height, 85);
});

test("a chain that reorganises replaces no block that counted", async () => {
  const { read, server } = await watched();
  await read();
  const before = server.chain.block(80), newest = server.chain.block(100);
  assert.deepEqual(await read({ reorg: 19 }), ["ok", 80, 100]);
  assert.deepEqual(server.chain.block(80), before);
  assert.notDeepEqual(server.chain.block(100), newest);
  await read({ reorg: 5000 });
  assert.deepEqual(server.chain.block(80), before);
});

test("a chain that halts, with its RPC gone: what was final stays, in another process too", async () => {
  const { read, watch, home } = await watched({ finalityLag: 0 });
  assert.deepEqual(await read({ haltAt: 110, produce: 50 }), ["ok", 109, 109]);
  assert.deepEqual(await read({ answering: false }), ["unreachable", 109, null]);
  assert.equal((await createHeightStore(home, watch.chain).load())?.height, 109);
  assert.deepEqual(await read({ answering: true, haltAt: null, produce: 1 }), ["ok", 110, 110]);
});

test("a chain that lies upward and falls back keeps nobody from seeing it", async () => {
  const { read } = await watched();
  await read();
  assert.deepEqual(await read({ lieUpward: 50 }), ["ok", 130, 150]);
  assert.deepEqual(await read({ lieUpward: 0 }), ["falling", 130, 100]);
  assert.deepEqual(await read({ produce: 51 }), ["ok", 131, 151]);
});

test("a slip of a million blocks in one answer is not kept", async () => {
  const { watch, server, read } = await watched();
  await read();
  let answers = 0;
  const slipping: ChainWatch = {
    ...watch,
    adapter: {
      kind: "simulated",
      async read(opts) {
        const reading = await watch.adapter.read(opts);
        return answers++ === 0 ? { ...reading, latest: 2e6, finalized: 1e6 } : reading;
      },
    },
  };
  server.chain.apply({ produce: 1 });
  assert.equal((await readChain(slipping, o)).height, 81);
  assert.equal(answers, 2);
});

test("a wiped chain is falling, until the operator's word", async () => {
  const { read, watch } = await watched();
  await read();
  assert.deepEqual(await read({ fallBackTo: 3 }), ["falling", 80, 3]);
  await watch.store.forget(o);
  assert.deepEqual(await read(), ["ok", 0, 3]);
});

test("another chain at the same place raises nothing", async () => {
  const { watch, home, server } = await watched();
  const chain = { ...watch.chain, genesis: `0x${"12".repeat(32)}` };
  const state = await readChain({ ...watch, chain, store: createHeightStore(home, chain) }, o);
  assert.deepEqual([state.status, state.height], ["wrong-chain", null]);
  assert.match(state.words, new RegExp(server.chain.genesis));
  assert.equal(await createHeightStore(home, chain).load(), undefined);
});

test("watching goes on through faults, and an abort ends it without an error", async () => {
  const { watch, server } = await watched({ finalityLag: 0 });
  const stop = new AbortController();
  const seen: string[] = [];
  const orders: ChainOrders[] = [{ produce: 1 }, { answering: false }, { answering: true }, { syncing: true }];
  for await (const { status, height } of watchChain(watch, { signal: stop.signal, intervalMs: 1 })) {
    seen.push(`${status} ${height}`);
    const order = orders.shift();
    if (order === undefined) stop.abort();
    else server.chain.apply(order);
  }
  assert.deepEqual(seen, ["ok 100", "ok 101", "unreachable 101", "ok 101", "syncing 101"]);
});

test("the server produces by itself, and takes orders over HTTP and from nobody's typing errors", async () => {
  const { server, watch } = await watched({ blockTimeMs: 5, finalityLag: 0, height: 0 });
  for await (const { height } of watchChain(watch, { ...o, intervalMs: 5 })) if ((height ?? 0) >= 3) break;
  const order = async (orders: unknown) => {
    const body = new TextEncoder().encode(JSON.stringify(orders));
    const answer = await client.post(`${server.url}/orders`, { ...o, body });
    return [answer.status, JSON.parse(await textOf(answer))];
  };
  const [status, { height }] = await order({ haltAt: 1_000_000, produce: 2_000_000, syncing: true });
  assert.deepEqual([status, height, server.chain.status().isSyncing], [200, 999_999, true]);
  assert.deepEqual(await order({ haltAt: null, answering: false }), [200, { height: 999_999 }]);
  await assert.rejects(client.get(`${server.url}/status`, o), fails("E_UNREACHABLE"));
  for (const wrong of [{ produce: -1 }, { produce: 1.5 }, { bogus: 1 }, [], "x", { syncing: 1 }]) {
    assert.equal((await order(wrong))[0], 400, JSON.stringify(wrong));
  }
});
