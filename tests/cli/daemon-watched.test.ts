// What whoever watches a daemon is told when something is wrong with it: /healthz, /metrics, alerts. docs/gossip.md,
// "Watching it".
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { type Running, startDchat } from "../support/bundled-cli.ts";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/until.ts";
import { createNetwork, json, succeed } from "./network.ts";

const network = await createNetwork();
const running = new Set<Running>();
after(async () => {
  for (const { child } of running) child.kill("SIGKILL");
  await Promise.all([...running].map((r) => r.outcome));
});

interface Watched extends Running {
  /** Status and words. */
  health(): Promise<string>;
  /** With its label, if it has one. */
  metric(name: string): Promise<number>;
  stop(): Promise<void>;
}

async function start(home: string, ...args: readonly string[]): Promise<Watched> {
  const port = await freePort();
  const daemon = startDchat(["daemon", "--home", home, "--no-gossip", "--metrics-port", String(port), ...args]);
  running.add(daemon);
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, text: await response.text() };
  };
  await until("it answers", () => ask("/healthz").then(() => true, () => daemon.child.exitCode !== null));
  return {
    ...daemon,
    async health() {
      const { status, text } = await ask("/healthz");
      return `${status} ${text}`;
    },
    async metric(name) {
      const line = (await ask("/metrics")).text.split("\n").find((l) => l.startsWith(`dchat_update_${name} `));
      return Number(line?.split(" ").at(-1));
    },
    async stop() {
      process.kill(daemon.child.pid ?? 0, "SIGTERM");
      const { code, stderr } = await daemon.outcome;
      running.delete(daemon);
      assert.equal(code, 0, stderr);
    },
  };
}

test("settings and a current.json that cannot be read are told, once each, until they can", async () => {
  const mirror = await network.mirror(), home = await network.initialised(mirror.url);
  await succeed(["configure-auto-update", "--enabled", "--no-background-download", "--home", home]);
  const daemon = await start(home);
  await until("it has asked", async () => await daemon.metric('checks_total{result="ok"}') === 1);
  const config = join(home, "config.json"), whole = readFileSync(config);
  for (const [file, mended] of [[config, whole], [join(home, "current.json"), undefined]] as const) {
    writeFileSync(file, "{");
    await until("it is unwell", async () => /^503 .*E_STATE_CORRUPT/.test(await daemon.health()));
    if (mended !== undefined) writeFileSync(file, mended);
    else writeFileSync(file, JSON.stringify({ version: "1.0.0" }));
    await until("it is well", async () => await daemon.health() === "200 ok\n");
  }
  assert.equal(await daemon.metric('checks_total{result="failed"}'), 0, "no mirror was asked");
  const { alerts } = await json(["alerts", "--home", home]);
  assert.ok(
    alerts.some((a: { code: string; source: string }) => a.code === "E_STATE_CORRUPT" && a.source === "staging"),
  );
  await daemon.stop();
});
