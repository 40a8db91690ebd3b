// Expiry limits learning, never running: what was approved and made ready is switched to at its height, whatever has
// expired meanwhile. docs/chain.md, "What is decided".
import assert from "node:assert/strict";
import { test } from "node:test";
import { createGovernedNodes } from "../support/governed-node.ts";
import { parseFile, readTestKey, signedFile, tufTime } from "../support/signed-file.ts";
import { until } from "../support/until.ts";
import { createNetwork, expect, filesOf, succeed } from "./network.ts";

/** Time enough to be learnt. */
const LIFETIME_MS = 5_000;

const network = await createNetwork();
const nodes = await createGovernedNodes(network, {
  kind: "evm",
  finality: "instant",
  upgrades: [{ version: "2.0.0", height: 120, type: "hard-fork" }],
});

test("a node whose metadata expired long before the height switches at it, and learns nothing meanwhile", async () => {
  await using s = await nodes.create();
  const files = new Map(filesOf(nodes.repo)), path = "metadata/timestamp.json";
  const { signed } = parseFile(files.get(path) ?? assert.fail());
  const expiresMs = Date.now() + LIFETIME_MS;
  const next = { ...signed, version: Number(signed["version"]) + 1, expires: tufTime(expiresMs) };
  nodes.mirror.serve(files.set(path, signedFile(next, [readTestKey(nodes.key("release"))])));
  await succeed(["check", ...s.at]);
  await until("it has expired", () => Date.now() > expiresMs);
  await expect(35, ["check", ...s.at]);
  s.start();
  await s.answers("1.0.0");
  s.chain.apply({ produce: 18 });
  await s.seen(118);
  assert.deepEqual(s.starts(), ["1.0.0"]);
  s.chain.apply({ produce: 1 });
  await s.answers("2.0.0");
  assert.deepEqual([(await s.status()).current.version, s.starts()], ["2.0.0", ["1.0.0", "2.0.0"]]);
});
