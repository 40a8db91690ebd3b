// configure-chain and status through the bundled file, against a chain that does what chains do. docs/chain.md.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { startSimulatedServer } from "../../src/chain/simulated-server.ts";
import { runtimes } from "../runtimes/runtimes.ts";
import { startDialect } from "../support/chain-dialects.ts";
import { createGovernedRepository } from "../support/governed-repository.ts";
import { createSmallDisks, fillDisk } from "../support/small-disk.ts";
import { createNetwork, expect, json, succeed } from "./network.ts";

const network = await createNetwork();
const disks = createSmallDisks();
after(disks.remove);
const server = await startSimulatedServer({ name: "status", finalityLag: 20, height: 500 });
after(() => server.close());
const folder = join(network.folder, "governed");
mkdirSync(folder);
const governed = createGovernedRepository(folder, {
  kind: "simulated",
  genesis: server.chain.genesis,
  finality: "tag:finalized",
});
const mirror = await network.mirror(governed.repo);

/** A home that knows what is published and how to ask the chain. */
async function home(): Promise<string[]> {
  const at = ["--home", network.newHome()];
  await succeed(["init", "--repo", mirror.url, "--root", governed.root, ...at]);
  await succeed(["configure-chain", "--url", server.url, ...at]);
  await succeed(["check", "--platform", "linux-x64", ...at]);
  return at;
}
const status = async (at: string[], ...more: string[]) => await json(["status", ...at, ...more]);
const keptIn = (at: string[]) => {
  const { chains } = JSON.parse(readFileSync(join(at[1] ?? "", "chain-heights.json"), "utf8"));
  return chains[`simulated ${server.chain.genesis}`];
};

test("status asks the chain, says in words how it is, and keeps what is final", async () => {
  const at = await home();
  const { chain } = await status(at);
  assert.deepEqual([chain.status, chain.finalizedHeight, chain.latestHeight], ["ok", 480, 500]);
  assert.equal(keptIn(at).height, 480);
  server.chain.apply({ produce: 10 });
  const { stdout } = await succeed(["status", ...at]);
  assert.match(stdout, /^chain: block 490 is final, 510 the newest$/m);
  const offline = (await status(at, "--offline")).chain;
  assert.deepEqual([offline.status, offline.finalizedHeight, offline.latestHeight], ["not-asked", 490, null]);
});

