// What peers say of mirrors: read strictly, bounded, and asked for within a moment. docs/formats.md, "Peer protocol".
import assert from "node:assert/strict";
import { test } from "node:test";
import { HINTS, isHint, MAX_HINTS } from "../../../src/gossip/mirror-hints.ts";
import { PEER_PROTOCOL } from "../../../src/gossip/peer-protocol.ts";
import { memoryKnowledge, startNode, startStranger, type Stranger } from "../../support/gossip-network.ts";
import { createReleaseRepository } from "../../support/release-repository.ts";
import { refused } from "../../support/refused.ts";
import { until } from "../../support/until.ts";

const GOOD = ["https://a.example/dchat", "https://93.184.216.34:8443", "https://[2606:4700::1]/x/"];

test("hints come back as they were; what is none, and the ninth, are left out", () => {
  assert.deepEqual(HINTS.decode(HINTS.encode(GOOD)), GOOD);
  assert.deepEqual(HINTS.decode(HINTS.encode(["http://a.example", ...GOOD, GOOD[0] ?? ""])), GOOD);
  const many = Array.from({ length: 1_000 }, (_, i) => `https://m${i}.example`);
  assert.deepEqual(HINTS.decode(HINTS.encode(many)), many.slice(0, MAX_HINTS));
});

const LIES = [
  "",
  "http://a.example",
  "ftp://a.example",
  "https://",
  "https://user@a.example",
  "https://user:secret@a.example/",
  "https://a.example/?token=1",
  "https://a.example/#x",
  "https://a.example/{version}",
  "https://a.example/a b",
  "https://a.example/\u202e",
  "https://A.example/",
  "https://a.example/x/../y",
  "https://2130706433/",
  "https://0x7f.1/",
  "https:\\\\a.example",
  " https://a.example",
  `https://a.example/${"x".repeat(512)}`,
];
for (const lie of LIES) {
  test(`${JSON.stringify(lie.slice(0, 60))} is no hint`, () => {
    assert.equal(isHint(lie), false);
    refused("E_MALFORMED", () => HINTS.decode(new TextEncoder().encode(lie)));
  });
}

test("nine hints, and a thousand, are refused", () => {
  for (const count of [9, 1_000]) {
    const text = Array.from({ length: count }, (_, i) => `https://m${i}.example`).join("\n");
    refused("E_MALFORMED", () => HINTS.decode(new TextEncoder().encode(text)));
  }
});

const NOW = Date.UTC(2026, 0, 1);

async function nodeOf(seed: string, mirrors?: () => Promise<readonly string[]>) {
  const repository = createReleaseRepository({ seed, nowMs: NOW });
  const knowledge = memoryKnowledge(repository.pinnedRoot, NOW);
  knowledge.follow(repository);
  return await startNode(knowledge, { mirrors });
}

test("a node tells what worked for it when it is asked, and not again at once", async () => {
  const teller = await nodeOf("hints told", () => Promise.resolve(GOOD));
  const silent = await nodeOf("hints told");
  const asker = await nodeOf("hints told");
  const friend = await startNode(asker.knowledge, { peers: [teller.address, silent.address] });
  await until("connected", () => friend.peers().length === 2);
  const told = await friend.mirrorHints();
  assert.deepEqual(told.map((t) => t.urls).sort((a, b) => a.length - b.length), [[], GOOD]);
  assert.deepEqual((await friend.mirrorHints()).map((t) => t.urls), [[], []]);
});

/** Answers every request with this. */
async function answering({ host }: Stranger, head: string | undefined, body: Uint8Array): Promise<void> {
  await host.handle(PEER_PROTOCOL, (stream) => {
    stream.addEventListener("message", () => {});
    if (head === undefined) return;
    const line = new TextEncoder().encode(head);
    stream.send(Uint8Array.of(0, 0, 0, line.length));
    stream.send(line);
    stream.send(body);
  });
}

test("who answers with too much or with nonsense is told of as a liar; who stalls holds nobody up", async () => {
  const node = await nodeOf("hints lies");
  const [huge, garbage, stalling] = [
    await startStranger(node.address),
    await startStranger(node.address),
    await startStranger(node.address),
  ];
  const answers = async () => {
    await answering(huge, "ok 99999999999999", new Uint8Array(1 << 20));
    await answering(garbage, "ok 7", new TextEncoder().encode("garbage"));
    await answering(stalling, undefined, new Uint8Array());
  };
  await answers();
  const beganMs = performance.now();
  assert.deepEqual((await node.mirrorHints()).map((t) => t.urls), [[], [], []]);
  assert.ok(performance.now() - beganMs < 4_000);
  const blamed = node.events.flatMap((e) => e.type === "lie" ? [[e.peer, e.error.code]] : []);
  assert.deepEqual(
    new Set(blamed.map(([peer, code]) => `${peer} ${code}`)),
    new Set([`${huge.host.peerId} E_TOO_LARGE`, `${garbage.host.peerId} E_MALFORMED`]),
  );
});
