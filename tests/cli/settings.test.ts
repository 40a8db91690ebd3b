// What the node may do by itself, and what was refused. docs/cli.md, "configure-auto-update, show-config", "alerts".
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gives } from "../support/lying-mirror.ts";
import { createNetwork, expect, filesOf, json, PLATFORM, succeed } from "./network.ts";

const network = await createNetwork();

const SPELLINGS: readonly (readonly [boolean, ...string[]])[] = [
  [true, "--enabled"],
  [true, "--enabled", "true"],
  [true, "--enabled=yes"],
  [true, "--enabled", "on"],
  [false, "--no-enabled"],
  [false, "--enabled=false"],
  [false, "--enabled", "no"],
  [false, "--enabled", "off"],
];

for (const [wanted, ...args] of SPELLINGS) {
  test(`configure-auto-update ${args.join(" ")} means ${wanted}`, async () => {
    const at = ["--home", network.newHome()];
    await succeed(["configure-auto-update", wanted ? "--no-enabled" : "--enabled", ...at]);
    const { autoUpdate } = await json(["configure-auto-update", ...args, ...at]);
    assert.equal(autoUpdate.enabled, wanted);
    assert.equal((await json(["show-config", ...at])).autoUpdate.enabled, wanted);
  });
}

test("a setting in front of another option takes no value from it", async () => {
  const at = ["--home", network.newHome()];
  const { autoUpdate } = await json([
    "configure-auto-update",
    "--enabled",
    "--security-only",
    "--channel",
    "beta",
    ...at,
  ]);
  assert.deepEqual([autoUpdate.enabled, autoUpdate.securityOnly, autoUpdate.channel], [true, true, "beta"]);
});

test("what is not named stays", async () => {
  const at = ["--home", network.newHome()];
  const all = ["--check-interval", "6", "--auto-restart", "--no-background-download", "--pin", "1.0.0"];
  await succeed(["configure-auto-update", "--enabled", "--security-only", "--channel", "nightly", ...all, ...at]);
  const { autoUpdate } = await json(["configure-auto-update", "--check-interval", "12", ...at]);
  assert.deepEqual(autoUpdate, {
    enabled: true,
    securityOnly: true,
    checkIntervalHours: 12,
    autoRestart: true,
    backgroundDownload: false,
    channel: "nightly",
    pin: "1.0.0",
  });
  assert.equal((await json(["configure-auto-update", "--pin", "none", ...at])).autoUpdate.pin, null);
});

const REFUSED: readonly (readonly string[])[] = [
  ["--enabled=maybe"],
  ["--check-interval", "0"],
  ["--check-interval", "9000"],
  ["--check-interval", "1e2"],
  ["--channel", "edge"],
  ["--pin", "latest"],
];

for (const args of REFUSED) {
  test(`configure-auto-update refuses ${args.join(" ")} and changes nothing`, async () => {
    const home = network.newHome();
    await expect(2, ["configure-auto-update", ...args, "--home", home]);
    assert.equal(existsSync(join(home, "config.json")), false);
  });
}

test("fields of config.json that this version does not know survive a change", async () => {
  const home = network.newHome(), file = join(home, "config.json");
  await succeed(["configure-auto-update", "--enabled", "--home", home]);
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")), gossip: { port: 1 } }));
  await succeed(["add-mirror", "--url", "https://a.example", "--home", home]);
  assert.deepEqual(JSON.parse(readFileSync(file, "utf8")).gossip, { port: 1 });
});

test("a config.json that does not read is damage, and is not overwritten", async () => {
  const home = network.newHome(), file = join(home, "config.json");
  await succeed(["configure-auto-update", "--enabled", "--home", home]);
  const texts = ["{", '{"format":"dchat-config-2"}', '{"format":"dchat-config-1","mirrors":[],"mirrors":[]}'];
  for (const text of [...texts, " ".repeat((1 << 20) + 1)]) {
    writeFileSync(file, text);
    for (const command of [["show-config"], ["configure-auto-update", "--no-enabled"], ["list-mirrors"]]) {
      const { stderr } = await expect(44, [...command, "--home", home]);
      assert.match(stderr, /^error E_STATE_CORRUPT: .*config\.json.*\n {2}mend or restore the file: docs\/formats\.md/);
    }
    assert.equal(readFileSync(file, "utf8"), text);
  }
});

test("a refused package is an alert: check shows it until it is acknowledged", async () => {
  const mirror = await network.mirror(), liar = await network.mirror();
  const served = filesOf(network.repo);
  const artifacts = [...served.keys()].filter((path) => path.startsWith("targets/"));
  liar.serve(served, Object.fromEntries(artifacts.map((path) => [path, gives((bytes) => bytes.toReversed())])));
  const home = await network.initialised(mirror.url);
  const at = ["--home", home];
  await succeed(["add-mirror", "--url", liar.url, "--priority", "1", ...at]);
  const { refused, source } = await json(["download", "--version", "1.0.0", "--platform", PLATFORM, ...at]);
  assert.deepEqual([source, refused.map((r: { code: string }) => r.code)], [mirror.url, ["E_HASH_MISMATCH"]]);

  const { alerts } = await json(["alerts", ...at]);
  assert.equal(alerts.length, 1);
  const { time, message, ...what } = alerts[0];
  assert.deepEqual(what, { source: liar.url, what: "dchat-1.0.0-linux-x64", code: "E_HASH_MISMATCH" });
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  assert.match(message, /other bytes than the signed ones in piece 0/);
  const line = new RegExp(
    `🚨 1 open alert:\n {2}\\S+ {2}${liar.url} {2}dchat-1\\.0\\.0-linux-x64 {2}E_HASH_MISMATCH\n`,
  );
  assert.match((await succeed(["check", ...at])).stdout, line);
  assert.deepEqual((await json(["check", ...at])).alerts, alerts);

  assert.equal((await json(["alerts", "--ack", ...at])).acknowledged, 1);
  assert.deepEqual(await json(["alerts", ...at]), { alerts: [], acknowledged: 0 });
  assert.doesNotMatch((await succeed(["check", ...at])).stdout, /alert/);
  assert.match(readFileSync(join(home, "alerts.acknowledged.log"), "utf8"), /E_HASH_MISMATCH/);
  assert.match((await succeed(["alerts", ...at])).stdout, /^no open alerts\n$/);
});
