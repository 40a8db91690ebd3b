// The limits of a node's connections and streams, over real ones on loopback. Design: docs/gossip.md, "Connections".
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createHost, type Host } from "../../../src/gossip/host.ts";
import { GRAYLIST_SCORE, MAX_CONNECTIONS_OF_NETWORK } from "../../../src/gossip/limits.ts";
import { withoutPeer } from "../../../src/gossip/peer-address.ts";
import { PEER_PROTOCOL } from "../../../src/gossip/peer-protocol.ts";
import { loadLibp2p } from "../../../src/heavy/gossip.ts";
import { freshAddress, memoryKnowledge, startNode, untilHeard, verdicts } from "../../support/gossip-network.ts";
import { startLoneHost } from "../../support/lone-host.ts";
import { newIdentity } from "../../support/new-identity.ts";
import { createReleaseRepository } from "../../support/release-repository.ts";
import { until } from "../../support/until.ts";

const NOW = Date.UTC(2026, 0, 1);

interface Scores {
  getScore(peer: string): number;
  dumpPeerScoreStats(): Record<string, { topics: Record<string, { invalidMessageDeliveries: number }> }>;
}

/** The cast: these methods are public, but the library's interface does not tell of them. */
const scoresOf = (host: Host) => host.services.pubsub as unknown as Scores;

test("one address has ten connections and no more; what it has goes on", async () => {
  const host = await startLoneHost();
  const at = host.getMultiaddrs()[0]!; // it listens
  const dialled: Host[] = [];
  for (let i = 0; i < MAX_CONNECTIONS_OF_NETWORK + 4; i++) {
    const other = await startLoneHost();
    dialled.push(other);
    await other.dial(at).catch(() => {}); // refused, or hung up on
    await delay(120); // ten new ones a second are let in
  }
  await until("the others are refused", () => dialled.filter((h) => h.getPeers().length > 0).length <= 10);
  await until("ten are left", () => host.getConnections().length === MAX_CONNECTIONS_OF_NETWORK);
  assert.ok(dialled.slice(0, 8).every((h) => h.getPeers().length === 1));
});

test("an address that opens connections and says nothing keeps nobody else out", async () => {
  const host = await startLoneHost();
  const at = host.getMultiaddrs()[0]!; // it listens
  const [, , ip, , port] = at.toString().split("/");
  let connected = 0;
  /** At a pace at which the library lets all in. */
  async function connectSilently(localAddress: string): Promise<Socket> {
    await delay(105);
    const silent = connect({ host: ip, port: Number(port), localAddress });
    silent.on("connect", () => connected++).on("error", () => {}).resume();
    after(() => silent.destroy());
    return silent;
  }
  for (let i = 0; i < 25; i++) await connectSilently("127.0.0.9"); // more than there were places for handshakes
  for (let i = 0; i < 11; i++) {
    const silent = await connectSilently("127.0.0.1");
    silent.once("connect", () => silent.destroy());
  }
  await until("all were there", () => connected === 36);
  const honest = await startLoneHost(); // also 127.0.0.1, whose connections are over
  await honest.dial(at);
  await until("it is in", () => host.getPeers().some((peer) => peer.equals(honest.peerId)));
});

test("on one connection eight requests are open at a time", async () => {
  const host = await startLoneHost(), other = await startLoneHost();
  let open = 0, most = 0;
  await host.handle(PEER_PROTOCOL, (stream) => {
    most = Math.max(most, ++open);
    stream.addEventListener("close", () => open--);
  }, { maxInboundStreams: 8, maxOutboundStreams: 8 });
  const connection = await other.dial(host.getMultiaddrs()[0]!); // it listens
  const o = { maxOutboundStreams: 64 }; // a hostile one has no limit of its own
  for (let i = 0; i < 20; i++) {
    const stream = await connection.newStream(PEER_PROTOCOL, o).catch(() => undefined);
    if (stream?.writeStatus === "writable") stream.send(Uint8Array.of(0));
  }
  await until("some are open", () => most > 0);
  await delay(200); // whatever comes after the eighth would be here
  assert.equal(most, 8);
});

test("whoever is shut out is not listened to while its connection is still there", async () => {
  const shutOut = new Set<string>();
  const host = await createHost(await loadLibp2p(), {
    ...{ topic: "t", identity: newIdentity(), listen: [freshAddress()], named: new Set<string>(), allowPrivate: true },
    isShutOut: (peer) => shutOut.has(peer),
  });
  after(() => host.stop());
  await host.start();
  const other = await startLoneHost();
  await other.dial(host.getMultiaddrs()[0]!); // it listens
  const id = other.peerId.toString(), scores = scoresOf(host);
  await until("it is scored", () => id in scores.dumpPeerScoreStats());
  assert.ok(scores.getScore(id) >= 0);
  shutOut.add(id);
  await until("its messages are dropped", () => scores.getScore(id) < GRAYLIST_SCORE);
  assert.equal(host.getPeers().length, 1);
});

