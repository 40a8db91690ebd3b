// Real nodes over TCP on loopback. Design: docs/gossip.md.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { after, test } from "node:test";
import { encodeRelease } from "../../../src/gossip/message.ts";
import { PEER_PROTOCOL } from "../../../src/gossip/peer-protocol.ts";
import {
  freshAddress,
  memoryKnowledge,
  startNode,
  startStranger,
  type TestNode,
  TOPIC,
  verdicts,
} from "../../support/gossip-network.ts";
import { createReleaseRepository, type ReleaseRepository } from "../../support/release-repository.ts";
import { jsonFile, type MutableJson, parseFile, put } from "../../support/signed-file.ts";
import { until } from "../../support/until.ts";

const NOW = Date.UTC(2026, 0, 1);

/** A repository, and nodes in a line that all know its first publish. */
async function line(seed: string, length: number): Promise<{ repository: ReleaseRepository; nodes: TestNode[] }> {
  const repository = createReleaseRepository({ seed, nowMs: NOW });
  const nodes: TestNode[] = [];
  for (let i = 0; i < length; i++) {
    const knowledge = memoryKnowledge(repository.pinnedRoot, NOW);
    knowledge.follow(repository);
    nodes.push(await startNode(knowledge, { peers: nodes.slice(-1).map((n) => n.address) }));
  }
  await until("they are connected", () => length === 1 || nodes.every((n) => n.peers().length > 0));
  return { repository, nodes };
}

const last = <T>(items: readonly T[]): T => items.at(-1)!; // a line has an end
const lies = (nodes: readonly TestNode[]) => nodes.flatMap((n) => n.events.filter((e) => e.type === "lie"));

test("a release travels along a line of nodes, each proving it before the next hears of it", async () => {
  const { repository, nodes } = await line("gossip line", 4);
  repository.publish();
  nodes[0]!.knowledge.follow(repository);
  await nodes[0]!.announce();
  const newest = nodes[0]!.knowledge.timestampVersion();
  await until("the last one knows", () => last(nodes).knowledge.timestampVersion() === newest);
  assert.deepEqual(nodes.map((n) => n.knowledge.timestampVersion()), nodes.map(() => newest));
  assert.deepEqual(lies(nodes), []);
});

test("a node that joins later is brought up to date, roots and all", async () => {
  const { repository, nodes: [node] } = await line("gossip late", 1);
  repository.rotate("timestamp");
  repository.rotate("root");
  repository.publish();
  node!.knowledge.follow(repository);
  const late = await startNode(memoryKnowledge(repository.pinnedRoot, NOW), { peers: [node!.address] });
  await until("it knows", () => late.knowledge.timestampVersion() === node!.knowledge.timestampVersion());
  assert.equal(late.knowledge.state().root.signed.version, 3);
});

test("an announcement under a root that the hearers do not know brings them the root, and blames nobody", async () => {
  const { repository, nodes } = await line("gossip rotation", 3);

  repository.rotate("timestamp");
  repository.publish();
  nodes[0]!.knowledge.follow(repository);
  await nodes[0]!.announce();
  await until("the last one has the new root", () => last(nodes).knowledge.state().root.signed.version === 2);
  assert.deepEqual(lies(nodes), []);
});

test("what was announced to nobody is announced to the first who comes", async () => {
  const { repository, nodes: [node] } = await line("gossip alone", 1);
  repository.publish();
  node!.knowledge.follow(repository);
  await node!.announce();
  assert.equal(node!.events.some((e) => e.type === "announced"), false);
  const { heard } = await startStranger(node!.address);
  await until("the stranger hears it", () => heard.length > 0);
});

test("a lie is not heard two hops away, and three of them end the connection", async () => {
  const { repository, nodes: [honest] } = await line("gossip lies", 1);
  const liar = await startStranger(honest!.address);
  const witness = await startStranger(honest!.address);
  const forged = parseFile(repository.bytes("timestamp"));
  for (let i = 0; i < 3; i++) {
    put(forged.signed, ["version"], 90 + i);
    const lie = encodeRelease(jsonFile(forged as unknown as MutableJson)); // the same document, as JSON
    await liar.host.services.pubsub.publish(TOPIC, lie);
  }
  await until("the liar is shut out", () => liar.host.getPeers().length === 0);
  repository.publish();
  honest!.knowledge.follow(repository);
  await honest!.announce();
  await until("the witness hears the truth", () => witness.heard.length > 0);
  assert.deepEqual(witness.heard, [encodeRelease(repository.bytes("timestamp"))], "and nothing else");
  assert.deepEqual(verdicts(honest!), Array(3).fill("reject E_SIGNATURE"));
});

