// The supervised node and its chain, from end to end: governors approve, blocks come, the node switches at its block and
// not before, whatever its chain does. docs/chain.md; docs/activation.md, "Running the node".
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { type SimulatedServer, startSimulatedServer } from "../../src/chain/simulated-server.ts";
import { type Running, startDchat } from "../support/bundled-cli.ts";
import { nodeAt, nodeProgram, type RunningNode } from "../support/node-program.ts";
import { createNetwork, json, PLATFORM, succeed } from "./network.ts";

const network = await createNetwork();
const stopping: (() => Promise<unknown>)[] = [];
after(async () => {
  for (const stop of stopping.reverse()) await stop();
});
let count = 0;

/** The small node, which besides ends as it is told: `/end/0` as a program does that halts, `/end/3` as one that crashes. */
function program(version: string): string {
  const code = new TextDecoder().decode(nodeProgram(version));
  const [before, behind] = code.split("(_, answer) => {");
  assert.ok(before !== undefined && behind !== undefined);
  const end =
    "const [, code] = /^\\/end\\/(\\d)$/.exec(_.url) ?? []; if (code !== undefined) process.exit(Number(code));";
  return `${before}(_, answer) => {${end}${behind}`;
}

interface Scene {
  readonly server: SimulatedServer;
  readonly node: RunningNode;
  readonly at: readonly string[];
  readonly running: Running;
  /** The height that counts, as it is kept. */
  kept(): number | undefined;
}

/** A network that begins with 1.0.0 and has approved 2.0.0 from block 120 on; a node at block 100 that runs. */
async function scene(finality: "instant" | "tag:finalized", finalityLag: number): Promise<Scene> {
  const folder = join(network.folder, `scene-${count++}`);
  mkdirSync(folder);
  const server = await startSimulatedServer({ name: folder, finalityLag, height: 100 });
  stopping.push(() => server.close());
  const repo = join(folder, "repo"), key = join(folder, "key.pem"), governor = join(folder, "governor.pem");
  const file = (version: string) => join(folder, version);
  for (const version of ["1.0.0", "2.0.0"]) writeFileSync(file(version), program(version));
  for (const k of [key, governor]) await succeed(["release", "keygen", k]);
  const chain = ["--chain-kind", "simulated", "--chain-genesis", server.chain.genesis, "--chain-finality", finality];
  const root = [...chain, "--min-lead-blocks", "5", "--governor", `${governor.replace(".pem", ".pub")}:1`];
  const genesis = ["--genesis-version", "1.0.0", "--genesis", `${PLATFORM}=${file("1.0.0")}`];
  await succeed(["release", "init", repo, "--network", "run", "--key", key, ...root, ...genesis]);
  const type = finality === "instant" ? "hard-fork" : "soft-fork";
  for (const version of ["1.0.0", "2.0.0"]) {
    const what = ["--version", version, "--platform", PLATFORM, "--format", "executable", "--upgrade-type", type];
    await succeed(["release", "add", repo, file(version), ...what]);
  }
  await succeed(["release", "publish", repo, "--key", key]);
  const upgrade = ["--version", "2.0.0", "--height", "120", "--current-height", "50", "--key", governor];
  await succeed(["governance", "propose", "--repo", repo, ...upgrade]);
  await succeed(["release", "publish", repo, "--key", key]);
  const mirror = await network.mirror(repo), home = join(folder, "home"), at = ["--home", home];
  await succeed(["init", "--repo", mirror.url, "--root", join(repo, "metadata", "1.root.json"), ...at]);
  await succeed(["configure-chain", "--url", server.url, ...at]);
  await succeed(["configure-auto-update", "--auto-restart", ...at]);
  await succeed(["install", "--version", "1.0.0", ...at]);
  assert.deepEqual(
    (await json(["install", "--upcoming", ...at])).upcoming.map((one: { version: string }) => one.version),
    ["2.0.0"],
  );
  assert.deepEqual((await json(["install", "--upcoming", ...at])).upcoming, []);
  mkdirSync(join(folder, "node"));
  const node = await nodeAt(join(folder, "node"));
  const running = startDchat(["run", ...at, "--health-url", node.url, "--poll", "0.05", "--", ...node.command]);
  stopping.push(async () => {
    if (running.child.exitCode === null && running.child.signalCode === null) {
      process.kill(running.child.pid ?? 0, "SIGTERM");
    }
    await running.outcome;
  });
  const kept = () => {
    const heights = join(home, "chain-heights.json");
    if (!existsSync(heights)) return undefined;
    return JSON.parse(readFileSync(heights, "utf8")).chains[`simulated ${server.chain.genesis}`]?.height;
  };
  const s = { server, node, at, running, kept };
  await answers(s, "1.0.0");
  return s;
}

