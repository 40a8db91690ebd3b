// download and install fetch from peers what mirrors do not have. docs/gossip.md, "What a command asks".
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { PEER_PROTOCOL } from "../../src/gossip/peer-protocol.ts";
import { createPeerService } from "../../src/gossip/peer-service.ts";
import type { Shelf } from "../../src/gossip/shelf.ts";
import { platformName } from "../../src/trust/naming.ts";
import { type Running, startDchat } from "../support/bundled-cli.ts";
import { freshAddress, memoryKnowledge } from "../support/gossip-network.ts";
import { startLoneHost } from "../support/lone-host.ts";
import { until } from "../support/until.ts";
import { createNetwork, expect, filesOf, json, PLATFORM, succeed } from "./network.ts";

const network = await createNetwork();
const name = `dchat-1.0.0-${PLATFORM}`;
const mirror = await network.mirror();
/** It has the metadata and no artifact. */
const poor = await network.mirror();
poor.serve(new Map([...filesOf(network.repo)].filter(([path]) => !path.includes("dchat-1.0.0"))));
const running: Running[] = [];
after(async () => {
  for (const { child } of running) child.kill("SIGKILL");
  await Promise.all(running.map((r) => r.outcome));
});

/** A node that has the release. */
const giver = await (async () => {
  const home = await network.initialised(mirror.url);
  await succeed(["download", "--version", "1.0.0", "--platform", PLATFORM, "--home", home]);
  const daemon = startDchat(["daemon", "--home", home, "--listen", "/ip4/127.85.0.1/tcp/0"]);
  running.push(daemon);
  await until("it listens", () => /listening on (\S+)/.test(daemon.said()) || daemon.child.exitCode !== null);
  return /listening on (\S+)/.exec(daemon.said())?.[1] ?? "";
})();
const giverId = `peer:${giver.split("/").at(-1)}`;

const fetching = (
  home: string,
  ...more: readonly string[]
) => ["download", "--version", "1.0.0", "--platform", PLATFORM, "--home", home, ...more];

const assertHas = (home: string) =>
  assert.deepEqual(
    readFileSync(join(home, "packages", name)),
    readFileSync(network.packageFile("1.0.0")),
  );

test("what no mirror has a peer gives", async () => {
  const home = await network.initialised(poor.url);
  const { source, sources } = await json(fetching(home, "--peer", giver));
  assert.equal(source, giverId);
  type Line = { id: string; kind: string; outcome: string; pieces: number };
  const lines = sources.map(({ id, kind, outcome, pieces }: Line) => [id, kind, outcome, pieces]);
  assert.deepEqual(lines, [["cache", "cache", "absent", 0], [poor.url, "https", "absent", 0], [
    giverId,
    "peer",
    "used",
    1,
  ]]);
  assertHas(home);
});

test("peers of the configuration are asked too, and none with --no-gossip", async () => {
  const home = await network.initialised(poor.url);
  await succeed(["configure-gossip", "--peer", giver, "--home", home]);
  await expect(23, fetching(home, "--no-gossip"));
  await succeed(fetching(home));
  assertHas(home);
});

test("--source says where from: peers alone, or none of them", async () => {
  const [home, other] = [await network.initialised(mirror.url), await network.initialised(poor.url)];
  const { sources } = await json(fetching(home, "--peer", giver, "--source", "peer"));
  assert.deepEqual(sources.map((s: { id: string }) => s.id), [giverId]);
  await expect(23, fetching(other, "--peer", giver, "--source", "https"));
});

test("peers are asked when mirrors are not enough, and not before", async () => {
  const home = await network.initialised(mirror.url);
  const { source, sources } = await json(fetching(home, "--peer", giver));
  assert.equal(source, mirror.url);
  assert.equal(sources.find((s: { id: string }) => s.id === giverId).outcome, "unused");
});

test("a peer that gives something else is refused and named, and the next one serves", async () => {
  const lying: Shelf = {
    find: () =>
      Promise.resolve({
        length: readFileSync(network.packageFile("1.0.0")).length,
        pieces: { has: () => true },
        pieceList: undefined,
        async *read() {
          yield await Promise.resolve(readFileSync(network.packageFile("1.0.0")).fill(7, 0, 1));
        },
      }),
  };
  const host = await startLoneHost(freshAddress());
  const service = createPeerService({
    knowledge: memoryKnowledge(readFileSync(network.rootFile), Date.now()),
    shelf: lying,
    signal: new AbortController().signal,
    bytesPerSecond: undefined,
    onGiven: () => {},
  });
  await host.handle(PEER_PROTOCOL, (stream, { remotePeer }) => service(remotePeer.toString(), stream));
  const liar = host.getMultiaddrs()[0]!.toString(), liarId = `peer:${host.peerId}`; // it listens

  const home = await network.initialised(poor.url);
  const { source, refused } = await json(fetching(home, "--peer", liar, "--peer", giver));
  assert.equal(source, giverId);
  for (const r of refused) assert.deepEqual([r.source, r.code], [liarId, "E_HASH_MISMATCH"]);
  assertHas(home);

  const other = await network.initialised(poor.url);
  await expect(30, fetching(other, "--peer", liar));
  const { alerts } = await json(["alerts", "--home", other]);
  assert.deepEqual(alerts.map((a: { source: string }) => a.source), [liarId]);
});

test("a peer that is not there is told of, and an address that is none is a usage error", async () => {
  const home = await network.initialised(poor.url);
  const { stderr } = await expect(20, fetching(home, "--peer", "/ip4/127.85.0.9/tcp/9"));
  assert.match(stderr, /peer:\/ip4\/127\.85\.0\.9\/tcp\/9/);
  await expect(2, fetching(home, "--peer", "nonsense"));
  await expect(2, ["install", "--peer", "nonsense", "--home", home]);
});

const skip = platformName(process.platform, process.arch) === PLATFORM ? false : `the release is for ${PLATFORM}`;

test("install takes it from peers as well", { skip }, async () => {
  const home = await network.initialised(poor.url);
  await expect(23, ["install", "--version", "1.0.0", "--home", home]);
  await succeed(["install", "--version", "1.0.0", "--home", home, "--peer", giver]);
  assertHas(home);
});
