// What whoever watches a daemon is told when something is wrong with it: /healthz, /metrics, alerts. docs/gossip.md,
// "Watching it".
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { type Running, startDchat } from "../support/bundled-cli.ts";
import { freePort } from "../support/free-port.ts";
import { gives } from "../support/lying-mirror.ts";
import { until } from "../support/until.ts";
import { createNetwork, filesOf, json, PLATFORM, succeed } from "./network.ts";

const network = await createNetwork();
const artifactPath = [...filesOf(network.repo).keys()].find((name) => name.endsWith(`dchat-1.0.0-${PLATFORM}`)) ?? "";
const running = new Set<Running>();
after(async () => {
  for (const { child } of running) child.kill("SIGKILL");
  await Promise.all([...running].map((r) => r.outcome));
});

/** The same length, and one digit or byte of it is another one. */
function altered(honest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(honest), at = new TextDecoder("latin1").decode(bytes).indexOf('"sig"') + 10;
  bytes[at] = bytes[at] === 0x30 ? 0x31 : 0x30;
  return bytes;
}

interface Watched extends Running {
  /** Status and words. */
  health(): Promise<string>;
  /** At one moment; names with their label, if they have one. */
  metrics(...names: readonly string[]): Promise<number[]>;
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
  async function metrics(...names: readonly string[]): Promise<number[]> {
    const lines = (await ask("/metrics")).text.split("\n");
    return names.map((name) => Number(lines.find((l) => l.startsWith(`dchat_update_${name} `))?.split(" ").at(-1)));
  }
  return {
    ...daemon,
    async health() {
      const { status, text } = await ask("/healthz");
      return `${status} ${text}`;
    },
    metrics,
    metric: async (name) => (await metrics(name))[0] ?? NaN,
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

test("a lie in the metadata of one mirror is counted, also when another tells the truth", async () => {
  const mirror = await network.mirror(), liar = await network.mirror();
  liar.serve(filesOf(network.repo), { "metadata/timestamp.json": gives(altered) });
  const home = await network.initialised(mirror.url, liar.url);
  await succeed(["configure-auto-update", "--enabled", "--no-background-download", "--home", home]);
  const daemon = await start(home);
  await until("it has asked", async () => await daemon.metric('checks_total{result="ok"}') === 1);
  assert.equal(await daemon.metric('verifications_total{result="failed"}'), 1);
  assert.equal(await daemon.metric("refused_sources_total"), 1);
  await daemon.stop();
});

test("of downloads that fail for wrong pieces the bytes and the liar are counted, and it is on record once", async () => {
  const mirror = await network.mirror(), home = await network.initialised(mirror.url);
  mirror.serve(filesOf(network.repo), { [artifactPath]: gives(altered) });
  await succeed(["configure-auto-update", "--enabled", "--home", home]);
  const daemon = await start(home);
  await until("it has failed", async () => await daemon.metric("download_failures_total") > 1);
  const [failures = 0, ...counted] = await daemon.metrics(
    "download_failures_total",
    "refused_sources_total",
    'verifications_total{result="failed"}',
    "received_bytes_total",
  );
  assert.deepEqual(counted, [failures, failures, failures * 40_000]);
  const { alerts } = await json(["alerts", "--home", home]);
  assert.deepEqual(alerts.map((x: { source: string; code: string }) => [x.source, x.code]), [[
    mirror.url,
    "E_HASH_MISMATCH",
  ]]);
  await until(
    "it is unwell",
    async () => /^503 .* failed 3 times in a row: E_HASH_MISMATCH/.test(await daemon.health()),
  );
  await daemon.stop();
});
