// What one network may take of the places for connections. docs/gossip.md, "Connections".
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Upgrader } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { networkOf } from "../../../src/net/address.ts";
import { sharedOut } from "../../../src/heavy/network-shares.ts";

/** An upgrader whose handshakes end when the test says so, and the connections that come to it. */
function scene() {
  const ends: ((failure?: Error) => void)[] = [];
  const upgrader = {
    upgradeInbound: () =>
      new Promise<void>((resolve, reject) =>
        ends.push((failure) => failure === undefined ? resolve() : reject(failure))
      ),
  } as unknown as Upgrader; // nothing else of it is asked for
  const shared = sharedOut(upgrader, {
    networkOf,
    maxInboundOfNetwork: 3,
    maxHandshakesOfNetwork: 2,
    maxNewOfNetwork: 6,
  });

  /** @returns "waits" while its handshake goes on */
  async function come(from: string) {
    const connection = Object.assign(new EventTarget(), { remoteAddr: multiaddr(from), status: "open" });
    const upgraded = shared.upgradeInbound(connection as never, { signal: AbortSignal.timeout(1_000) });
    const fate = upgraded.then(() => "is in", (e: Error) => e.message);
    const now = await Promise.race([fate, new Promise<string>((resolve) => setImmediate(resolve, "waits"))]);
    return { now, fate, close: () => connection.dispatchEvent(new Event("close")) };
  }
  return { come, ends };
}

const REFUSED = /^too many /;

test("one address has its share of handshakes, and what it does not finish is no trouble to another one", async () => {
  const { come, ends } = scene();
  const first = await come("/ip4/8.8.8.8/tcp/1");
  assert.equal((await come("/ip4/8.8.8.8/tcp/2")).now, "waits");
  assert.match((await come("/ip4/8.8.8.8/tcp/3")).now, REFUSED);
  assert.equal((await come("/ip4/8.8.4.4/tcp/1")).now, "waits");
  ends[0]?.(new Error("silence"));
  assert.equal(await first.fate, "silence");
  assert.equal((await come("/ip4/8.8.8.8/tcp/4")).now, "waits");
});

test("one address has its share of connections, until they close", async () => {
  const { come, ends } = scene();
  const all = [];
  for (const port of [1, 2, 3]) {
    const one = await come(`/ip4/8.8.8.8/tcp/${port}`);
    ends.pop()?.();
    assert.equal(await one.fate, "is in");
    all.push(one);
  }
  assert.match((await come("/ip4/8.8.8.8/tcp/4")).now, REFUSED);
  all[1]?.close();
  const late = await come("/ip4/8.8.8.8/tcp/6");
  assert.match((await come("/ip4/8.8.8.8/tcp/7")).now, REFUSED, "with those whose handshakes go on");
  ends.pop()?.(new Error("silence"));
  assert.equal(await late.fate, "silence");
  assert.equal((await come("/ip4/8.8.8.8/tcp/5")).now, "waits");
});

test("one network makes so many new connections in a second, at whatever addresses and whatever becomes of them", async () => {
  const { come, ends } = scene();
  for (let i = 1; i <= 6; i++) {
    const one = await come(`/ip6/2001:db8::${i}/tcp/1`);
    assert.equal(one.now, "waits");
    ends.pop()?.(new Error("silence"));
    await one.fate;
  }
  assert.match((await come("/ip6/2001:db8::7/tcp/1")).now, REFUSED);
  assert.equal((await come("/ip6/2001:db9::1/tcp/1")).now, "waits");
  await delay(1_050);
  assert.equal((await come("/ip6/2001:db8::7/tcp/1")).now, "waits");
});

describe("of one network are", () => {
  for (
    const [what, first, second, other] of [
      ["64 bits of IPv6", "/ip6/2001:db8:1:2::1", "/ip6/2001:db8:1:2:ffff::9", "/ip6/2001:db8:1:3::1"],
      ["an IPv4 address and the same in IPv6", "/ip4/8.8.8.8", "/ip6/::ffff:8.8.8.8", "/ip6/::ffff:8.8.4.4"],
    ] as const
  ) {
    test(what, async () => {
      const { come } = scene();
      const comes = async (from: string) => (await come(`${from}/tcp/1`)).now;
      assert.deepEqual([await comes(first), await comes(second)], ["waits", "waits"]);
      for (const from of [first, second]) assert.match(await comes(from), REFUSED);
      assert.equal(await comes(other), "waits");
    });
  }
});
