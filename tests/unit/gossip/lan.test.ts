// Nodes on one link find each other by multicast DNS, and nobody on it leads them elsewhere. docs/gossip.md, "On a LAN".
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import dgram, { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { after, test } from "node:test";
import { createLan } from "../../../src/gossip/lan.ts";
import { loadLibp2p } from "../../../src/heavy/gossip.ts";
import { memoryKnowledge, startNode, TOPIC } from "../../support/gossip-network.ts";
import { startLoneHost } from "../../support/lone-host.ts";
import { createReleaseRepository } from "../../support/release-repository.ts";
import { until } from "../../support/until.ts";

const NOW = Date.UTC(2026, 0, 1);
const repository = createReleaseRepository({ seed: "lan", nowMs: NOW });
const SERVICE = `_dchat-${createHash("sha256").update(TOPIC).digest("hex").slice(0, 16)}._udp.local`;
const ID = "12D3KooWGzBdRZsRvrWvYB4zSPNQdFsMXr9yK2wKhLp5cQ4v9aTa";

function knowledge() {
  const mine = memoryKnowledge(repository.pinnedRoot, NOW);
  mine.follow(repository);
  return mine;
}

test("two nodes that nobody told of each other connect, and one that did not ask for it stays apart", async () => {
  const [one, other, apart] = [
    await startNode(knowledge(), { mdns: true }),
    await startNode(knowledge(), { mdns: true }),
    await startNode(knowledge()),
  ];
  await until("they have found each other", () => one.peers().includes(other.id) && other.peers().includes(one.id));
  assert.deepEqual(apart.peers(), []);
  for (const node of [one, other, apart]) await node.stop(); // on loopback they may go where the next test says they must not
});

const label = (text: string) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
const nameOf = (name: string) => Buffer.concat([...name.split(".").map(label), Buffer.from([0])]);

function record(name: string, type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(120, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([nameOf(name), fixed, data]);
}

/** An answer as a node gives it, with any address in it. */
function answer(address: string): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0x8400, 2);
  head.writeUInt16BE(2, 6);
  const host = `liar.${SERVICE}`;
  return Buffer.concat([head, record(SERVICE, 12, nameOf(host)), record(host, 16, label(`dnsaddr=${address}`))]);
}

test("an answer that leads to this machine, another link or a name is not followed, and garbage is survived", async () => {
  let knocks = 0;
  const service = createServer((socket) => {
    knocks++;
    socket.destroy();
  });
  service.listen(0, "127.0.0.1");
  await once(service, "listening");
  const socket = createSocket("udp4");
  after(() => {
    service.close();
    socket.close();
  });
  const { port } = service.address() as AddressInfo; // it listens on TCP
  const friend = await startNode(knowledge());
  // On all addresses, as nodes do: then nobody has business on loopback but the operator.
  const node = await startNode(knowledge(), {
    mdns: true,
    listen: ["/ip4/0.0.0.0/tcp/0"],
    remembered: [{ address: friend.address, isNamed: true }],
  });
  const send = (bytes: Buffer) =>
    new Promise<void>((resolve) => socket.send(bytes, 5353, "224.0.0.251", () => resolve()));
  const lies = [
    `/ip4/127.0.0.1/tcp/${port}/p2p/${ID}`,
    `/ip4/10.255.255.1/tcp/${port}/p2p/${ID}`,
    `/dns4/localhost/tcp/${port}/p2p/${ID}`,
    `/ip4/127.0.0.1/tcp/${port}`,
    "garbage",
  ];
  for (const lie of lies) await send(answer(lie));
  for (let i = 0; i < 200; i++) await send(answer(`/ip4/127.0.0.1/tcp/${port}/p2p/${ID}`).subarray(0, i));
  // It dials the friend when it looks around, and whomever it took for near.
  await until("it has looked around", () => node.peers().length === 1);
  await node.stop();
  assert.equal(knocks, 0);
});

test("a neighbour that tells of many ports keeps nobody else from being found", async () => {
  const host = await startLoneHost(), socket = createSocket("udp4");
  const lan = createLan(await loadLibp2p(), () => host, TOPIC);
  after(async () => {
    socket.close();
    await lan.stop();
  });
  await lan.start();
  const tell = async (endpoint: string) => {
    const found = `${endpoint}/p2p/${ID}`;
    socket.send(answer(found), 5353, "224.0.0.251");
    await until(`${endpoint} is found`, () => lan.nearby().includes(found), 5_000);
  };
  for (let port = 1; port <= 33; port++) await tell(`/ip4/127.78.9.1/tcp/${port}`);
  await tell("/ip4/127.78.9.2/tcp/4217");
  assert.equal(lan.isNearby("/ip4/127.78.9.2/tcp/4217"), true);
  assert.equal(lan.isNearby("/ip4/127.78.9.1/tcp/1"), false);
});

test("a node that cannot ask on its links does not start, and does not go on listening", async (t) => {
  const place = createServer().listen(0, "127.0.0.1");
  await once(place, "listening");
  const { port } = place.address() as AddressInfo; // it listens on TCP
  place.close();
  await once(place, "close");
  t.mock.method(dgram, "createSocket", () => {
    throw new Error("no datagrams in this container");
  });
  const listen = [`/ip4/127.0.0.1/tcp/${port}`];
  await assert.rejects(startNode(knowledge(), { mdns: true, listen }), /no datagrams/);
  const found = await new Promise((resolve) => {
    const knocking = connect(port, "127.0.0.1", () => resolve("somebody listens"));
    knocking.on("error", (e: NodeJS.ErrnoException) => resolve(e.code));
    after(() => knocking.destroy());
  });
  assert.equal(found, "ECONNREFUSED");
});
