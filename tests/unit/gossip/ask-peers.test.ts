// Peers that are asked once, among them some that stall, lie or flood. docs/gossip.md, "What a command asks".
import assert from "node:assert/strict";
import { test } from "node:test";
import { askPeers } from "../../../src/gossip/ask-peers.ts";
import { PEER_PROTOCOL } from "../../../src/gossip/peer-protocol.ts";
import { memoryKnowledge, startNode, startStranger, type Stranger } from "../../support/gossip-network.ts";
import { createReleaseRepository } from "../../support/release-repository.ts";

const NOW = Date.UTC(2026, 0, 1);

async function scene(seed: string) {
  const repository = createReleaseRepository({ seed, nowMs: NOW });
  const mine = memoryKnowledge(repository.pinnedRoot, NOW);
  mine.follow(repository);
  repository.publish();
  const theirs = memoryKnowledge(repository.pinnedRoot, NOW);
  theirs.follow(repository);
  return { mine, node: await startNode(theirs) };
}

const asking = (mine: ReturnType<typeof memoryKnowledge>, addresses: readonly string[], timeoutMs = 5_000) =>
  askPeers({
    knowledge: mine,
    addresses,
    named: addresses,
    allowPrivate: false,
    timeoutMs,
    signal: new AbortController().signal,
  });

const addressOf = ({ host }: Stranger) => `${host.getMultiaddrs()[0]}`;

/** Answers requests with a line and a body. */
async function answering(stranger: Stranger, line: string, body: Uint8Array): Promise<void> {
  await stranger.host.handle(PEER_PROTOCOL, (stream) => {
    stream.addEventListener("message", () => {});
    const head = new TextEncoder().encode(line);
    stream.send(Uint8Array.of(0, 0, 0, head.length));
    stream.send(head);
    stream.send(body);
  });
}

test("one good peer among a liar, a flooder and a staller is enough, and only the lie is called one", async () => {
  const { mine, node } = await scene("ask mixed");
  const strangers = [];
  for (let i = 0; i < 3; i++) strangers.push(await startStranger(node.address));
  const [liar, flooder, staller] = strangers as [Stranger, Stranger, Stranger]; // three were started
  await answering(liar, "ok 5", new TextEncoder().encode("a lie"));
  await answering(flooder, "ok 99999999999999", new Uint8Array(1 << 20));
  await staller.host.handle(PEER_PROTOCOL, (stream) => stream.addEventListener("message", () => {}));
  const beganMs = performance.now();
  const answers = await asking(mine, [...[liar, flooder, staller].map(addressOf), node.address], 20_000);
  assert.ok(performance.now() - beganMs < 9_000, "the staller is not waited for once another has answered");
  assert.deepEqual(answers.map((x) => x.answer ?? x.error?.code), ["E_MALFORMED", "E_TOO_LARGE", "E_TIMEOUT", "newer"]);
  assert.deepEqual(answers.map((x) => x.isLie), [true, true, false, false]);
  assert.equal(mine.timestampVersion(), 2);
});

test("a peer that knows no more says so, and one who is not there is no answer", async () => {
  const { mine, node } = await scene("ask same");
  await asking(mine, [node.address]);
  const answers = await asking(mine, [node.address, "/ip4/127.19.1.1/tcp/9"]);
  assert.deepEqual(answers.map((x) => x.answer ?? x.error?.code), ["same", "E_UNREACHABLE"]);
});

test("an address that nobody named is not connected to when it is private", async () => {
  const { mine, node } = await scene("ask private");
  const signal = new AbortController().signal;
  const o = { knowledge: mine, addresses: [node.address], named: [], timeoutMs: 5_000, signal };
  const [refused] = await askPeers({ ...o, allowPrivate: false });
  assert.equal(refused?.answer, undefined);
  assert.equal(node.peers().length, 0);
  const [allowed] = await askPeers({ ...o, allowPrivate: true });
  assert.equal(allowed?.answer, "newer");
});
