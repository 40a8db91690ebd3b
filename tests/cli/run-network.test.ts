// run as its operator leaves it alone: it hears of what governors approved, fetches it, makes it ready and switches,
// and nobody types anything. docs/activation.md, "The network half".
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { startSimulatedServer } from "../../src/chain/simulated-server.ts";
import { runtimes } from "../runtimes/runtimes.ts";
import { startDchat } from "../support/bundled-cli.ts";
import { freePort } from "../support/free-port.ts";
import { createCrowd, type CrowdNode } from "../support/governed-crowd.ts";
import { heldAnswer } from "../support/held-answer.ts";
import { startLyingMirror } from "../support/lying-mirror.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { until } from "../support/until.ts";
import { expect, filesOf, json, succeed } from "./network.ts";

const NOWHERE = "http://127.0.0.1:9";
const folder = tempFolder("run-network");
const chain = await startSimulatedServer({ name: "crowd", height: 1200, finalityLag: 0 });
const crowd = createCrowd(folder, { kind: "simulated", genesis: chain.chain.genesis, finality: "tag:finalized" });
const mirror = await startLyingMirror();
mirror.serve(filesOf(crowd.governed.repo));
after(async () => {
  await crowd.stop();
  await Promise.all([mirror.close(), chain.close()]);
  rmSync(folder, { recursive: true, force: true });
});

const finalize = (height: number) => chain.chain.apply({ produce: height - chain.chain.height });
const keptHeight = (n: CrowdNode) =>
  Object.values<{ height: number }>(JSON.parse(readFileSync(join(n.home, "chain-heights.json"), "utf8")).chains)[0]
    ?.height;
const answers = (n: CrowdNode, version: string) =>
  until(`${version} answers`, async () => (await n.node.ask())?.version === version);

test("two nodes, one of which knows no mirror, follow what governors approve, and nobody types anything", async () => {
  const first = await crowd.join(mirror.url, chain.url), second = await crowd.join(NOWHERE, chain.url);
  const one = first.run(), two = second.run(["--peer", await one.address()]);
  // Nothing was installed: what governs here is fetched and started.
  await Promise.all([answers(first, "1.0.0"), answers(second, "1.0.0")]);

  // A maintainer's node knows of it; nobody else is told.
  crowd.approve("1.1.0", 1300, 1200);
  mirror.serve(filesOf(crowd.governed.repo));
  const maintainer = await crowd.join(mirror.url, chain.url, ["--no-enabled"]);
  await succeed(["check", "--home", maintainer.home]);
  const listen = ["--listen", `/ip4/127.${64 + process.pid % 64}.9.9/tcp/0`];
  const herald = startDchat(["daemon", "--home", maintainer.home, ...listen, "--peer", await one.address()]);
  after(() => herald.child.kill("SIGKILL"));

  const words = /1\.1\.0-linux-x64 is ready to run for block 1300, 100 blocks from now/;
  await Promise.all([one.says(words), two.says(words)]);
  assert.ok([first, second].every((n) => n.isReady("1.1.0")));
  assert.equal((await json(["status", "--home", second.home])).decision.prepare.length, 0);
  finalize(1298);
  assert.equal((await second.node.ask())?.version, "1.0.0");
  finalize(1299);
  await Promise.all([answers(first, "1.1.0"), answers(second, "1.1.0")]);
  // Also what came by gossip alone is noted with the height at which it was seen complete.
  const { schedule } = JSON.parse(readFileSync(join(second.home, "trust", "state.json"), "utf8"));
  assert.equal(Object.values<object>(schedule.local).filter((x) => "completeSeenHeight" in x).length, 2);
  for (const n of [first, second]) {
    assert.deepEqual(n.node.log().filter((l) => l === "two"), []);
    assert.deepEqual((await json(["alerts", "--home", n.home])).alerts, []);
  }
  for (const r of [one, two]) {
    r.signal("SIGTERM");
    assert.equal((await r.outcome).code, 7, r.said());
  }
  assert.deepEqual([first, second].map((n) => existsSync(join(n.home, "daemon.lock"))), [false, false]);
});

