// check, list-versions and status ask the network, or the node of their home. docs/gossip.md, "What a command asks".
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { type Running, startDchat } from "../support/bundled-cli.ts";
import { until } from "../support/until.ts";
import { createNetwork, expect, json, PLATFORM, succeed } from "./network.ts";

const network = await createNetwork();
const mirror = await network.mirror();
/** Nobody listens there. */
const DEAD = "http://127.0.0.1:9";
const NOBODY = "/ip4/127.79.1.1/tcp/9";
const running = new Set<Running>();
after(async () => {
  for (const { child } of running) child.kill("SIGKILL");
  await Promise.all([...running].map((r) => r.outcome));
});

let addresses = 0;

async function start(home: string, ...args: readonly string[]): Promise<{ address: string; daemon: Running }> {
  const daemon = startDchat(["daemon", "--home", home, "--listen", `/ip4/127.79.0.${++addresses}/tcp/0`, ...args]);
  running.add(daemon);
  await until("it listens", () => /listening on (\S+)/.test(daemon.said()) || daemon.child.exitCode !== null);
  return { address: /listening on (\S+)/.exec(daemon.said())?.[1] ?? "", daemon };
}

async function stop(daemon: Running): Promise<void> {
  process.kill(daemon.child.pid ?? 0, "SIGTERM");
  await daemon.outcome;
  running.delete(daemon);
}

/** A node that knows all that is published. */
const knowing = await start(
  await (async () => {
    const home = await network.initialised(mirror.url);
    await succeed(["check", "--home", home]);
    return home;
  })(),
);

const check = (home: string, ...more: readonly string[]) => ["check", "--platform", PLATFORM, "--home", home, ...more];

test("what every mirror withholds a peer tells, and the mirrors' failure is no error", async () => {
  const home = await network.initialised(DEAD);
  await expect(20, check(home));
  const found = await json(check(home, "--peer", knowing.address));
  assert.deepEqual([found.newest, found.knowledgeFrom, found.metadata.timestampVersion], ["1.0.0", "peers", 2]);
  assert.deepEqual(found.gossip, { status: "asked", peersAsked: 1, peersAnswered: 1, newer: true, code: null });
  assert.deepEqual(found.mirrors.map((m: { status: string }) => m.status), ["failed"]);
  // The peer has nothing newer now: it confirms what is known.
  const again = await succeed(check(home, "--peer", knowing.address));
  assert.match(again.stdout, /asked 1 mirror \(0 answered\) and 1 peer \(1 answered\): the newest is from peers/);
});

test("a mirror that is behind is no reason to show what is old when a peer knows more", async () => {
  const old = await network.mirror(network.oldRepo);
  const home = await network.initialised(old.url);
  const alone = await json(check(home));
  assert.deepEqual([alone.newest, alone.knowledgeFrom, alone.gossip.status], ["0.1.0", "mirrors", "nobody"]);
  const found = await json(check(home, "--peer", knowing.address));
  assert.deepEqual([found.newest, found.knowledgeFrom], ["1.0.0", "peers"]);
  assert.equal((await json(["list-versions", "--home", home, "--peer", knowing.address])).knowledgeFrom, "peers");
});

test("a silent network is no error when mirrors answered, and costs no more than its time", async () => {
  const home = await network.initialised(mirror.url);
  const silent = createServer(() => {}); // accepts, and says nothing
  silent.listen(0, "127.79.1.2");
  await once(silent, "listening");
  after(() => silent.close());
  const { port } = silent.address() as { port: number }; // it listens on TCP
  const beganMs = performance.now();
  const peers = ["--peer", `/ip4/127.79.1.2/tcp/${port}`, "--peer", NOBODY, "--gossip-timeout", "1.5"];
  const found = await json(check(home, ...peers));
  assert.ok(performance.now() - beganMs < 10_000);
  assert.deepEqual([found.newest, found.knowledgeFrom], ["1.0.0", "mirrors"]);
  assert.deepEqual(found.gossip, {
    status: "asked",
    peersAsked: 2,
    peersAnswered: 0,
    newer: false,
    code: "E_TIMEOUT",
  });
});

test("when neither answers the error names both, and has the code of the network's", async () => {
  const home = await network.initialised(DEAD);
  const { stderr } = await expect(20, check(home, "--peer", NOBODY));
  assert.match(stderr, /neither mirrors nor peers.*mirrors:.*peers: no peer answered: \/ip4\/127\.79\.1\.1/s);
  await succeed(["remove-mirror", "--url", DEAD, "--home", home]);
  const only = await expect(20, check(home, "--peer", NOBODY));
  assert.match(only.stderr, /error E_UNREACHABLE: no peer answered/);
  await expect(25, check(home, "--peer", NOBODY, "--no-gossip"));
  await expect(2, check(home, "--peer", "node.example.org"));
});

