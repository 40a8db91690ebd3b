// A node that knows no mirror fetches from one that its peer names; its configuration never hears of it. docs/gossip.md.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Running, startDchat } from "../support/bundled-cli.ts";
import { CA_FILE } from "../support/http-server.ts";
import { startLyingMirror } from "../support/lying-mirror.ts";
import { until } from "../support/until.ts";
import { createNetwork, filesOf, json, succeed } from "./network.ts";

const network = await createNetwork();
const mirror = await startLyingMirror({ tls: true });
mirror.serve(filesOf(network.repo));
const running: Running[] = [];
after(async () => {
  for (const { child } of running) child.kill("SIGKILL");
  await Promise.all(running.map((r) => r.outcome));
  await mirror.close();
});

let addresses = 0;
const TRUSTING = ["--ca-file", CA_FILE, "--allow-private"];

async function start(home: string, ...args: readonly string[]): Promise<Running & { address: string }> {
  const listen = `/ip4/127.81.0.${++addresses}/tcp/0`;
  const daemon = startDchat(["daemon", "--home", home, "--listen", listen, "--ca-file", CA_FILE, ...args]);
  running.push(daemon);
  await until("it listens", () => /listening on (\S+)/.test(daemon.said()) || daemon.child.exitCode !== null);
  return { ...daemon, address: /listening on (\S+)/.exec(daemon.said())?.[1] ?? "" };
}

const artifactAsked = () => mirror.questions.filter((q) => q.path.startsWith("targets/dchat/")).length;

test("a hinted mirror serves where nothing else does, is not written down, and not asked when it is private", async () => {
  const tellerHome = await network.initialised(mirror.url);
  await succeed(["check", "--home", tellerHome, "--ca-file", CA_FILE]);
  const teller = await start(tellerHome, "--allow-private");

  const careful = await network.initialised("http://127.0.0.1:9");
  await succeed(["configure-auto-update", "--enabled", "--home", careful]);
  const refusing = await start(careful, "--peer", teller.address);
  await until("it has tried", () => refusing.said().includes("a download will be tried again"));
  assert.equal(artifactAsked(), 0);

  const home = await network.initialised("http://127.0.0.1:9");
  await succeed(["configure-auto-update", "--enabled", "--home", home]);
  const fetching = await start(home, "--peer", teller.address, ...TRUSTING.slice(2));
  await until("it has 1.0.0", () => fetching.said().includes(`most of it from ${mirror.url}`));
  assert.ok(artifactAsked() > 0);
  const { mirrors } = await json(["list-mirrors", "--home", home]);
  assert.deepEqual(mirrors.map((m: { url: string }) => m.url), ["http://127.0.0.1:9"]);
  const health = join(home, "mirror-health.json");
  assert.ok(!existsSync(health) || !readFileSync(health, "utf8").includes(mirror.url));
});
