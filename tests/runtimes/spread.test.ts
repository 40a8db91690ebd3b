// A release spreads through a small network of daemons, of every runtime that this machine has: all hear of it, and they
// help each other to its pieces. The large one is tests/bench/gossip-spread.ts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { createSwarm } from "../support/swarm.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { until } from "../support/until.ts";
import { runtimes } from "./runtimes.ts";

// Of the Node versions the oldest and the newest, as in gossip.test.ts.
const chosen = runtimes().filter(({ name }) => name !== "node22" && name !== "node24");
const NODES = 6, MEBIBYTES = 6;

const swarm = await createSwarm({
  folder: tempFolder("spread"),
  nodes: NODES,
  mebibytes: MEBIBYTES,
  seed: "a small network",
  runtime: (i) => chosen[i % chosen.length]!, // there is always one
});
after(() => swarm.close());

test("all nodes hear of a release and have it, proven, and its publisher gave less than each of them a copy", async () => {
  const [publisher, ...others] = swarm.nodes;
  assert.ok(publisher !== undefined);
  for (const node of swarm.nodes) await node.start();
  await until("they are connected", () => swarm.nodes.every((n) => n.count("connected") >= n.neighbours));
  const before = swarm.wireBytes();
  await swarm.publish();
  for (const [i, node] of others.entries()) {
    await until(`node ${i + 1} has it`, () => node.atMs("downloaded") !== undefined);
  }
  const wire = swarm.wireBytes() - before;
  const right = readFileSync(join(publisher.home, swarm.file));
  for (const node of others) assert.ok(readFileSync(join(node.home, swarm.file)).equals(right));
  for (const node of swarm.nodes) assert.deepEqual([node.count("lie"), node.count("shut-out")], [0, 0]);
  const { givenBytes } = await publisher.stop();
  const copies = givenBytes / swarm.artifactBytes;
  assert.ok(copies >= 1 && copies < others.length, `it gave ${copies} copies`);
  // What it says it gave is what went over the wire, but for frames, ciphers and gossip.
  assert.ok(wire >= givenBytes && wire < givenBytes * 1.05 + 500_000, `${givenBytes} given, ${wire} on the wire`);
});
