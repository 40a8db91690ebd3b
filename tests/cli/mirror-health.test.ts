// What commands remember of mirrors from one run to the next, and what follows from it. docs/cli.md, "list-mirrors".
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Answer, gives, type LyingMirror } from "../support/lying-mirror.ts";
import { createNetwork, expect, filesOf, json, PLATFORM, succeed } from "./network.ts";

const network = await createNetwork();
const hangsUp: Answer = ({ response }) => void response.destroy();
const healthFile = (home: string) => join(home, "mirror-health.json");

/** Changes what is remembered of one mirror, as time would. */
function remember(home: string, url: string, fields: Record<string, unknown>): void {
  const document = JSON.parse(readFileSync(healthFile(home), "utf8"));
  Object.assign(document.mirrors[url], fields);
  writeFileSync(healthFile(home), JSON.stringify(document));
}

// deno-lint-ignore no-explicit-any -- tests look into documents whose shape tests/cli/schemas.test.ts asserts
async function healthOf(home: string, { url }: Pick<LyingMirror, "url">): Promise<any> {
  const { mirrors } = await json(["list-mirrors", "--home", home]);
  return mirrors.find((m: { url: string }) => m.url === url)?.health;
}

test("a mirror that fails is set aside after three runs in a row, still asked, and welcome back at once", async () => {
  const good = await network.mirror(), flaky = await network.mirror();
  const home = await network.initialised(flaky.url, good.url);
  assert.equal(await healthOf(home, flaky), null, "nothing is known yet");
  flaky.serve(new Map(), { "": hangsUp });
  for (const run of [1, 2, 3]) {
    await succeed(["check", "--home", home]);
    const { consecutiveFailures, setAsideUntil, failures } = await healthOf(home, flaky);
    assert.deepEqual([failures, consecutiveFailures, setAsideUntil !== null], [run, run, run === 3]);
  }
  const { stdout } = await succeed(["list-mirrors", "--home", home]);
  const [, first = "", second = ""] = stdout.split("\n");
  assert.match(first, new RegExp(`fresh +0/3 +0 +${good.url}$`));
  assert.match(second, new RegExp(`3/3 +0 +${flaky.url} +failed 3 times in a row: set aside until 20.* UTC$`));
  const status = await succeed(["status", "--home", home]);
  assert.match(
    status.stdout,
    new RegExp(`^mirrors: 2; .*\\n.*${flaky.url} failed 3 times in a row: set aside until 20`, "m"),
  );
  const { mirrors } = await json(["list-mirrors", "--home", home]);
  assert.deepEqual((await json(["status", "--home", home])).mirrors, mirrors);
  assert.match((await succeed(["test-mirrors", "--home", home])).stdout, /failed 4 times in a row: set aside until/);
  flaky.serve(filesOf(network.repo));
  await succeed(["check", "--home", home]);
  const { consecutiveFailures, setAsideUntil, freshness } = await healthOf(home, flaky);
  assert.deepEqual([consecutiveFailures, setAsideUntil, freshness], [0, null, "fresh"]);
});

test("the only mirror is never given up, however often it fails", async () => {
  const only = await network.mirror();
  const home = await network.initialised(only.url);
  only.serve(new Map(), { "": hangsUp });
  for (let run = 0; run < 4; run++) await expect(20, ["check", "--home", home]);
  const { failures, setAsideUntil } = await healthOf(home, only);
  assert.deepEqual([failures, setAsideUntil], [4, null]);
  only.serve(filesOf(network.repo));
  await succeed(["check", "--home", home]);
});

test("a --ca-file that is none is the operator's mistake: no mirror is blamed for it, or praised", async () => {
  const home = network.newHome(), caFile = join(network.folder, "none.pem");
  await succeed(["init", "--repo", "https://localhost:9", "--root", network.rootFile, "--home", home]);
  for (const content of ["no certificate", "-".repeat((1 << 20) + 1)]) {
    writeFileSync(caFile, content);
    for (const command of ["check", "test-mirrors"]) {
      const { stderr } = await expect(2, [command, "--home", home, "--ca-file", caFile]);
      assert.match(stderr, /^error E_USAGE: "[^"]*none\.pem" .*\n {2}--ca-file wants /m);
    }
  }
  assert.deepEqual((await json(["alerts", "--home", home])).alerts, []);
  assert.equal(await healthOf(home, { url: "https://localhost:9" }), null);
});

