// Who has left is not remembered for ever. docs/gossip.md, "Connections".
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { forgetLeavers } from "../../../src/gossip/connections.ts";
import type { Host } from "../../../src/gossip/host.ts";
import { loadLibp2p } from "../../../src/heavy/gossip.ts";
import { startLoneHost } from "../../support/lone-host.ts";
import { newIdentity } from "../../support/new-identity.ts";
import { until } from "../../support/until.ts";

const inBook = async (host: Host) => (await host.peerStore.all()).map(({ id }) => id.toString());

function forget(host: Host, known: readonly string[], keepMs?: number): void {
  const stopping = new AbortController();
  after(() => stopping.abort());
  const { signal } = stopping, connected = () => host.getPeers().map(String);
  const isKept = (peer: string) => known.includes(peer) || connected().includes(peer);
  void forgetLeavers({ signal, book: host.peerStore, isKept, lookMs: 20, ...(keepMs === undefined ? {} : { keepMs }) });
}

test("strangers that left are forgotten, who is connected or known is not", async () => {
  const host = await startLoneHost();
  const staying = await startLoneHost(), known = await startLoneHost();
  const all = [staying, known, await startLoneHost(), await startLoneHost()];
  for (const other of all) await other.dial(host.getMultiaddrs()[0]!); // it listens
  await until("all are in the book", async () => (await inBook(host)).length === all.length);
  for (const leaving of all.slice(1)) await leaving.stop();
  await until("they have left", () => host.getPeers().length === 1);
  forget(host, [known.peerId.toString()], 50);
  await until("two are left", async () => (await inBook(host)).length === 2);
  const kept = [staying, known].map((h) => h.peerId.toString());
  assert.deepEqual((await inBook(host)).sort(), kept.sort());
});

test("of too many those that are away for longest are forgotten at once", async () => {
  const host = await startLoneHost(), library = await loadLibp2p();
  const meet = async () => {
    const id = library.privateKeyFromRaw(newIdentity()).publicKey.toString();
    await host.peerStore.save(library.peerIdFromString(id), {});
    return id;
  };
  const first = await meet();
  forget(host, []);
  for (let i = 0; i < 300; i++) await meet();
  const last = await meet();
  await until("as many are left as may be", async () => (await inBook(host)).length === 256);
  const left = await inBook(host);
  assert.deepEqual([left.includes(first), left.includes(last)], [false, true]);
});
