// SIGHUP, on every runtime: a daemon whose terminal is closed ends in good order, but not under nohup. docs/gossip.md.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import process from "node:process";
import { after, test } from "node:test";
import { createNetwork, json } from "../cli/network.ts";
import { homeAt } from "../../src/config/home.ts";
import { type Running, startDchat } from "../support/bundled-cli.ts";
import { until } from "../support/until.ts";
import { type Runtime, runtimes } from "./runtimes.ts";

const network = await createNetwork();
const skip = process.platform === "win32" ? "no SIGHUP there" : false;

async function startDaemon(runtime: Runtime, home: string, under: readonly string[] = []): Promise<Running> {
  const daemon = startDchat(["daemon", "--home", home, "--listen", "/ip4/127.78.4.1/tcp/0"], { runtime, under });
  after(async () => {
    daemon.child.kill("SIGKILL");
    await daemon.outcome;
  });
  await until("it has told what it does", () => existsSync(homeAt(home).nodeReportFile));
  return daemon;
}

for (const runtime of runtimes()) {
  test(`${runtime.name}: a daemon ends in good order with SIGHUP, and twice is as good as once`, { skip }, async () => {
    const home = await network.initialised("http://127.0.0.1:9");
    const { child, outcome } = await startDaemon(runtime, home);
    for (let i = 0; i < 2; i++) process.kill(child.pid ?? 0, "SIGHUP");
    const { code, stdout, stderr } = await outcome;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Stopped/);
    const { nodeReportFile, daemonLock } = homeAt(home);
    assert.deepEqual([nodeReportFile, daemonLock].filter((file) => existsSync(file)), []);
  });
}

// Node resets what it was started with, and other systems do not show it.
const keeping = process.platform === "linux" ? runtimes().filter(({ name }) => !name.startsWith("node")) : [];
for (const runtime of keeping) {
  test(`${runtime.name}: under nohup it goes on`, async () => {
    const home = await network.initialised("http://127.0.0.1:9");
    const { child, outcome } = await startDaemon(runtime, home, ["nohup"]);
    process.kill(child.pid ?? 0, "SIGHUP");
    assert.equal((await json(["status", "--home", home])).node.status, "running");
    process.kill(child.pid ?? 0, "SIGTERM");
    assert.equal((await outcome).code, 0);
  });
}