/** Asks until something is so; what is asked is on another process. */
async function eventually(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const answers = (s: Scene, version: string) =>
  eventually(`${version} answers`, async () => (await s.node.ask())?.version === version);
const starts = (s: Scene) => s.node.log().filter((l) => l.startsWith("start")).map((l) => l.split(" ")[1]);
/** Until the supervisor has seen a height and decided by it more than once. */
const seen = async (s: Scene, height: number) => {
  await eventually(`block ${height} was seen`, () => s.kept() === height);
  await new Promise((resolve) => setTimeout(resolve, 300)); // six polls: what happens in them must be nothing
};

test("a chain that finalizes 20 blocks late and reorganises: the switch comes with the final block before, not earlier", async () => {
  const s = await scene("tag:finalized", 20);
  s.server.chain.apply({ produce: 38 });
  await seen(s, 118);
  s.server.chain.apply({ reorg: 19 });
  await seen(s, 118);
  assert.deepEqual(starts(s), ["1.0.0"], s.running.said());
  s.server.chain.apply({ produce: 1 });
  await answers(s, "2.0.0");
  assert.deepEqual(starts(s), ["1.0.0", "2.0.0"]);
  const { current, decision } = await json(["status", ...s.at]);
  assert.deepEqual([current.version, current.activationHeight, decision.run], ["2.0.0", 120, "as-is"]);
});

test("a chain that halts before the block, with its RPC gone: the program's own end is the signal, a crash is none", async () => {
  const s = await scene("instant", 0);
  assert.match(s.node.log()[0] ?? "", /^start 1\.0\.0 1\.0\.0 120 /); // it was told where to halt
  s.server.chain.apply({ produce: 15 });
  await seen(s, 115);
  s.server.chain.apply({ answering: false });
  await fetch(`${s.node.url}end/3`).catch(() => {});
  await eventually("it was started again", () => starts(s).length === 2);
  await answers(s, "1.0.0");
  assert.deepEqual(starts(s), ["1.0.0", "1.0.0"]);
  await fetch(`${s.node.url}end/0`).catch(() => {});
  await answers(s, "2.0.0");
  assert.equal(s.kept(), 115);
  assert.ok(!starts(s).slice(0, 2).includes("2.0.0"));
});

test("a chain that lies upward and falls back: nobody goes back to the older version", async () => {
  const s = await scene("instant", 0);
  s.server.chain.apply({ lieUpward: 200 });
  await answers(s, "2.0.0");
  s.server.chain.apply({ lieUpward: 0 });
  const { chain } = await json(["status", ...s.at]);
  assert.deepEqual([chain.status, chain.finalizedHeight], ["falling", 300]);
  await seen(s, 300);
  assert.deepEqual(starts(s), ["1.0.0", "2.0.0"]);
});

test("what was cancelled in time is not switched to, though it is installed", async () => {
  const s = await scene("instant", 0);
  const folder = join(s.at[1] ?? "", ".."), repo = join(folder, "repo");
  const cancel = ["governance", "cancel", "1", "--current-height", "100", "--key", join(folder, "governor.pem")];
  await succeed([...cancel, "--repo", repo]);
  await succeed(["release", "publish", repo, "--key", join(folder, "key.pem")]);
  const fresh = await network.mirror(repo);
  await succeed(["add-mirror", "--url", fresh.url, "--mirror-type", "https", ...s.at]);
  await succeed(["check", ...s.at]);
  s.server.chain.apply({ produce: 50 });
  await seen(s, 150);
  // It was started again only to be told that it need not halt any more.
  assert.ok(!starts(s).includes("2.0.0"), s.running.said());
  assert.match(s.node.log().at(-1) ?? "", /^start 1\.0\.0 1\.0\.0 - -$/);
});
