// run at a height: what governors approved takes over when the node's own chain is there, and not a block before.
// docs/activation.md, "Running the node".
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { startSimulatedServer } from "../../src/chain/simulated-server.ts";
import { startDchat } from "../support/bundled-cli.ts";
import { createGovernedRepository } from "../support/governed-repository.ts";
import { type Manner, nodeAt, nodeProgram } from "../support/node-program.ts";
import { runBundle } from "../support/release-fixture.ts";
import { until } from "../support/until.ts";
import { createNetwork, filesOf, json, PLATFORM, succeed } from "./network.ts";

const LAG = 20;
const network = await createNetwork();
const folder = join(network.folder, "height");
mkdirSync(folder);
const chain = await startSimulatedServer({ name: "height", finalityLag: LAG, height: 1200 });
after(() => chain.close());
const named = { kind: "simulated", genesis: chain.chain.genesis, finality: "tag:finalized" };
const governed = createGovernedRepository(folder, named, nodeProgram("1.0.0"));
const mirror = await network.mirror(governed.repo);
const home = network.newHome(), at = ["--home", home];
const node = await nodeAt(folder);

/** Makes the chain final up to a height. */
const finalize = (height: number) => chain.chain.apply({ produce: height + LAG - chain.chain.height });
const starts = (version: string) => node.log().filter((line) => line.startsWith(`start ${version}`));

/** Releases and approves a version; the home has it installed. */
async function approve(version: string, manner: Manner, type: string, height: number, ...more: string[]) {
  const file = join(folder, version);
  writeFileSync(file, nodeProgram(version, manner));
  const what = ["--version", version, "--platform", PLATFORM, "--format", "executable", "--upgrade-type", type];
  runBundle(["release", "add", governed.repo, file, ...what]);
  governed.publish();
  const keys = (["a", "b", "c"] as const).flatMap((name) => ["--key", governed.governor(name)]);
  const now = String(chain.chain.height - LAG);
  governed.governance(
    "propose",
    "--version",
    version,
    "--height",
    String(height),
    "--current-height",
    now,
    ...keys,
    ...more,
  );
  governed.publish();
  mirror.serve(filesOf(governed.repo));
  await succeed(["install", "--version", version, ...at]);
}

/** Waits until the supervisor has seen a height, and has decided by it. */
async function decidedAt(height: number): Promise<void> {
  const kept = () => {
    const { chains } = JSON.parse(readFileSync(join(home, "chain-heights.json"), "utf8"));
    return Object.values(chains as Record<string, { height: number }>)[0]?.height;
  };
  await until(`the chain was seen at ${height}`, () => kept() === height);
}

test("a hard fork in its window, then one that fails and is taken back", async () => {
  await succeed(["init", "--repo", mirror.url, "--root", governed.root, ...at]);
  await succeed(["configure-chain", "--url", chain.url, ...at]);
  await succeed(["configure-auto-update", "--enabled", "--auto-restart", ...at]);
  await succeed(["install", "--version", "1.0.0", ...at]);
  await approve("2.0.0", "good", "hard-fork", 2000, "--switch", "before", "--switch-from", "1900");
  const run = startDchat([
    "run",
    "--offline",
    "--poll",
    "0.05",
    "--health-url",
    node.url,
    ...at,
    "--",
    ...node.command,
  ]);
  after(() => run.child.kill("SIGKILL"));
  await until("the old version runs", () => starts("1.0.0").length > 0);
  // It is told before which block it has to halt, and its own height.
  assert.deepEqual(starts("1.0.0"), ["start 1.0.0 1.0.0 2000 1000"]);

  finalize(1899);
  await decidedAt(1899);
  assert.equal((await json(["status", ...at])).current.version, "1.0.0");
  finalize(1960); // every node's place is in the first half of the window
  await until("the new version runs", () => run.said().includes("switched to 2.0.0"));
  assert.deepEqual(starts("2.0.0"), ["start 2.0.0 2.0.0 - 2000"]);
  assert.equal((await node.ask())?.version, "2.0.0");

  await approve("2.1.0", "ends", "soft-fork", 3000);
  finalize(2998);
  await decidedAt(2998);
  assert.deepEqual(starts("2.1.0"), []);
  finalize(2999);
  await until("it was taken back", () => run.said().includes("2.0.0 runs again"));
  await until("the old version runs again", () => starts("2.0.0").length === 2);
  finalize(3100);
  await decidedAt(3100);
  await until("it was decided anew", () => run.said().includes("has failed on this node"));
  const { current, failed } = await json(["status", ...at]);
  assert.deepEqual([current.version, failed[0].version, failed[0].activationHeight], ["2.0.0", "2.1.0", 3000]);
  assert.equal(starts("2.1.0").length, 1);
  assert.ok(!node.log().includes("two"));
  process.kill(run.child.pid ?? 0, "SIGTERM");
  assert.equal((await run.outcome).code, 7, run.said());
});

test("beyond a hard fork there is no way back: run stops and starts nothing, also the next time", async () => {
  await approve("3.0.0", "ends", "hard-fork", 4000, "--switch", "before", "--switch-from", "3900");
  const args = ["run", "--offline", "--poll", "0.05", "--health-url", node.url, ...at, "--", ...node.command];
  const before = starts("2.0.0").length;
  const first = startDchat(args);
  after(() => first.child.kill("SIGKILL"));
  await until("the old version runs", () => starts("2.0.0").length > before);
  finalize(4000); // late: it was looked at only after the fork
  const ended = await first.outcome;
  assert.equal(ended.code, 46, ended.stderr);
  assert.match(ended.stderr, /would fork/);
  assert.equal(await node.ask(), undefined);
  const { current, switching } = await json(["status", ...at]);
  assert.deepEqual([current.version, switching.end], ["3.0.0", "new"]);
  assert.equal((await startDchat(args).outcome).code, 46);
  assert.equal(starts("3.0.0").length, 2);
  assert.equal(starts("2.0.0").length, before + 1);
});
