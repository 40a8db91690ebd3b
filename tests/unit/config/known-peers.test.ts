// Peers that are remembered: bounded, forgotten in time, and never a reason to fail. docs/formats.md, gossip/peers.json.
import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  joinPeers,
  type KnownPeer,
  MAX_KNOWN_PEERS,
  readAllPeers,
  readKnownPeers,
  writeKnownPeers,
} from "../../../src/config/known-peers.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const folder = tempFolder("known-peers");
after(() => rmSync(folder, { recursive: true, force: true }));

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 0, 1);
const home = { knownPeersFile: join(folder, "gossip", "peers.json") };
const peer = (n: number, seenMs: number, isNamed = false): KnownPeer => ({
  address: `/ip4/203.0.113.7/tcp/${n}/p2p/12D3KooW`,
  isNamed,
  seenMs,
});

test("what is written is read, who answered last first", async () => {
  const peers = [peer(2, NOW), peer(1, NOW - DAY_MS, true)];
  await writeKnownPeers(home, peers);
  assert.deepEqual(await readKnownPeers(home, NOW), peers);
});

test("who did not answer for a month is not tried, and stays known: the clock may be wrong", async () => {
  const peers = [peer(3, NOW + 1_000 * DAY_MS), peer(2, NOW - 30 * DAY_MS), peer(1, NOW - 31 * DAY_MS)];
  await writeKnownPeers(home, peers);
  assert.deepEqual(await readKnownPeers(home, NOW), peers.slice(0, 2));
  assert.deepEqual(await readAllPeers(home), peers);
});

test("what is seen now counts, not what a clock that was ahead has noted", () => {
  const ahead = [peer(1, NOW + 1_000 * DAY_MS), peer(2, NOW + 1_000 * DAY_MS)];
  assert.deepEqual(joinPeers(ahead, [peer(2, NOW)]), [peer(2, NOW), peer(1, NOW + 1_000 * DAY_MS)]);
});

test("ten thousand peers leave those that are there, and of others those that answered last", () => {
  const many = Array.from({ length: 10_000 }, (_, i) => peer(i, NOW - i));
  const kept = joinPeers(many, [peer(9_999, NOW)]);
  assert.deepEqual(kept, [peer(9_999, NOW), ...many].slice(0, MAX_KNOWN_PEERS));
});

test("once named, a peer stays named", () => {
  assert.deepEqual(joinPeers([peer(1, NOW - 1, true)], [peer(1, NOW)]), [peer(1, NOW, true)]);
});

const LIES = [
  "",
  "{",
  "[]",
  '{"format":"dchat-peers-2","peers":[]}',
  '{"format":"dchat-peers-1","peers":[{"address":1}]}',
];
for (const text of [...LIES, " ".repeat(70_000)]) {
  test(`a file that says ${JSON.stringify(text.slice(0, 60))} is as good as none`, async () => {
    mkdirSync(join(folder, "gossip"), { recursive: true });
    writeFileSync(home.knownPeersFile, text);
    assert.deepEqual(await readKnownPeers(home, NOW), []);
  });
}
