// Nodes that tell each other of others: who is told of, who is dialled, and what a liar gains. docs/gossip.md.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import process from "node:process";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Host } from "../../../src/gossip/host.ts";
import { isToldAddress, MAX_TOLD_PEERS, TOLD_PEERS } from "../../../src/gossip/peer-exchange.ts";
import { findPeers } from "../../../src/gossip/peer-finder.ts";
import { toldPeers } from "../../../src/gossip/told-peers.ts";
import { freshAddress, memoryKnowledge, startNode, startStranger } from "../../support/gossip-network.ts";
import { refused } from "../../support/refused.ts";
import { createReleaseRepository } from "../../support/release-repository.ts";
import { until } from "../../support/until.ts";

const ID = "12D3KooWGzBdRZsRvrWvYB4zSPNQdFsMXr9yK2wKhLp5cQ4v9aTa";
const at = (n: number) => `/ip4/203.0.113.${n & 255}/tcp/${4217 + (n >> 8)}/p2p/${ID}`;
const bytes = (s: string) => new TextEncoder().encode(s);

test("addresses come back as they were; names, other transports, and the seventeenth are left out", () => {
  const good = [at(1), `/ip6/2606:4700::1/tcp/4217/p2p/${ID}`];
  const bad = [`/dns4/a.example/tcp/1/p2p/${ID}`, `/ip4/1.2.3.4/udp/1/quic-v1/p2p/${ID}`, "/ip4/1.2.3.4/tcp/1"];
  assert.deepEqual(TOLD_PEERS.decode(TOLD_PEERS.encode([...bad, ...good, ...good])), good);
  const many = Array.from({ length: 1_000 }, (_, i) => at(i));
  assert.deepEqual(TOLD_PEERS.decode(TOLD_PEERS.encode(many)), many.slice(0, MAX_TOLD_PEERS));
});

const LIES = [
  "",
  " ",
  "garbage",
  `/dns4/a.example/tcp/1/p2p/${ID}`,
  `/ip4/1.2.3.4/tcp/0/p2p/${ID}`,
  "/ip4/1.2.3.4/tcp/1",
];
for (const lie of [...LIES, `/ip4/1.2.3.4/tcp/1/p2p/${ID}/p2p-circuit/p2p/${ID}`, `/ip4/01.2.3.4/tcp/1/p2p/${ID}`]) {
  test(`${JSON.stringify(lie.slice(0, 60))} is no address to tell of`, () => {
    assert.equal(isToldAddress(lie), false);
    refused("E_MALFORMED", () => TOLD_PEERS.decode(bytes(lie)));
  });
}

test("seventeen, and a thousand, are refused", () => {
  for (const count of [17, 1_000]) {
    const text = Array.from({ length: count }, (_, i) => at(i)).join("\n");
    refused("E_MALFORMED", () => TOLD_PEERS.decode(bytes(text)));
  }
});

const NOW = Date.UTC(2026, 0, 1);
const repository = createReleaseRepository({ seed: "peer exchange", nowMs: NOW });

function knowledge() {
  const mine = memoryKnowledge(repository.pinnedRoot, NOW);
  mine.follow(repository);
  return mine;
}

test("two nodes that know a third find each other, and go on when it leaves", async () => {
  const o = { allowPrivate: true };
  const hub = await startNode(knowledge(), o);
  const one = await startNode(knowledge(), { ...o, peers: [hub.address] });
  const other = await startNode(knowledge(), { ...o, peers: [hub.address] });
  await until("they have found each other", () => one.peers().includes(other.id) && other.peers().includes(one.id));
  await hub.stop();
  await until("the hub is gone", () => one.peers().length === 1 && other.peers().length === 1);
  repository.publish();
  one.knowledge.follow(repository);
  await one.announce();
  await until(
    "it is heard without the hub",
    () => other.knowledge.timestampVersion() === one.knowledge.timestampVersion(),
  );
});

