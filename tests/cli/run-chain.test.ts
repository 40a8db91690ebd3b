// The supervised node on each kind of chain, and what chains do at their worst: it switches with the final block before
// its height and not earlier, and never back. docs/chain.md; docs/activation.md, "Running the node".
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { DialectServer } from "../support/chain-dialects.ts";
import { type ChainWay, createGovernedNodes, type NodesOptions } from "../support/governed-node.ts";
import { until } from "../support/until.ts";
import { createNetwork, succeed } from "./network.ts";

const network = await createNetwork();
const SOFT = { version: "2.0.0", height: 120 }, HARD = { ...SOFT, type: "hard-fork" };

/** A program that prints what is final, and writes down that it was asked. */
function byCommand(server: DialectServer, folder: string): ChainWay {
  const said = join(folder, "height"), log = join(folder, "asked");
  const say = () => {
    const { finalized, isAnswering } = server.chain.status();
    if (isAnswering) writeFileSync(said, String(finalized.height));
    else rmSync(said);
  };
  say();
  const apply = server.chain.apply.bind(server.chain);
  server.chain.apply = (orders) => {
    apply(orders);
    say();
  };
  return {
    options: ["--command", `echo >> '${log}'; cat '${said}'`],
    // One a poll, where others ask up to four.
    asked: () => existsSync(log) ? 4 * readFileSync(log).length : 0,
  };
}

const LATE: readonly (readonly [string, NodesOptions, typeof byCommand?])[] = [
  ["evm, by its tag", { kind: "evm", finality: "tag:finalized", finalityLag: 20, upgrades: [SOFT] }],
  ["evm, by depth", { kind: "evm", finality: "depth:20", finalityLag: 20, upgrades: [SOFT] }],
  ["substrate", { kind: "substrate", finality: "tag:finalized", finalityLag: 20, upgrades: [SOFT] }],
  ["simulated", { kind: "simulated", finality: "tag:finalized", finalityLag: 20, upgrades: [SOFT] }],
  ["a command", { kind: "simulated", finality: "tag:finalized", finalityLag: 20, upgrades: [SOFT] }, byCommand],
];

for (const [name, options, way] of LATE) {
  test(`${name}: finalizes 20 blocks late, reorganises, and loses its RPC at H−1`, async () => {
    const nodes = await createGovernedNodes(network, options);
    await using s = await nodes.create(way === undefined ? {} : { way });
    const running = s.start();
    await s.answers("1.0.0");
    s.chain.apply({ produce: 38 });
    await s.seen(118); // the height itself is long there, and is not final
    s.chain.apply({ reorg: 19 });
    await s.seen(118);
    s.chain.apply({ answering: false, produce: 1 });
    await s.end(0); // says nothing on a chain whose last block can still be replaced
    await s.seen(118);
    assert.ok(!s.starts().includes("2.0.0"), running.said());
    s.chain.apply({ answering: true });
    await s.answers("2.0.0");
    assert.equal(s.kept(), 119);
    assert.equal(s.starts().filter((v) => v === "2.0.0").length, 1);
    assert.ok(!s.node.log().includes("two"));
    const { current, decision } = await s.status();
    assert.deepEqual([current.version, current.activationHeight, decision.run], ["2.0.0", 120, "as-is"]);
  });
}

const INSTANT: readonly (readonly [string, NodesOptions])[] = [
  ["cometbft", { kind: "cometbft", finality: "instant", upgrades: [HARD] }],
  ["evm", { kind: "evm", finality: "instant", upgrades: [HARD] }],
  ["simulated", { kind: "simulated", finality: "instant", upgrades: [HARD] }],
];

