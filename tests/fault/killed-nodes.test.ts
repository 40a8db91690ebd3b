// Nodes of a network are killed at any time, the publisher among them, and start again: what one has stored it still has,
// and in the end all have the release.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { json } from "../cli/network.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { createSwarm, type SwarmNode } from "../support/swarm.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { until } from "../support/until.ts";

const SEED = "killed nodes";
const KILLS = 8;
/** A node hears of the release, and fetches it, within a few of these. */
const MAX_LIFE_MS = 1_500;

const swarm = await createSwarm({ folder: tempFolder("killed"), nodes: 4, mebibytes: 6, seed: SEED });
after(() => swarm.close());

const idOf = (node: SwarmNode) =>
  node.lines().filter((l) => l.event === "listening").map((l) => l.addresses?.[0] ?? "");

test("nodes that are killed at random lose nothing, and all have the release in the end", async () => {
  const random = seededRandom(SEED);
  const [publisher, ...others] = swarm.nodes;
  assert.ok(publisher !== undefined);
  for (const node of swarm.nodes) await node.start();
  await swarm.publish();
  for (let kill = 0; kill < KILLS; kill++) {
    await delay(random.below(MAX_LIFE_MS)); // the moment is what is random here
    const victim = random.pick(swarm.nodes);
    await victim.kill();
    const hadLearnt = victim.count("learnt") > 0;
    const { metadata } = await json(["list-versions", "--offline", "--no-gossip", "--home", victim.home]).catch(() => ({
      metadata: { timestampVersion: null }, // it had heard of nothing yet
    }));
    if (hadLearnt) assert.equal(metadata.timestampVersion, 1, "what it said it had stored is there");
    await victim.start();
  }
  for (const node of others) await until("it has the release", () => node.count("downloaded") > 0);
  const right = readFileSync(join(publisher.home, swarm.file));
  for (const node of others) assert.ok(readFileSync(join(node.home, swarm.file)).equals(right));
  for (const node of swarm.nodes) {
    assert.equal(new Set(idOf(node)).size, 1, "it is known by the same identity");
    assert.deepEqual([node.count("lie"), node.count("shut-out")], [0, 0]);
    await node.stop();
  }
});
