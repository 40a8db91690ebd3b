// A node that was off for three upgrades: it steps through them by its own height, or takes the newest, as the root says.
// docs/chain.md, "What is decided".
import assert from "node:assert/strict";
import { test } from "node:test";
import { createGovernedNodes, type NodesOptions } from "../support/governed-node.ts";
import { createNetwork } from "./network.ts";

const network = await createNetwork();
/** Three that were missed, and one that is to come: whoever proposed it has put his name to block 300. */
const MISSED: NodesOptions["upgrades"] = [
  { version: "2.0.0", height: 120, type: "hard-fork" },
  { version: "3.0.0", height: 140 },
  { version: "4.0.0", height: 160, type: "security-patch" },
  { version: "5.0.0", height: 1000, type: "hard-fork", proposedAt: 300 },
];
const CHAIN = { kind: "cometbft", finality: "instant", upgrades: MISSED } as const;

const walk = await createGovernedNodes(network, { ...CHAIN, sync: "walk" });
const latest = await createGovernedNodes(network, { ...CHAIN, sync: "latest" });

test("walk: its chain was off with it, and each version makes the blocks of its own rules", async () => {
  await using s = await walk.create({ height: 100 });
  s.start();
  await s.answers("1.0.0");
  for (
    const [height, before, next] of [[119, "1.0.0", "2.0.0"], [139, "2.0.0", "3.0.0"], [159, "3.0.0", "4.0.0"]] as const
  ) {
    s.chain.apply({ produce: height - 1 - s.chain.height });
    await s.seen(height - 1);
    assert.equal(s.starts().at(-1), before, "early");
    s.chain.apply({ produce: 1 });
    await s.answers(next);
  }
  s.chain.apply({ produce: 300 });
  await s.seen(459);
  assert.deepEqual(s.starts(), ["1.0.0", "2.0.0", "3.0.0", "4.0.0"]);
  assert.ok(!s.node.log().includes("two"));
});

test("walk: where its chain went on without it, it still takes one after the other, each well before the next", async () => {
  await using s = await walk.create({ height: 200 });
  const running = s.start();
  await s.answers("4.0.0");
  await s.seen(200);
  // Whether the first one was started before the chain had answered is chance.
  assert.deepEqual(s.starts().filter((version) => version !== "1.0.0"), ["2.0.0", "3.0.0", "4.0.0"]);
  assert.equal(running.said().match(/switched to/g)?.length, 3, running.said());
});

for (const height of [100, 200]) {
  test(`latest: at its own block ${height} it takes the newest that is due, and no other`, async () => {
    await using s = await latest.create({ height });
    s.start();
    await s.answers("4.0.0");
    await s.seen(height);
    assert.deepEqual(s.starts(), ["4.0.0"]);
    const { current } = await s.status();
    assert.deepEqual([current.activationHeight, current.previousVersion], [160, "1.0.0"]);
  });
}
