// An announcement in a simulated network of some hundred nodes, a tenth of them away; the large ones are in
// tests/bench/gossip-simulation.ts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { simulate } from "../../support/gossip-simulation.ts";

const NETWORK = { nodes: 400, degree: 4, seed: "some hundred" } as const;

test("everybody who is there hears of a release within seconds, and who was away when it comes back", async () => {
  const { halfMs, allMs, everybodyMs, reached, messagesPerNode } = await simulate({ ...NETWORK, way: "product" });
  assert.ok(halfMs !== undefined && halfMs < 5_000, `half after ${halfMs} ms`);
  assert.ok(allMs !== undefined && allMs < 60_000, `those who were there after ${allMs} ms`);
  assert.ok(everybodyMs !== undefined);
  assert.equal(reached, 1);
  assert.ok(messagesPerNode < 40, `${messagesPerNode} messages a node`);
});

test("flooding with a time to live of 5 leaves a part of that network without the news, for ever", async () => {
  const { everybodyMs, reached } = await simulate({ ...NETWORK, way: { ttl: 5 } });
  assert.equal(everybodyMs, undefined);
  assert.ok(reached < 0.9, `${reached} of the nodes`);
});

test("the same seed gives the same figures, another one others", async () => {
  const once = await simulate({ ...NETWORK, way: "product" });
  assert.deepEqual(await simulate({ ...NETWORK, way: "product" }), once);
  assert.notDeepEqual(await simulate({ ...NETWORK, way: "product", seed: "others" }), once);
});
