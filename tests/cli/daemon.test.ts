// The daemon as its operator runs it: the bundled file, processes of their own. docs/gossip.md.
import assert from "node:assert/strict";
import { once } from "node:events";
import { chownSync, mkdirSync, readFileSync, realpathSync, utimesSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { runDchat, type Running, startDchat } from "../support/bundled-cli.ts";
import { heldAnswer } from "../support/held-answer.ts";
import { until } from "../support/until.ts";
import { createNetwork, expect, filesOf, json, PLATFORM, succeed } from "./network.ts";

const network = await createNetwork();
const mirror = await network.mirror();
const running = new Set<Running>();
after(async () => {
  for (const { child } of running) child.kill("SIGKILL");
  await Promise.all([...running].map((r) => r.outcome));
});

let addresses = 0;

interface Daemon extends Running {
  readonly home: string;
  readonly address: string;
  /** What its home knows. */
  timestampVersion(): Promise<number | null>;
  stop(): Promise<void>;
}

async function start(home: string, ...args: readonly string[]): Promise<Daemon> {
  const listen = `/ip4/127.78.0.${++addresses}/tcp/0`;
  const daemon = startDchat(["daemon", "--home", home, "--listen", listen, ...args]);
  running.add(daemon);
  await until("it listens", () => /listening on (\S+)/.test(daemon.said()) || daemon.child.exitCode !== null);
  const address = /listening on (\S+)/.exec(daemon.said())?.[1];
  assert.ok(address !== undefined, daemon.said());
  return {
    ...daemon,
    home,
    address,
    timestampVersion: async () =>
      (await json(["list-versions", "--offline", "--home", home])).metadata.timestampVersion,
    async stop() {
      process.kill(daemon.child.pid ?? 0, "SIGTERM");
      const { code, stderr } = await daemon.outcome;
      running.delete(daemon);
      assert.equal(code, 0, stderr);
    },
  };
}

/** What whoever watches a node asks for: his dashboards name them. */
const WATCHED = [
  ...["announcements_total", "announced_total", "lies_total", "versions_discovered_total", "votes_learnt_total"],
  ...["downloads_total", "download_seconds_total", "download_failures_total", "refused_sources_total"],
  ...["received_bytes_total", "given_bytes_total", "verifications_total", "checks_total", "peers"],
  ...["staged_total", "staging_failures_total", "unready_upgrades", "root_version", "timestamp_version"],
];

/** What a page of another name gets that its name server has led to this machine. */
async function statusAs(host: string, port: number): Promise<number | undefined> {
  const asking = request({ host: "127.0.0.1", port, path: "/metrics", headers: { host } }).end();
  const [response] = await once(asking, "response") as [IncomingMessage]; // as Node documents the event
  response.resume();
  return response.statusCode;
}

const learnt = (d: Daemon) => until("it learns of 1.0.0", () => /proven and stored .*1\.0\.0/.test(d.said()));

test("what one node learns from a mirror, its peers have a moment later, on their disks", async () => {
  const first = await start(await network.initialised(mirror.url));
  const second = await start(await network.initialised("http://127.0.0.1:9"), "--peer", first.address);
  const third = await start(await network.initialised("http://127.0.0.1:9"), "--peer", second.address);
  await until("they are connected", () => [first, second, third].every((d) => d.said().includes("connected")));
  await succeed(["check", "--home", first.home, "--platform", PLATFORM]);
  await Promise.all([first, second, third].map(learnt));
  for (const d of [first, second, third]) await d.stop();
  assert.deepEqual([await first.timestampVersion(), await third.timestampVersion()], [2, 2]);
  assert.deepEqual((await json(["alerts", "--home", third.home])).alerts, []);
});

test("a node that was killed comes back with the same identity and all it knew", async () => {
  const first = await start(await network.initialised(mirror.url));
  const home = await network.initialised("http://127.0.0.1:9");
  const killed = await start(home, "--peer", first.address);
  await succeed(["check", "--home", first.home, "--platform", PLATFORM]);
  await learnt(killed);
  killed.child.kill("SIGKILL");
  await killed.outcome;
  const again = await start(home, "--peer", first.address);
  assert.equal(again.address.split("/").at(-1), killed.address.split("/").at(-1));
  assert.equal(await again.timestampVersion(), 2);
  await again.stop();
  await first.stop();
});

test("after a node that was killed in another container one starts, once that has been silent for a minute", async () => {
  const home = await network.initialised(mirror.url), killed = await start(home);
  killed.child.kill("SIGKILL");
  await killed.outcome;
  const lock = join(home, "daemon.lock"), nearlyAMinuteAgo = Date.now() / 1000 - 55;
  writeFileSync(
    lock,
    JSON.stringify({ ...JSON.parse(readFileSync(lock, "utf8")), pidNamespace: "of another container" }),
  );
  utimesSync(lock, nearlyAMinuteAgo, nearlyAMinuteAgo);
  const again = await start(home);
  assert.match(again.said(), /waiting for a daemon that nobody can see from here/);
  await again.stop();
});

test("with auto-update it asks the mirrors by itself", async () => {
  const home = await network.initialised(mirror.url);
  await succeed(["configure-auto-update", "--enabled", "--home", home]);
  const daemon = await start(home);
  await learnt(daemon);
  await daemon.stop();
});

test("with auto-update nodes fetch a release in the background, and from each other", async () => {
  const homes = await Promise.all(
    [mirror.url, "http://127.0.0.1:9", "http://127.0.0.1:9"].map((url) => network.initialised(url)),
  );
  for (const home of homes) await succeed(["configure-auto-update", "--enabled", "--home", home]);
  const [first = "", second = "", third = ""] = homes;
  const downloaded = (d: Daemon) => until("it has 1.0.0", () => d.said().includes("1.0.0-linux-x64 is downloaded"));
  const giver = await start(first);
  await downloaded(giver);
  const relay = await start(second, "--peer", giver.address, "--max-upload", "50M");
  await downloaded(relay);
  await giver.stop();
  const taker = await start(third, "--peer", relay.address);
  await downloaded(taker);
  assert.match(taker.said(), /downloaded and proven \(40\.0 KB, most of it from peer:12D3KooW/);
  const file = join(third, "packages", `dchat-1.0.0-${PLATFORM}`);
  await succeed(["verify", "--package", file, "--version", "1.0.0", "--home", third]);
  await taker.stop();
  await relay.stop();
  assert.equal((await relay.outcome).stdout.includes("Stopped"), true);
});

test("a peer that connects while a mirror has fallen silent gives the release", async () => {
  const silent = await network.mirror(), files = filesOf(network.repo), held = heldAnswer(10_000);
  const path = [...files.keys()].find((name) => name.endsWith(`dchat-1.0.0-${PLATFORM}`)) ?? "";
  silent.serve(files, { [path]: held.answer });
  const homes = await Promise.all([silent.url, mirror.url].map((url) => network.initialised(url)));
  for (const home of homes) await succeed(["configure-auto-update", "--enabled", "--home", home]);
  const [home = "", giverHome = ""] = homes;
  const daemon = await start(home);
  await until("it waits for the mirror", () => silent.questions.some((q) => q.path === path));
  const giver = await start(giverHome, "--peer", daemon.address);
  await until("it has 1.0.0", () => daemon.said().includes("1.0.0-linux-x64 is downloaded"));
  assert.match(daemon.said(), /downloaded and proven \(.*, most of it from peer:12D3KooW/);
  held.release();
  await daemon.stop();
  await giver.stop();
});

test("commands work beside it, and a second daemon of the same home does not", async () => {
  const home = await network.initialised(mirror.url);
  const daemon = await start(home);
  const { stderr } = await expect(42, ["daemon", "--home", home]);
  assert.match(stderr, /a daemon is running on this home already/);
  await succeed(["check", "--home", home, "--platform", PLATFORM]);
  await daemon.stop();
  const next = await start(home);
  await next.stop();
});

test("peers that are named while it runs are connected to", async () => {
  const other = await start(await network.initialised(mirror.url));
  const home = await network.initialised(mirror.url), daemon = await start(home);
  await succeed(["configure-gossip", "--peer", other.address, "--home", home]);
  await until("they are connected", () => daemon.said().includes("connected: 12D3KooW"));
  await daemon.stop();
  await other.stop();
});

test("a download beside the daemon that fetches the same release waits for it, and neither fetches it twice", async () => {
  const slow = await network.mirror(), files = filesOf(network.repo), held = heldAnswer(10_000);
  const path = [...files.keys()].find((name) => name.endsWith(`dchat-1.0.0-${PLATFORM}`)) ?? "";
  slow.serve(files, { [path]: held.answer });
  const home = await network.initialised(slow.url);
  await succeed(["configure-auto-update", "--enabled", "--home", home]);
  const asked = () => slow.questions.filter((q) => q.path === path).length;
  const daemon = await start(home);
  await until("it has begun", () => asked() === 1);
  const download = startDchat(["download", "--version", "1.0.0", "--platform", PLATFORM, "--home", home]);
  await until("the command waits for it", () => /waiting for process \d+/.test(download.said()));
  held.release();
  const { code, stderr } = await download.outcome;
  assert.equal(code, 0, stderr);
  await until("the daemon has it", () => daemon.said().includes("1.0.0-linux-x64 is downloaded"));
  await succeed(["verify", "--package", join(home, "packages", `dchat-1.0.0-${PLATFORM}`), "--home", home]);
  assert.equal(asked(), 1);
  await daemon.stop();
});

for (
  const [settings, then] of [[["--pin", "0.1.0"], /0\.1\.0-linux-x64 is downloaded/], [["--no-enabled"], /$/]] as const
) {
  test(`a download that ${settings[0]} has made unwanted is given up, until it is wanted again`, async () => {
    const slow = await network.mirror(), files = filesOf(network.repo), held = heldAnswer(10_000);
    const path = [...files.keys()].find((name) => name.endsWith(`dchat-1.0.0-${PLATFORM}`)) ?? "";
    slow.serve(files, { [path]: held.answer });
    const home = await network.initialised(slow.url);
    await succeed(["configure-auto-update", "--enabled", "--home", home]);
    const daemon = await start(home);
    await until("it has begun", () => slow.questions.some((q) => q.path === path));
    await succeed(["configure-auto-update", ...settings, "--home", home]);
    await until("it is given up", () => daemon.said().includes("1.0.0-linux-x64 is not wanted any more"));
    await until("what is wanted comes", () => then.test(daemon.said()));
    held.release();
    await succeed(["configure-auto-update", "--enabled", "--pin", "1.0.0", "--home", home]);
    await until("it has 1.0.0", () => daemon.said().includes("1.0.0-linux-x64 is downloaded"));
    await daemon.stop();
    assert.doesNotMatch(daemon.said(), /will be tried again/);
  });
}

test("it tells how it is doing, to this machine alone", async () => {
  const port = 20_000 + process.pid % 20_000;
  const daemon = await start(await network.initialised(mirror.url), "--metrics-port", String(port));
  await succeed(["check", "--home", daemon.home, "--platform", PLATFORM]);
  await learnt(daemon);
  const ask = (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init);
  const health = await ask("/healthz");
  assert.deepEqual([health.status, await health.text()], [200, "ok\n"]);
  const metrics = await (await ask("/metrics")).text();
  assert.match(metrics, /^dchat_update_timestamp_version 2$/m);
  assert.match(metrics, /^dchat_update_versions_discovered_total 4$/m);
  assert.match(metrics, /^dchat_update_announcements_total\{verdict="rejected"\} 0$/m);
  assert.match(metrics, /^dchat_update_verifications_total\{result="failed"\} 0$/m);
  const named = new Set(
    metrics.match(/^dchat_update_\w+(?=[ {])/gm)?.map((name) => name.slice("dchat_update_".length)),
  );
  assert.deepEqual(WATCHED.filter((name) => !named.has(name)), []);
  for (const line of metrics.trimEnd().split("\n")) {
    assert.match(line, /^(# (HELP|TYPE) dchat_update_[a-z_]+ .+|dchat_update_[a-z_]+(\{[a-z]+="[a-z]+"\})? [0-9.]+)$/);
  }
  const refused = [await ask("/"), await ask("/metrics", { method: "POST" })];
  assert.deepEqual(refused.map((r) => r.status), [404, 405]);
  for (const r of refused) await r.text();
  assert.equal(await statusAs("evil.example", port), 403, "a name that was made to lead here");
  await daemon.stop();
});

test("it prints a systemd unit that runs the same command line", async () => {
  const home = join(network.folder, "a home");
  const peer = "/ip4/203.0.113.7/tcp/4217";
  const { stdout } = await succeed(["daemon", "--print-systemd", "--home", home, "--peer", peer, "--allow-private"]);
  const start = /^ExecStart=(.*)$/m.exec(stdout)?.[1] ?? "";
  assert.ok(start.endsWith(`daemon --home "${home}" --peer ${peer} --allow-private`), start);
  assert.match(start, /dchat-update\.mjs daemon/);
  assert.match(stdout, /^NoNewPrivileges=yes$/m);
  assert.ok(stdout.includes(`ReadWritePaths="-${home}"`));
});

for (const command of ["daemon", "run"]) {
  test(`the unit of ${command} works from another folder, speaks as asked, and has the same way to the network`, async () => {
    const cwd = realpathSync(network.folder); // as a process sees it
    const files = ["--ca-file", "own ca.pem", "--preflight-cmd", "./try.sh"];
    const env = {
      HTTPS_PROXY: "http://proxy.example:3128",
      https_proxy: "http://me:secret@proxy.example",
      NO_PROXY: "",
    };
    const { code, stdout, stderr } = await runDchat(
      [command, "--print-systemd", "--home", "home", "--verbose", "--no-color", ...files],
      { cwd, env },
    );
    assert.equal(code, 0, stderr);
    const lines = stdout.split("\n"), start = lines.find((line) => line.startsWith("ExecStart=")) ?? "";
    for (
      const part of [`--home ${join(cwd, "home")}`, `--ca-file "${join(cwd, "own ca.pem")}"`, "--verbose", "--no-color"]
    ) {
      assert.ok(start.includes(part), start);
    }
    assert.ok(lines.includes(`WorkingDirectory=-${cwd}`), stdout);
    assert.deepEqual(lines.filter((line) => line.startsWith("Environment=")), [
      "Environment=HTTPS_PROXY=http://proxy.example:3128",
    ]);
    assert.match(stdout, /^# https_proxy is left out because it may hold a password/m);
    assert.doesNotMatch(stdout, /secret/);
    const plain = await runDchat([command, "--print-systemd", "--home", "home", "--json"], { cwd });
    const { unit } = JSON.parse(plain.stdout);
    assert.match(unit, /^ExecStart=.* --json/m);
    assert.doesNotMatch(unit, /WorkingDirectory|Environment/);
  });

  test(`the unit of ${command} runs as whoever has the home, not as whoever prints it`, async () => {
    const home = join(network.folder, `home of ${command}`);
    const userLine = async () => {
      const { stdout } = await succeed([command, "--print-systemd", "--home", home]);
      return /^User=(.*)$/m.exec(stdout)?.[1];
    };
    const isRoot = process.getuid?.() === 0;
    const own = isRoot ? undefined : userInfo().username;
    assert.equal(await userLine(), own, "no home yet");
    mkdirSync(home);
    assert.equal(await userLine(), own);
    if (!isRoot) return;
    chownSync(home, 54321, 54321);
    assert.equal(await userLine(), "54321");
  });
}

test("its lines are JSON where that was asked for", async () => {
  const home = await network.initialised(mirror.url);
  const daemon = startDchat(["daemon", "--home", home, "--listen", "/ip4/127.78.1.1/tcp/0", "--json"]);
  running.add(daemon);
  await until("it listens", () => daemon.said().includes("\n"));
  process.kill(daemon.child.pid ?? 0, "SIGTERM");
  const { code, stdout, stderr } = await daemon.outcome;
  running.delete(daemon);
  assert.equal(code, 0, stderr);
  assert.equal(JSON.parse(stderr.split("\n")[0] ?? "").event, "listening");
  assert.equal(JSON.parse(stdout).network, "testnet");
});

test("what is no address, and a port that is taken, are told at once", async () => {
  const home = await network.initialised(mirror.url);
  await expect(2, ["daemon", "--home", home, "--listen", "127.0.0.1:4217"]);
  await expect(2, ["daemon", "--home", home, "--peer", "node.example.org"]);
  await expect(43, ["daemon", "--home", network.newHome()]);
  const other = await start(await network.initialised(mirror.url));
  const taken = other.address.replace(/\/p2p\/.*/, "");
  const { stderr } = await expect(41, ["daemon", "--home", home, "--listen", taken]);
  assert.match(stderr, /not possible to listen/);
  await other.stop();
});

test("of several addresses the one that another program has is named, and the others are listened on", async () => {
  const other = await start(await network.initialised(mirror.url));
  const taken = other.address.replace(/\/p2p\/.*/, "");
  const daemon = await start(await network.initialised(mirror.url), "--listen", taken);
  await until("it warns", () => daemon.said().includes(`not listening on ${taken}`));
  assert.equal(daemon.said().split("not listening").length, 2, "once");
  assert.match(daemon.said(), /not listening on .*EADDRINUSE/);
  await daemon.stop();
  await other.stop();
});

test("the key of a node is never printed", async () => {
  const home = await network.initialised(mirror.url);
  const daemon = await start(home, "--verbose");
  await daemon.stop();
  const secret = readFileSync(join(home, "gossip", "identity.pem"), "utf8").split("\n")[1] ?? "";
  const { stdout, stderr } = await daemon.outcome;
  assert.ok(secret.length > 40 && !`${stdout}${stderr}`.includes(secret.slice(20)));
});