test("a genuine message that its bearer cannot prove is not passed on before somebody can", async () => {
  const { repository, nodes: [honest] } = await line("gossip bearer", 1);
  const bearer = await startStranger(honest!.address);
  const witness = await startStranger(honest!.address);
  repository.publish();
  await bearer.host.services.pubsub.publish(TOPIC, encodeRelease(repository.bytes("timestamp")));
  await until("it was judged", () => verdicts(honest!).length > 0);
  assert.match(verdicts(honest!)[0] ?? "", /^ignore /);
  assert.deepEqual(witness.heard, []);
  const knowing = memoryKnowledge(repository.pinnedRoot, NOW);
  knowing.follow(repository);
  await startNode(knowing, { peers: [honest!.address] });
  await until(
    "it is learnt from one who can",
    () => honest!.knowledge.timestampVersion() === knowing.timestampVersion(),
  );
});

const ANSWERS: Record<string, { line: string; body: Uint8Array; code: string }> = {
  "a bundle that is none": { line: "ok 5", body: new TextEncoder().encode("a lie"), code: "E_MALFORMED" },
  "a bundle that is too large": { line: "ok 8388609", body: new Uint8Array(), code: "E_TOO_LARGE" },
  "an answer that is none": { line: "maybe", body: new Uint8Array(), code: "E_MALFORMED" },
  "less than it promises": { line: "ok 100", body: new Uint8Array(99), code: "E_UNREACHABLE" },
};

for (const [what, { line: answer, body, code }] of Object.entries(ANSWERS)) {
  test(`whoever gives ${what} brings nothing, and the others are asked`, async () => {
    const { repository, nodes: [honest] } = await line(`gossip answer ${what}`, 1);
    const liar = await startStranger(honest!.address);
    await liar.host.handle(PEER_PROTOCOL, async (stream) => {
      stream.addEventListener("message", () => {}); // the request; unread, it would keep the stream open
      const head = new TextEncoder().encode(answer);
      stream.send(Uint8Array.of(0, 0, 0, head.length));
      stream.send(head);
      stream.send(body);
      await stream.close();
    });
    repository.publish();
    const knowing = memoryKnowledge(repository.pinnedRoot, NOW);
    const message = encodeRelease(repository.bytes("timestamp"));
    await liar.host.services.pubsub.publish(TOPIC, message);
    await until("it was judged", () => verdicts(honest!).length > 0);
    assert.deepEqual(verdicts(honest!), [`ignore ${code}`]);
    assert.equal(honest!.knowledge.timestampVersion(), 1);
    knowing.follow(repository);
    await startNode(knowing, { peers: [honest!.address] });
    await until("somebody else brought it", () => honest!.knowledge.timestampVersion() === 2);
  });
}

test("a node whose peer was away connects to it again", async () => {
  const { repository, nodes: [node] } = await line("gossip away", 1);
  const follower = await startNode(memoryKnowledge(repository.pinnedRoot, NOW), { peers: [node!.address] });
  await until("connected", () => follower.peers().length === 1);
  const [, , ip, , port] = node!.address.split("/");
  await node!.stop();
  await until("noticed", () => follower.peers().length === 0);
  const again = memoryKnowledge(repository.pinnedRoot, NOW);
  again.follow(repository);
  const back = await startNode(again, { listen: [`/ip4/${ip}/tcp/${port}`], identity: node!.identity });
  await until("connected again", () => back.peers().length === 1);
  await until("brought up to date", () => follower.knowledge.timestampVersion() === again.timestampVersion());
});

test("nothing is said about a spare address that cannot be listened on", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  after(() => taken.close());
  const { port } = taken.address() as AddressInfo; // it listens on TCP
  const address = `/ip4/127.0.0.1/tcp/${port}`, repository = createReleaseRepository({ seed: "spare", nowMs: NOW });
  const told = async (o: { listen: string[]; spareListen?: string[] }) => {
    const node = await startNode(memoryKnowledge(repository.pinnedRoot, NOW), o);
    return node.events.flatMap((e) => e.type === "not-listening" ? [e.address] : []);
  };
  assert.deepEqual(await told({ listen: [freshAddress(), address] }), [address]);
  assert.deepEqual(await told({ listen: [freshAddress()], spareListen: [address] }), []);
  await assert.rejects(told({ listen: [address] }), /not possible to listen/);
});