test("who was found by being told of is found again when the node has lost everybody", async () => {
  const o = { allowPrivate: true };
  const hub = await startNode(knowledge(), o);
  const one = await startNode(knowledge(), { ...o, peers: [hub.address] });
  const listen = [freshAddress().replace("/tcp/0", `/tcp/${20_000 + process.pid % 20_000}`)];
  const other = await startNode(knowledge(), { peers: [hub.address], listen }); // it dials nobody else itself
  await until("it has found the other", () => one.dialled().some(({ address }) => address === other.address));
  await Promise.all([hub.stop(), other.stop()]);
  await until("it is alone", () => one.peers().length === 0);
  await delay(6_000); // long enough to try in vain
  const back = await startNode(knowledge(), { listen, identity: other.identity });
  await until("it is not alone any more", () => one.peers().includes(back.id));
});

test("private addresses are neither told of nor dialled where that is not allowed", async () => {
  const hub = await startNode(knowledge());
  const one = await startNode(knowledge(), { peers: [hub.address], allowPrivate: true });
  await startNode(knowledge(), { peers: [hub.address], allowPrivate: true });
  await until("all are connected", () => hub.peers().length === 2);
  const { host, ask } = await asking(hub.address);
  assert.equal(await ask(), "none");
  assert.deepEqual(one.peers(), [hub.id]);
  await host.stop();
});

/** Somebody who asks for peers. */
async function asking(address: string) {
  const stranger = await startStranger(address);
  const [connection] = stranger.host.getConnections();
  return {
    ...stranger,
    async ask() {
      const { askPeer } = await import("../../../src/gossip/exchange.ts");
      const signal = new AbortController().signal;
      return await askPeer(connection!, { get: "peers" }, { maxBytes: 4096, idleMs: 2_000, timeoutMs: 2_000, signal });
    },
  };
}

test("a peer that tells of a private service gets nobody to knock there", async () => {
  let knocks = 0;
  const service = createServer((socket) => {
    knocks++;
    socket.destroy();
  });
  service.listen(0, "127.0.0.1");
  await once(service, "listening");
  after(() => service.close());
  const { port } = service.address() as AddressInfo; // it listens on TCP
  const node = await startNode(knowledge());
  let asked = 0;
  await startStranger(node.address, (stream) => {
    stream.addEventListener("message", ({ data }) => {
      const request = new TextDecoder().decode(data instanceof Uint8Array ? data : data.subarray());
      const isPeers = request.includes("peers");
      if (isPeers) asked++;
      const body = bytes(isPeers ? `/ip4/127.0.0.1/tcp/${port}/p2p/${ID}` : "");
      const line = bytes(isPeers ? `ok ${body.length}` : "none");
      stream.send(Uint8Array.of(0, 0, 0, line.length));
      stream.send(line);
      stream.send(body);
    });
  });
  // What it was told the first time it has dialled, or not, when it asks again.
  await until("it has asked twice", () => asked > 1);
  assert.equal(knocks, 0);
});

test("who answered before is tried again after a restart, in private only where the operator had named him", async () => {
  const [first, second] = [await startNode(knowledge()), await startNode(knowledge())];
  const late = await startNode(knowledge(), {
    remembered: [{ address: first.address, isNamed: true }, { address: second.address, isNamed: false }],
  });
  await until("it has found the one", () => late.peers().length > 0);
  assert.deepEqual(late.peers(), [first.id]);
  assert.deepEqual(late.dialled(), [{ address: first.address, isNamed: true }]);
});

/** Whom a node dials whose one peer tells of these, time after time, and none of them answers. */
async function dialledOf(answers: readonly (readonly string[])[]): Promise<string[]> {
  const stop = new AbortController();
  const dialled: string[] = [];
  let asked = 0;
  await findPeers({
    signal: stop.signal,
    remembered: [],
    waitMs: 1,
    connected: () => ["me", "liar"],
    nearby: () => [],
    mayDial: () => true,
    dial(address) {
      dialled.push(address);
      return Promise.reject(new Error("nobody is there"));
    },
    ask() {
      const answer = answers[asked++];
      if (answer === undefined) stop.abort();
      return Promise.resolve(answer ?? []);
    },
  });
  return dialled;
}