test("a mirror that lied is asked last for a week, and shown", async () => {
  const good = await network.mirror(), liar = await network.mirror();
  const home = await network.initialised(liar.url, good.url);
  liar.serve(filesOf(network.repo), { "metadata/timestamp.json": gives((b) => b.toReversed()) });
  await succeed(["check", "--home", home]);
  const { lies, lastLie, askedLastUntil } = await healthOf(home, liar);
  assert.equal(lies, 1);
  assert.equal(Date.parse(askedLastUntil) - Date.parse(lastLie), 7 * 86_400_000);
  const { mirrors } = await json(["list-mirrors", "--home", home]);
  assert.deepEqual(mirrors.map((m: { url: string; priority: number }) => [m.url, m.priority]), [
    [good.url, 100],
    [liar.url, 100],
  ]);
  assert.match((await succeed(["list-mirrors", "--home", home])).stdout, /has lied: asked last until 20/);
  remember(home, liar.url, { lastLie: "2020-01-01T00:00:00Z" });
  assert.equal((await healthOf(home, liar)).askedLastUntil, null);
});

const download = (version: string, home: string) =>
  ["download", "--version", version, "--platform", PLATFORM, "--home", home] as const;

test("a download remembers what each mirror gave, and whoever gave a wrong piece gets no question the next time", async () => {
  const good = await network.mirror(), liar = await network.mirror();
  const home = await network.initialised(liar.url, good.url);
  const files = filesOf(network.repo);
  const artifacts = [...files.keys()].filter((path) => path.startsWith("targets/"));
  const lies = Object.fromEntries(artifacts.map((path) => [path, gives((b) => b.toReversed())]));
  liar.serve(files, lies);
  await succeed(download("1.0.0", home));
  const accused = await healthOf(home, liar), honest = await healthOf(home, good);
  assert.ok(accused.lies >= 1 && accused.askedLastUntil !== null);
  assert.ok(honest.successes === 1 && honest.bytesPerSecond > 0 && honest.latencyMs >= 1);
  liar.serve(files, lies);
  await succeed(download("0.1.0", home));
  assert.deepEqual(liar.questions.filter((q) => q.path.startsWith("targets/")), []);
  good.serve(new Map());
  liar.serve(files);
  await succeed(download("1.1.0-beta.1", home)); // the liar is not given up: nobody else has it
});

test("a download that fails counts as one failed run, its metadata included", async () => {
  const broken = await network.mirror(), other = await network.mirror(network.oldRepo);
  const home = await network.initialised(broken.url, other.url);
  const files = filesOf(network.repo);
  const paths = [...files.keys()].filter((path) => path.startsWith("targets/"));
  broken.serve(files, Object.fromEntries(paths.map((path) => [path, hangsUp])));
  await expect(20, download("1.0.0", home));
  const { failures, successes, consecutiveFailures } = await healthOf(home, broken);
  assert.deepEqual([failures, successes, consecutiveFailures], [1, 0, 1]);
});

test("a rate that was held down on the operator's word is not the mirror's", async () => {
  const mirror = await network.mirror();
  const home = await network.initialised(mirror.url);
  await succeed([...download("1.0.0", home), "--max-rate", "10M"]);
  const { successes, bytesPerSecond } = await healthOf(home, mirror);
  assert.deepEqual([successes, bytesPerSecond], [1, null]);
});

test("a mirror that lags is stale and no liar, and the up to date come first", async () => {
  const fresh = await network.mirror(), stale = await network.mirror(network.oldRepo);
  const home = await network.initialised(stale.url, fresh.url);
  await succeed(["check", "--home", home]);
  const health = await healthOf(home, stale);
  assert.deepEqual([health.freshness, health.lies, health.failures], ["stale", 0, 0]);
  const { mirrors } = await json(["list-mirrors", "--home", home]);
  assert.deepEqual(mirrors.map((m: { url: string }) => m.url), [fresh.url, stale.url]);
});