interface Rpc {
  readonly messages?: readonly { readonly signature?: Uint8Array }[];
}

test("of a message that is known no signature is verified again", async () => {
  const host = await startLoneHost(), other = await startLoneHost();
  const heard: string[] = [];
  host.services.pubsub.addEventListener("message", ({ detail }) => heard.push(new TextDecoder().decode(detail.data)));
  for (const { services } of [host, other]) services.pubsub.subscribe("t");
  await other.dial(host.getMultiaddrs()[0]!); // it listens
  await untilHeard(other, 1, "t");
  // The cast: what goes over the wire can only be repeated by the method that puts it there.
  const wire = other.services.pubsub as unknown as { sendRpc(peer: string, rpc: Rpc): boolean };
  const sendRpc = wire.sendRpc.bind(wire), sent: Rpc[] = [];
  wire.sendRpc = (peer, rpc) => {
    if ((rpc.messages ?? []).length > 0) sent.push(rpc);
    return sendRpc(peer, rpc);
  };
  const say = (text: string) => other.services.pubsub.publish("t", new TextEncoder().encode(text));
  await say("once");
  await until("it is heard", () => heard.length === 1);
  const [message] = sent[0]?.messages ?? [];
  assert.ok(message?.signature !== undefined);
  // Whoever looks at this signature sees that it is wrong, and counts that.
  const copy = { ...message, signature: message.signature.toReversed() };
  for (let i = 0; i < 3; i++) sendRpc(host.peerId.toString(), { messages: [copy] });
  await say("and on");
  await until("what came after is heard", () => heard.length === 2);
  assert.deepEqual(heard, ["once", "and on"]);
  const { topics } = scoresOf(host).dumpPeerScoreStats()[other.peerId.toString()]!; // it is connected
  assert.equal(topics["t"]?.invalidMessageDeliveries ?? 0, 0);
});

const ownAddress = Object.values(networkInterfaces()).flat().find((n) => n?.family === "IPv4" && !n.internal)?.address;
const skip = ownAddress === undefined ? "this machine has no address of its own" : false;

test("who comes and goes leaves no score behind, and nobody else at that address pays for it", { skip }, async () => {
  const host = await startLoneHost(`/ip4/${ownAddress}/tcp/0`);
  const at = host.getMultiaddrs()[0]!, scores = scoresOf(host); // it listens
  const start = () => startLoneHost(freshAddress(), [withoutPeer(at.toString())]);
  const stays = await start();
  await stays.dial(at);
  for (let i = 0; i < MAX_CONNECTIONS_OF_NETWORK + 6; i++) {
    const passing = await start();
    await passing.dial(at);
    const id = passing.peerId.toString();
    await until("it is scored", () => id in scores.dumpPeerScoreStats());
    await passing.stop();
    await delay(120); // ten new ones a second are let in
  }
  const id = stays.peerId.toString();
  assert.ok(scores.getScore(id) >= 0);
  await until("the others are forgotten", () => Object.keys(scores.dumpPeerScoreStats()).join() === id);
});

const hasIpv6 = Object.values(networkInterfaces()).flat().some((n) => n?.address === "::1");

test("nodes meet over IPv6 as well", { skip: hasIpv6 ? false : "this machine has no IPv6" }, async () => {
  const repository = createReleaseRepository({ seed: "over six", nowMs: NOW });
  const knowing = memoryKnowledge(repository.pinnedRoot, NOW), learning = memoryKnowledge(repository.pinnedRoot, NOW);
  knowing.follow(repository);
  const giver = await startNode(knowing, { listen: ["/ip6/::1/tcp/0", freshAddress()] });
  const six = giver.addresses().find((address) => address.startsWith("/ip6/"));
  assert.ok(six !== undefined, giver.addresses().join());
  const node = await startNode(learning, { peers: [six] });
  await until("it has learnt", () => learning.timestampVersion() === 1);
  assert.match(node.connections()[0]?.address ?? "", /^\/ip6\/::1\/tcp\//);
  assert.deepEqual(verdicts(node).filter((v) => v.startsWith("reject")), []);
});

test(
  "a named peer is met however its address is written",
  { skip: hasIpv6 ? false : "this machine has no IPv6" },
  async () => {
    const repository = createReleaseRepository({ seed: "written out", nowMs: NOW });
    const there = await startNode(memoryKnowledge(repository.pinnedRoot, NOW), { listen: ["/ip6/::1/tcp/0"] });
    const written = `/ip6/0:0:0:0:0:0:0:1/tcp/${there.address.split("/")[4]}`;
    const node = await startNode(memoryKnowledge(repository.pinnedRoot, NOW), { peers: [written] });
    await until("they have met", () => node.peers().includes(there.id));
    assert.deepEqual(node.dialled(), [{ address: there.address, isNamed: true }]);
    assert.deepEqual(node.events.filter((e) => e.type === "unreachable"), []);
  },
);