test("a time to wait that is none is a usage error, also where there is nobody to wait for", async () => {
  const home = await network.initialised(mirror.url);
  for (const command of [check(home), ["list-versions", "--home", home]]) {
    for (const wrong of ["0", "soon", "301"]) {
      const { stderr } = await expect(2, [...command, "--gossip-timeout", wrong]);
      assert.match(stderr, /^error E_USAGE: --gossip-timeout /m);
    }
  }
});

test("peers of the configuration are asked, and those of --no-gossip are not", async () => {
  const home = await network.initialised(DEAD);
  const { peers } = await json(["configure-gossip", "--peer", knowing.address, "--home", home]);
  assert.deepEqual(peers, [knowing.address]);
  assert.deepEqual((await json(["show-config", "--home", home])).peers, [knowing.address]);
  await expect(20, check(home, "--no-gossip"));
  assert.equal((await json(check(home))).gossip.peersAsked, 1);
  await succeed(["configure-gossip", "--peer", "none", "--home", home]);
  await expect(20, check(home));
  await expect(2, ["configure-gossip", "--peer", "somewhere", "--home", home]);
});

test("beside its node a command asks nobody else; without it, those that the node remembers", async () => {
  const home = await network.initialised(DEAD);
  const { daemon } = await start(home, "--peer", knowing.address);
  const file = join(home, "gossip", "node.json");
  await until("it has a peer and all that is known", async () => {
    const { node, knownVersions } = await json(["status", "--home", home]);
    return node?.peers.length === 1 && knownVersions.length === 4;
  });
  const found = await json(check(home));
  assert.deepEqual([found.gossip.status, found.gossip.peersAsked, found.knowledgeFrom], ["daemon", 1, "daemon"]);
  assert.equal(found.newest, "1.0.0");
  const shown = (await succeed(["status", "--home", home])).stdout;
  assert.match(shown, /^known: 1\.2\.0, 1\.1\.0-beta\.1, 1\.0\.0, 0\.1\.0$/m);
  assert.match(shown, /^network: 1 peer \(0 of them came by themselves\), listening on \/ip4\/127\.79/m);
  assert.match(shown, /^serving: nothing, 0 B given$/m);

  const report = readFileSync(file);
  daemon.child.kill("SIGKILL");
  await daemon.outcome;
  running.delete(daemon);
  assert.equal((await json(["status", "--home", home])).node, null, "the dead one's report says nothing");
  const remembered = await json(check(home));
  assert.deepEqual([remembered.gossip.status, remembered.gossip.peersAnswered], ["asked", 1]);

  // Neither does one of another boot, or one that was written half.
  for (
    const text of [String(report).replace(/"bootId":"[^"]*"/, '"bootId":"other"'), "{", '{"format":"dchat-node-1"}']
  ) {
    writeFileSync(file, text);
    assert.equal((await json(["status", "--home", home])).node, null);
  }
});

test("what it serves is shown, and nothing is left of a node that was stopped", async () => {
  const home = await network.initialised(mirror.url);
  await succeed(["download", "--version", "1.0.0", "--platform", PLATFORM, "--home", home]);
  const { daemon } = await start(home);
  await until("it is listed", async () => (await json(["status", "--home", home])).node?.served.length === 1);
  const { node } = await json(["status", "--home", home]);
  assert.deepEqual(node.served, [{ name: `dchat-1.0.0-${PLATFORM}`, version: "1.0.0", pieces: 1, totalPieces: 1 }]);
  assert.deepEqual([node.status, node.pid], ["running", daemon.child.pid]);
  await stop(daemon);
  assert.equal((await json(["status", "--home", home])).node, null);
});

test("of a daemon without peers it is not said that there is none", async () => {
  const home = await network.initialised(mirror.url);
  await succeed(["configure-auto-update", "--enabled", "--no-background-download", "--home", home]);
  const words = async () => /network: .*/.exec((await succeed(["status", "--home", home])).stdout)?.[0];
  assert.equal(await words(), "network: no node runs on this home; see: dchat-update daemon");
  const daemon = startDchat(["daemon", "--no-gossip", "--home", home]);
  running.add(daemon);
  await until("it works", () => /proven and stored/.test(daemon.said()));
  const told = `network: the daemon of this home (process ${daemon.child.pid}) has no peers and serves nothing`;
  assert.equal(await words(), told);
  await stop(daemon);
});