test("what is made ready is counted as any download, and not as unready any more", async () => {
  const n = await crowd.join(mirror.url, chain.url), port = await freePort();
  await succeed(["check", "--home", n.home, "--no-gossip"]); // nothing is news then, and nothing makes it look again
  const daemon = startDchat(["daemon", "--home", n.home, "--no-gossip", "--metrics-port", String(port)]);
  after(() => daemon.child.kill("SIGKILL"));
  await until("it is ready", () => /1\.1\.0-linux-x64 is ready to run/.test(daemon.said()));
  assert.match(daemon.said(), /1\.1\.0-linux-x64 is downloaded and proven/);
  const metrics = async () => await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const isCounted = (text: string) =>
    /^dchat_update_unready_upgrades 0$/m.test(text) && /^dchat_update_staged_total [1-9]/m.test(text);
  await until("nothing is unready", async () => isCounted(await metrics()), 5_000);
  assert.match(await metrics(), /^dchat_update_downloads_total\{source="https"\} [1-9]/m);
  assert.match(await metrics(), /^dchat_update_received_bytes_total [1-9]/m);
  process.kill(daemon.child.pid ?? 0, "SIGTERM");
  await daemon.outcome;
});

test("a daemon is told that run does its work, and one that was first is left alone", async () => {
  const n = await crowd.join(mirror.url, chain.url), run = n.run();
  await answers(n, "1.1.0"); // a new node begins with what governs now
  await run.address();
  const { stderr } = await expect(42, ["daemon", "--home", n.home]);
  assert.match(stderr, /`run` \(process \d+\) does the daemon's work/);
  run.signal("SIGTERM");
  await run.outcome;

  const listen = ["--listen", `/ip4/127.${64 + process.pid % 64}.9.10/tcp/0`];
  const daemon = startDchat(["daemon", "--home", n.home, ...listen]);
  after(() => daemon.child.kill("SIGKILL"));
  await until("it listens", () => daemon.said().includes("listening"));
  const again = n.run();
  await again.says(/the network is left to it/);
  assert.equal((await n.node.ask())?.version, "1.1.0");
  process.kill(daemon.child.pid ?? 0, "SIGTERM");
  await daemon.outcome;
  await again.address(); // it takes over
  again.signal("SIGTERM");
  await again.outcome;
});

test("a network half that cannot listen still fetches, and one that is killed comes back; the node sees nothing", async () => {
  const n = await crowd.join(mirror.url, chain.url);
  const other = await crowd.join(mirror.url, chain.url, ["--no-enabled"]);
  const holder = startDchat([
    "daemon",
    "--home",
    other.home,
    "--listen",
    `/ip4/127.${64 + process.pid % 64}.9.11/tcp/0`,
  ]);
  after(() => holder.child.kill("SIGKILL"));
  await until("it listens", () => holder.said().includes("listening"));
  const taken = /listening on (\S+?)\/p2p/.exec(holder.said())?.[1] ?? "";
  const run = startDchat([
    ...["run", "--home", n.home, "--health-url", n.node.url, "--poll", "0.1", "--listen", taken],
    ...["--", ...n.node.command],
  ]);
  after(() => run.child.kill("SIGKILL"));
  await answers(n, "1.1.0");
  assert.match(run.said(), /there is no gossip; it will be tried again/);
  const pid = (await n.node.ask())?.pid;
  const half = () => JSON.parse(readFileSync(join(n.home, "daemon.lock"), "utf8")).pid as number;
  const first = half();
  process.kill(first, "SIGKILL");
  process.kill(holder.child.pid ?? 0, "SIGTERM");
  await holder.outcome;
  await until("it listens now", () => run.said().includes("listening on"));
  assert.notEqual(half(), first);
  assert.equal((await n.node.ask())?.pid, pid);
  process.kill(run.child.pid ?? 0, "SIGTERM");
  assert.equal((await run.outcome).code, 7);
});

test("a hard fork that is approved while the node runs is told to it at a block of its own, long before", async () => {
  const n = await crowd.join(mirror.url, chain.url), run = n.run(["--no-gossip"]);
  await answers(n, "1.1.0");
  const starts = () => n.node.log().filter((line) => line.startsWith("start 1.1.0"));
  crowd.approve("2.0.0", 3300, 1299, {
    upgradeType: "hard-fork",
    more: ["--switch", "before", "--switch-from", "3200"],
  });
  mirror.serve(filesOf(crowd.governed.repo));
  await succeed(["check", "--home", n.home, "--no-gossip"]);
  await run.says(/told by a restart at block \d+/);
  const block = Number(/told by a restart at block (\d+)/.exec(run.said())?.[1]);
  assert.ok(block > 1299 && block < 2300, String(block));
  finalize(block - 1);
  await until("it was seen", () => keptHeight(n) === block - 1);
  assert.deepEqual(starts(), ["start 1.1.0 1.1.0 - 1300"]);
  finalize(block);
  await until("it is told", () => starts().length === 2);
  assert.equal(starts()[1], "start 1.1.0 1.1.0 3300 1300");
  run.signal("SIGTERM");
  await run.outcome;
});

test("with auto-restart off a version is ready, waits, and what to type is said before and when it is time", async () => {
  const n = await crowd.join(mirror.url, chain.url, ["--enabled"]), run = n.run(["--no-gossip"]);
  await run.says(/auto-restart is off: when it is time, type dchat-update activate --version 2\.0\.0/);
  await until("it is ready", () => n.isReady("2.0.0"));
  finalize(3260); // every node's place is in the first half of the window
  await run.says(/it is time for 2\.0\.0 .*, which waits for you: dchat-update activate --version 2\.0\.0/);
  const { stdout } = await succeed(["status", "--home", n.home]);
  assert.match(stdout, /it is time for 2\.0\.0 .*, which waits for you/);
  assert.equal((await n.node.ask())?.version, "1.1.0");
  await succeed(["activate", "--version", "2.0.0", "--home", n.home]);
  assert.equal((await n.node.ask())?.version, "2.0.0");
  run.signal("SIGTERM");
  await run.outcome;
});

test("without auto-update nothing is fetched, and what is approved is announced with what to type", async () => {
  const n = await crowd.join(mirror.url, chain.url, ["--no-enabled"]);
  await succeed(["check", "--home", n.home, "--no-gossip"]);
  const run = n.run(["--no-gossip"]);
  await run.says(/approved, and not installed here: .*2\.0\.0 from block 3300 on.* dchat-update install --upcoming/);
  assert.equal(existsSync(join(n.home, "versions")), false);
  run.signal("SIGTERM");
  await run.outcome;
});

test("what does not pass its trial is not installed, and that is loud; without a trial it is", async () => {
  const n = await crowd.join(mirror.url, chain.url), port = 40_000 + process.pid % 20_000;
  const run = n.run(["--no-gossip", "--preflight-cmd", "exit 3", "--metrics-port", String(port)]);
  await run.says(/2\.0\.0, approved from block 3300 on, is not ready to run here: .* did not pass its preflight/);
  const ask = async (path: string) => await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  await until("it is unwell", async () => /E_SWITCH_FAILED: .* did not pass its preflight/.test(await ask("/healthz")));
  assert.match(await ask("/metrics"), /^dchat_update_unready_upgrades [12]$/m);
  assert.match(await ask("/metrics"), /^dchat_update_staging_failures_total [1-9]/m);
  assert.deepEqual(readdirSync(join(n.home, "versions")).filter((name) => !name.startsWith(".")), []);
  const { alerts } = await json(["alerts", "--home", n.home]);
  assert.ok(alerts.some((x: { code: string; what: string }) => x.code === "E_SWITCH_FAILED" && x.what === "2.0.0"));
  run.signal("SIGTERM");
  await run.outcome;
  const again = n.run(["--no-gossip"]);
  await until("it is ready", () => n.isReady("2.0.0"));
  again.signal("SIGTERM");
  await again.outcome;
});

test("killed while a version is tried out, both halves: it is not ready, and the next run makes it so", async () => {
  const n = await crowd.join(mirror.url, chain.url), trial = join(n.node.folder, "trial");
  const run = n.run(["--no-gossip", "--preflight-cmd", `echo $$ > '${trial}'; exec sleep 60`]);
  await until("it is tried out", () => existsSync(trial) && readFileSync(trial, "utf8").endsWith("\n"));
  const half = JSON.parse(readFileSync(join(n.home, "daemon.lock"), "utf8")).pid;
  run.signal("SIGKILL");
  process.kill(half, "SIGKILL");
  process.kill(Number(readFileSync(trial, "utf8")), "SIGKILL");
  await until("they are gone", () => run.child.exitCode !== null || run.child.signalCode !== null);
  assert.deepEqual(["1.1.0", "2.0.0"].filter((v) => n.isReady(v)), []);
  const again = n.run(["--no-gossip"]);
  await until("all is ready", () => n.isReady("1.1.0") && n.isReady("2.0.0"));
  await until("the draft is gone", () => readdirSync(join(n.home, "versions")).every((name) => !name.startsWith(".")));
  again.signal("SIGTERM");
  await again.outcome;
});

test("what is being fetched to be made ready is given up when it is not wanted any more", async () => {
  const slow = await startLyingMirror(), files = filesOf(crowd.governed.repo), held = heldAnswer(10);
  after(() => slow.close());
  const path = [...files.keys()].find((name) => name.endsWith("dchat-2.0.0-linux-x64")) ?? "";
  slow.serve(files, { [path]: held.answer });
  // The pin keeps everybody else from fetching it.
  const n = await crowd.join(slow.url, chain.url, ["--enabled", "--pin", "1.0.0"]);
  await succeed(["check", "--home", n.home, "--no-gossip"]);
  const run = n.run(["--no-gossip"]);
  await until("it is being fetched", () => slow.questions.some((q) => q.path === path));
  await succeed(["configure-auto-update", "--no-enabled", "--home", n.home]);
  await run.says(/approved, and not installed here: .*2\.0\.0 from block 3300 on/);
  held.release();
  await succeed(["configure-auto-update", "--enabled", "--home", n.home]);
  await until("it is ready", () => n.isReady("2.0.0"));
  assert.doesNotMatch(run.said(), /will be tried again/);
  run.signal("SIGTERM");
  await run.outcome;
});

test("run prints a systemd unit that runs the same command line", async () => {
  const options = ["--home", join(folder, "a home"), "--stop-timeout", "40", "--no-restart", "--metrics-port", "4218"];
  const { stdout } = await succeed(["run", "--print-systemd", ...options, "--", "{program}", "--data", "/a b"]);
  const start = /^ExecStart=(.*)$/m.exec(stdout)?.[1] ?? "";
  assert.match(start, /dchat-update\.mjs run --home "\S+ home" .*--stop-timeout 40/);
  assert.ok(start.includes("--metrics-port 4218") && start.includes("--restart false"), start);
  assert.ok(start.endsWith(`-- "{program}" --data "/a b"`), start);
  assert.match(stdout, /^KillMode=mixed$/m);
  assert.match(stdout, /^TimeoutStopSec=60$/m);
});

for (const runtime of runtimes()) {
  test(`${runtime.name}: the network half of a supervisor that was killed ends by itself`, async () => {
    const n = await crowd.join(mirror.url, chain.url, ["--no-enabled"]), run = n.run([], { runtime });
    await run.address();
    const lock = join(n.home, "daemon.lock");
    run.signal("SIGKILL");
    await until("it is gone", () => !existsSync(lock));
  });
}