for (const [name, options] of INSTANT) {
  const nodes = await createGovernedNodes(network, options);

  test(`${name}: halts before the height, and its RPC with it: the program's own end is the signal, a crash is none`, async () => {
    await using s = await nodes.create();
    s.start();
    await s.answers("1.0.0");
    assert.match(s.node.log()[0] ?? "", /^start 1\.0\.0 1\.0\.0 120 /); // it was told where to halt
    s.chain.apply({ haltAt: 120, produce: 15 });
    await s.seen(115);
    s.chain.apply({ produce: 15, answering: false });
    await s.end(3);
    await s.answers("1.0.0");
    await s.seen(115);
    assert.deepEqual(s.starts(), ["1.0.0", "1.0.0"]);
    await s.end(0);
    await s.answers("2.0.0");
    assert.equal(s.kept(), 115);
  });

  test(`${name}: its RPC dies at H−1 and the program does not end: nothing is switched until a block is seen`, async () => {
    await using s = await nodes.create();
    s.start();
    await s.answers("1.0.0");
    s.chain.apply({ produce: 18 });
    await s.seen(118);
    s.chain.apply({ produce: 1, answering: false });
    await s.seen(118);
    assert.deepEqual(s.starts(), ["1.0.0"]);
    s.chain.apply({ answering: true });
    await s.answers("2.0.0");
    assert.equal(s.kept(), 119);
  });

  test(`${name}: lies upward, falls back and is wiped: nobody goes back, also after a restart`, async () => {
    await using s = await nodes.create();
    const first = s.start();
    await s.answers("1.0.0");
    s.chain.apply({ lieUpward: 200 });
    await s.answers("2.0.0");
    s.chain.apply({ lieUpward: 0 });
    assert.deepEqual([(await s.status()).chain.status, s.kept()], ["falling", 300]);
    await s.seen(300);
    s.chain.apply({ fallBackTo: 3 });
    await s.seen(300);
    await s.stop(first);
    s.start();
    await s.answers("2.0.0");
    await s.seen(300);
    assert.deepEqual(s.starts(), ["1.0.0", "2.0.0", "2.0.0"]);
  });
}

test("substrate: another chain's RPC moves nobody, however high it is", async () => {
  const nodes = await createGovernedNodes(network, { kind: "substrate", finality: "instant", upgrades: [SOFT] });
  await using s = await nodes.create();
  const { block } = s.chain;
  s.chain.block = (n) => n === 0 ? { height: 0, hash: `0x${"ab".repeat(32)}` } : block(n);
  s.chain.apply({ produce: 500 });
  const running = s.start();
  await s.answers("1.0.0");
  const before = s.server.asked();
  await until("it was asked again and again", () => s.server.asked() > before + 24);
  assert.deepEqual([s.starts(), s.kept()], [["1.0.0"], undefined], running.said());
  assert.equal((await s.status()).chain.status, "wrong-chain");
});

test("what was cancelled in time is not switched to, though it is installed", async () => {
  const nodes = await createGovernedNodes(network, { kind: "simulated", finality: "instant", upgrades: [HARD] });
  await using s = await nodes.create();
  const running = s.start();
  await s.answers("1.0.0");
  await nodes.governance("cancel", "1", "--current-height", "100");
  await nodes.publish();
  await succeed(["check", ...s.at]);
  s.chain.apply({ produce: 50 });
  await s.seen(150);
  // It was started again only to be told that it need not halt any more.
  assert.ok(!s.starts().includes("2.0.0"), running.said());
  assert.match(s.node.log().at(-1) ?? "", /^start 1\.0\.0 1\.0\.0 - -$/);
});

test("cometbft: what the chain itself plans moves nobody; where no certificate is of that height it is told", async () => {
  const nodes = await createGovernedNodes(network, { kind: "cometbft", finality: "instant", upgrades: [HARD] });
  const asApproved = { name: "v2", height: 120 }, alone = { name: "v3", height: 110 };
  await using same = await nodes.create({ plan: asApproved });
  assert.deepEqual((await same.status()).chain.plan, { ...asApproved, sequence: 1 });
  await using other = await nodes.create({ plan: alone });
  const running = other.start();
  await other.answers("1.0.0");
  other.chain.apply({ produce: 15 });
  await other.seen(115);
  assert.equal(running.said().match(/plans "v3" at block 110, and no approved certificate does/g)?.length, 1);
  assert.deepEqual(other.starts(), ["1.0.0"]);
  assert.deepEqual((await other.status()).chain.plan, { ...alone, sequence: null });
  other.chain.apply({ produce: 4 });
  await other.answers("2.0.0");
});