test("of one answer four are tried, and nobody twice, however often he is named", async () => {
  const told = Array.from({ length: 16 }, (_, i) => at(i));
  const once = await dialledOf([told]);
  assert.equal(once.length, 4);
  assert.equal(new Set(await dialledOf([told, told])).size, 8);
  const often = await dialledOf(Array.from({ length: 8 }, () => told));
  assert.deepEqual(often.toSorted(), told.toSorted());
});

test("a node tells where it has dialled a peer, and where one that came has signed to be, not what others say of it", async () => {
  const peer = (n: number) => ({ toString: () => `peer${n}` });
  const address = (n: number) => ({ toString: () => `/ip4/8.8.8.${n}/tcp/4217` }); // public, unlike those for documents
  const connections = [
    { remotePeer: peer(1), remoteAddr: address(1), direction: "outbound" },
    { remotePeer: peer(2), remoteAddr: address(99), direction: "inbound" },
    { remotePeer: peer(3), remoteAddr: address(99), direction: "inbound" },
  ];
  const addresses = [{ multiaddr: address(20), isCertified: false }, { multiaddr: address(2), isCertified: true }];
  const get = (id: unknown) =>
    id === connections[1]?.remotePeer ? Promise.resolve({ addresses }) : Promise.reject(new Error("gone"));
  const host = { getConnections: () => connections, peerStore: { get } } as unknown as Host; // what is asked of it
  const told = await toldPeers(host, "asker", false);
  assert.deepEqual(told.toSorted(), [1, 2].map((n) => `${address(n)}/p2p/peer${n}`));
  assert.deepEqual(await toldPeers(host, "peer1", false), [`${address(2)}/p2p/peer2`]);
});

test("a node that is alone tries who has ever answered, again and again; others it leaves alone", async () => {
  const stop = new AbortController();
  const [remembered, told, stranger] = ["a", "b", "c"].map((id, i) => at(i).replace(ID, id)) as [
    string,
    string,
    string,
  ];
  const dialled: string[] = [];
  let connected = ["me", "friend"], hasNetwork = true;
  const finding = findPeers({
    signal: stop.signal,
    remembered: [remembered],
    waitMs: 1,
    connected: () => connected,
    nearby: () => [],
    mayDial: () => true,
    dial(address) {
      dialled.push(address);
      if (!hasNetwork || address !== told) return Promise.reject(new Error("nobody is there"));
      connected.push("b");
      return Promise.resolve();
    },
    ask: () => Promise.resolve([told, stranger]),
  });
  await until("it has tried them", () => dialled.length === 3);
  hasNetwork = false;
  connected = ["me"];
  const before = dialled.length;
  await until("it tries in vain", () => dialled.slice(before).filter((address) => address === told).length > 1);
  hasNetwork = true;
  await until("it is not alone any more", () => connected.includes("b"));
  stop.abort();
  await finding;
  assert.ok(dialled.slice(before).includes(remembered), "who answered in an earlier run is tried too");
  assert.ok(!dialled.slice(before).includes(stranger));
});

test("it stops when it has enough", async () => {
  const told = Array.from({ length: 16 }, (_, i) => at(i).replace(ID, `peer${i}`));
  const stop = new AbortController();
  const connected = ["me", "friend"];
  const finding = findPeers({
    signal: stop.signal,
    remembered: told,
    waitMs: 1,
    connected: () => connected,
    nearby: () => [],
    mayDial: () => true,
    dial: (address) => Promise.resolve(void connected.push(address.slice(address.lastIndexOf("/") + 1))),
    ask: () => Promise.resolve([]),
  });
  await until("it has enough", () => connected.length >= 9);
  stop.abort();
  await finding;
  assert.ok(connected.length <= 11, "three at a time");
});