test("test-mirrors records latency and rate, and accuses nobody", async () => {
  const mirror = await network.mirror(), liar = await network.mirror();
  const home = await network.initialised(mirror.url, liar.url);
  await succeed(["check", "--home", home]);
  rmSync(healthFile(home));
  liar.serve(new Map([["metadata/timestamp.json", new TextEncoder().encode('{"signed":{},"signatures":[]}')]]));
  await succeed(["test-mirrors", "--home", home]);
  const { latencyMs, bytesPerSecond, successes, timestampVersion } = await healthOf(home, mirror);
  assert.ok(latencyMs >= 1 && bytesPerSecond > 0);
  assert.deepEqual([successes, timestampVersion], [1, 2]);
  const accused = await healthOf(home, liar);
  assert.deepEqual([accused.lies, accused.failures, accused.successes], [0, 0, 0]);
});

test("mirrors of this node's region come first, and what a mirror is worth is remembered for each", async () => {
  const home = network.newHome(), at = ["--home", home];
  const add = (url: string, region: string) => succeed(["add-mirror", "--url", url, "--region", region, ...at]);
  await add("https://us.example", "us");
  await add("https://eu.example", "eu");
  const urls = async () => (await json(["list-mirrors", ...at])).mirrors.map((m: { url: string }) => m.url);
  assert.deepEqual(await urls(), ["https://us.example", "https://eu.example"]);
  assert.deepEqual(await json(["configure-mirrors", "--region", "EU", ...at]), { region: "EU", signedMirrors: true });
  assert.deepEqual(await urls(), ["https://eu.example", "https://us.example"]);
  assert.equal((await json(["show-config", ...at])).region, "EU");
  assert.match((await succeed(["show-config", ...at])).stdout, /^region +EU$/m);
  await succeed(["configure-mirrors", "--region", "none", ...at]);
  assert.equal((await json(["show-config", ...at])).region, null);
  assert.deepEqual(await urls(), ["https://us.example", "https://eu.example"]);
});

test("init takes the region, and keeps an earlier one", async () => {
  const mirror = await network.mirror(), home = network.newHome();
  const init = ["init", "--repo", mirror.url, "--root", network.rootFile, "--home", home];
  await succeed([...init, "--region", "eu"]);
  await succeed(init);
  assert.equal((await json(["show-config", "--home", home])).region, "eu");
});

test("a region in config.json that is no line is refused with its name", async () => {
  const home = network.newHome();
  await succeed(["configure-mirrors", "--region", "eu", "--home", home]);
  const file = join(home, "config.json");
  writeFileSync(file, readFileSync(file, "utf8").replace('"eu"', "7"));
  assert.match((await expect(44, ["show-config", "--home", home])).stderr, /config\.json\.region: must be a string/);
});

test("a damaged memory is told, and stops nothing", async () => {
  const mirror = await network.mirror();
  const home = await network.initialised(mirror.url);
  writeFileSync(healthFile(home), "{");
  const { stderr } = await succeed(["check", "--home", home]);
  assert.match(stderr, /what was known of the mirrors is not used: mirror-health\.json/);
  assert.ok(existsSync(`${healthFile(home)}.damaged`));
  assert.equal((await healthOf(home, mirror)).successes, 1);
});

test("a memory that cannot be written is told, and stops nothing", async () => {
  const mirror = await network.mirror();
  const home = await network.initialised(mirror.url);
  mkdirSync(healthFile(home));
  const { stderr } = await succeed(["check", "--home", home]);
  assert.match(stderr, /what was learnt of the mirrors could not be kept: /);
});

test("passwords and tokens of a mirror are not remembered", async () => {
  const mirror = await network.mirror();
  const home = await network.initialised(mirror.url.replace("//", "//me:secret@") + "?token=secret");
  await succeed(["check", "--home", home]);
  assert.doesNotMatch(readFileSync(healthFile(home), "utf8"), /secret/);
  assert.equal((await healthOf(home, mirror)).successes, 1);
});