test("each fault has its own word, and the height that counts stays", async () => {
  const at = await home();
  const { height } = server.chain, final = height - 20;
  const seen = async () => {
    const { chain } = await status(at);
    assert.equal(chain.finalizedHeight, final);
    return [chain.status, chain.code];
  };
  assert.deepEqual(await seen(), ["ok", null]);
  server.chain.apply({ syncing: true });
  assert.deepEqual(await seen(), ["syncing", null]);
  server.chain.apply({ syncing: false, fallBackTo: height - 9 });
  assert.deepEqual(await seen(), ["falling", null]);
  assert.match((await succeed(["status", ...at])).stdout, /chain: falling: fell back to block/);
  server.chain.apply({ produce: 9, answering: false });
  assert.deepEqual(await seen(), ["unreachable", "E_CHAIN"]);
  server.chain.apply({ answering: true });
  const file = join(at[1] ?? "", "chain-heights.json");
  writeFileSync(file, readFileSync(file, "utf8").replace(/"grownAt": "20\d\d/, '"grownAt": "2001'));
  assert.deepEqual(await seen(), ["stuck", null]);
  const other = await startSimulatedServer({ name: "another", height: 9000 });
  try {
    await succeed(["configure-chain", "--url", other.url, ...at]);
    assert.deepEqual(await seen(), ["wrong-chain", "E_WRONG_CHAIN"]);
  } finally {
    await other.close();
  }
});

test("a command is asked as well, and one that cannot be asked is told", async () => {
  const at = await home();
  const said = `printf '{"height": 700, "genesis": "%s"}' "$DCHAT_CHAIN_GENESIS"`;
  await succeed(["configure-chain", "--command", said, ...at]);
  assert.deepEqual((await status(at)).chain.finalizedHeight, 700);
  await succeed(["configure-chain", "--command", "echo nonsense", ...at]);
  assert.deepEqual((await status(at)).chain.status, "unreachable");
  await succeed(["configure-chain", "--url", "none", ...at]);
  const { chain } = await status(at);
  assert.deepEqual([chain.status, chain.finalizedHeight], ["not-configured", 700]);
  assert.match((await succeed(["status", ...at])).stdout, /configure-chain/);
});

test("status says what is decided and why, with the blocks and the time that are left", async () => {
  const at = await home(), file = join(at[1] ?? "", "current.json");
  writeFileSync(file, JSON.stringify({ version: "0.9.0" }));
  await status(at);
  const { decision } = await status(at);
  const [withdrawn, waiting] = decision.why;
  assert.deepEqual([decision.run, decision.prepare], ["as-is", [{ version: "1.0.0", activationHeight: 1000 }]]);
  assert.deepEqual([withdrawn.code, waiting.code], ["withdrawn", "waiting"]);
  assert.equal(waiting.blocksLeft, 999 - (server.chain.height - 20));
  server.chain.apply({ produce: 200 });
  const { stdout } = await succeed(["status", ...at]);
  assert.match(
    stdout,
    /decided: waiting for 1\.0\.0 from block 1000 on, \d+ final blocks until it is switched \(about/,
  );
});

test("it is time, and what is missing is named", async () => {
  const at = await home();
  writeFileSync(join(at[1] ?? "", "current.json"), JSON.stringify({ version: "0.9.0", activationHeight: 1 }));
  await succeed(["configure-auto-update", "--auto-restart", ...at]);
  const due = await status(at, "--current-height", "999");
  assert.deepEqual(due.decision.why.map((r: { code: string }) => r.code), ["withdrawn", "not-staged"]);
});

test("what was approved is noted with the look before it, and a joiner notes nothing", async () => {
  const at = await home();
  const noted = () => {
    const { schedule } = JSON.parse(readFileSync(join(at[1] ?? "", "trust", "state.json"), "utf8"));
    return Object.values(schedule.local).map((x) => (x as { completeSeenHeight: unknown }).completeSeenHeight);
  };
  assert.deepEqual(noted(), [null]); // it has just joined
  const { chain: { finalizedHeight: looked } } = await status(at);
  await succeed(["check", "--platform", "linux-x64", ...at]);
  assert.equal(keptIn(at).lookedHeight, looked);
  server.chain.apply({ produce: 30 });
  await status(at); // it grows, and nobody has looked at the schedule since
  const keys = ["--key", governed.governor("a"), "--key", governed.governor("b")];
  governed.governance("propose", "--version", "1.0.0", "--height", "5000", "--current-height", "900", ...keys);
  governed.publish();
  const fresh = await network.mirror(governed.repo);
  await succeed(["add-mirror", "--url", fresh.url, "--mirror-type", "https", ...at]);
  await succeed(["check", "--platform", "linux-x64", ...at]);
  assert.deepEqual(noted().toSorted(), [looked, null].toSorted());
});

test("show-config shows how the chain is asked, and no key", async () => {
  const at = await home();
  await succeed([
    "configure-chain",
    "--url",
    "https://user:pw@rpc.example/v3/0123456789?k=1",
    "--stuck-after",
    "3",
    ...at,
  ]);
  const { chain } = await json(["show-config", ...at]);
  assert.deepEqual(chain, { url: "https://rpc.example/…", command: null, stuckAfterMinutes: 3 });
  const { stdout } = await succeed(["show-config", ...at]);
  assert.ok(!/0123456789|pw/.test(stdout));
  await expect(2, ["configure-chain", "--url", "ftp://a", ...at]);
  await expect(2, ["configure-chain", "--url", "http://a", "--command", "b", ...at]);
  await succeed(["configure-chain", "--url", "none", ...at]);
  await expect(2, ["configure-chain", "--stuck-after", "5", ...at]);
});

test("heights that do not read are an error, on every runtime", async () => {
  const at = await home();
  await status(at);
  for (const runtime of runtimes()) {
    const { chain } = await json(["status", ...at], 0, { runtime });
    assert.equal(chain.finalizedHeight, server.chain.height - 20, runtime.name);
  }
  writeFileSync(join(at[1] ?? "", "chain-heights.json"), "{}");
  for (const runtime of runtimes()) await expect(44, ["status", ...at], { runtime });
  const { stderr } = await succeed(["check", "--platform", "linux-x64", ...at]); // learning goes on
  assert.match(stderr, /E_STATE_CORRUPT/);
});

test("a height that cannot be kept does not count, and hides nothing else", async () => {
  const disk = disks.mount();
  if (disk === undefined) return;
  const at = ["--home", join(disk, "home")];
  await succeed(["init", "--repo", mirror.url, "--root", governed.root, ...at]);
  await succeed(["configure-chain", "--url", server.url, ...at]);
  const first = (await status(at)).chain.finalizedHeight;
  server.chain.apply({ produce: 1 });
  const makeRoom = fillDisk(disk);
  const { chain } = await status(at);
  assert.deepEqual([chain.status, chain.finalizedHeight], ["not-asked", first]);
  assert.match(chain.words, /cannot be kept/);
  makeRoom();
  assert.equal((await status(at)).chain.finalizedHeight, first + 1);
});

test("an RPC that is asked by POST, and a command: the same on every runtime", async () => {
  const place = join(network.folder, "evm");
  mkdirSync(place);
  const dialect = await startDialect("evm", { height: 700, finalityLag: 7 });
  after(() => dialect.close());
  const evm = createGovernedRepository(place, { kind: "evm", genesis: dialect.genesis, finality: "depth:12" });
  const served = await network.mirror(evm.repo), at = ["--home", network.newHome()];
  await succeed(["init", "--repo", served.url, "--root", evm.root, ...at]);
  for (const runtime of runtimes()) {
    await succeed(["configure-chain", "--url", dialect.url, ...at], { runtime });
    const asked = (await json(["status", ...at], 0, { runtime })).chain;
    assert.deepEqual([asked.status, asked.finalizedHeight, asked.latestHeight], ["ok", 688, 700], runtime.name);
    await succeed(["configure-chain", "--command", "echo 700", ...at], { runtime });
    const printed = (await json(["status", ...at], 0, { runtime })).chain;
    assert.deepEqual([printed.status, printed.finalizedHeight], ["ok", 688], runtime.name);
    await succeed(["configure-chain", "--command", "yes", ...at], { runtime });
    assert.equal((await json(["status", ...at], 0, { runtime })).chain.status, "unreachable", runtime.name);
  }
});
