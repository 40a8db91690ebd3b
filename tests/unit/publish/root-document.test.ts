import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, test } from "node:test";
import { makeRoot, type NamedKey, type RootChanges } from "../../../src/publish/root-document.ts";
import { isJsonObject } from "../../../src/trust/json.ts";
import { keyIdOf } from "../../../src/trust/keys.ts";
import { readXDchat } from "../../../src/trust/x-dchat.ts";
import { fails } from "../../support/fails.ts";

function key(): NamedKey {
  const der = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "der" });
  const publicKey = new Uint8Array(der.subarray(12));
  return { keyId: keyIdOf(publicKey), publicKey };
}

const [a, b, g1, g2] = [key(), key(), key(), key()];
const ONE: RootChanges = {
  network: "testnet",
  roles: { root: [a], targets: [a], snapshot: [a], timestamp: [a] },
  thresholds: {},
  quorums: {},
};
const NOTHING: RootChanges = { roles: {}, thresholds: {}, quorums: {} };
const FIRST = { version: 1, nowMs: Date.parse("2026-01-31T12:00:00.500Z") };
const GOVERNED: RootChanges = { ...ONE, governors: [{ ...g1, weight: 40 }, { ...g2, weight: 60 }] };

describe("a root", () => {
  test("lives a year when nothing else is said, and its successor as long as it did", () => {
    assert.equal(makeRoot(undefined, ONE, FIRST).signed.expiresMs, Date.parse("2027-01-31T12:00:00Z"));
    const short = makeRoot(undefined, ONE, { ...FIRST, lifetimeDays: 10 });
    const next = makeRoot(short, NOTHING, { version: 2, nowMs: FIRST.nowMs });
    assert.equal(next.signed.expiresMs, Date.parse("2026-02-10T12:00:00Z"));
  });

  test("names each key once and none that has no role", () => {
    const root = makeRoot(undefined, GOVERNED, FIRST);
    assert.deepEqual([...root.signed.keys.keys()].sort(), [a.keyId, g1.keyId, g2.keyId].sort());
    const next = makeRoot(root, { ...NOTHING, roles: { root: [b], targets: [b], snapshot: [b], timestamp: [b] } }, {
      version: 2,
      nowMs: FIRST.nowMs,
    });
    assert.deepEqual([...next.signed.keys.keys()].sort(), [b.keyId, g1.keyId, g2.keyId].sort());
  });

  test("keeps what is not mentioned", () => {
    const chain = { kind: "evm", genesis: "0xabc", finality: { tag: "finalized" } };
    const root = makeRoot(undefined, { ...GOVERNED, chain, sync: "walk", minLeadBlocks: 100 }, FIRST);
    const next = makeRoot(root, { ...NOTHING, thresholds: { root: 1 } }, { version: 2, nowMs: FIRST.nowMs });
    assert.deepEqual(readXDchat(next.signed), readXDchat(root.signed));
    assert.deepEqual(next.signed.roles, root.signed.roles);
  });

  test("has the least quorums the format allows, or higher ones", () => {
    assert.deepEqual(readXDchat(makeRoot(undefined, GOVERNED, FIRST).signed).governance?.quorum, {
      "soft-fork": 51,
      "hard-fork": 67,
      "security-patch": 51,
      "feature-toggle": 51,
    });
    const raised = makeRoot(undefined, { ...GOVERNED, quorums: { "hard-fork": 100 } }, FIRST);
    assert.equal(readXDchat(raised.signed).governance?.quorum["hard-fork"], 100);
    // Other governors have another total: old quorums would mean something else.
    const fewer = makeRoot(raised, { ...NOTHING, governors: [{ ...g1, weight: 3 }] }, { version: 2, nowMs: 0 });
    assert.equal(readXDchat(fewer.signed).governance?.quorum["hard-fork"], 2);
  });

  test("says in which extension fields it differs from TUF, and in no others", () => {
    const { signed } = makeRoot(undefined, GOVERNED, FIRST).envelope;
    const fields = Object.keys(signed).filter((name) => name.startsWith("x-")).sort();
    assert.deepEqual(fields, ["x-dchat", "x-dchat-lifetime-days"]);
    const extension = signed["x-dchat"];
    assert.ok(isJsonObject(extension));
    assert.deepEqual(Object.keys(extension).sort(), ["governance", "network"]);
  });

  const refused: [what: string, changes: RootChanges, words: string][] = [
    ["a role without keys", { ...ONE, roles: { root: [a], targets: [a], snapshot: [a] } }, "timestamp role has no key"],
    ["a threshold above its keys", { ...ONE, thresholds: { targets: 2 } }, "release role has 1 key"],
    ["two thresholds' worth of one key", {
      ...ONE,
      roles: { ...ONE.roles, root: [a, a] },
      thresholds: { root: 2 },
    }, "root role has 1 key"],
    ["a quorum below the least", { ...GOVERNED, quorums: { "hard-fork": 66 } }, "from 67"],
    ["a quorum above the total", { ...GOVERNED, quorums: { "soft-fork": 101 } }, "total weight 100"],
    ["a quorum without governors", { ...ONE, quorums: { "soft-fork": 1 } }, "needs governors"],
    ["a governor who signs releases", { ...ONE, governors: [{ ...a, weight: 1 }] }, "release key"],
    ["a network's name that is no name", { ...ONE, network: "../mainnet" }, "network"],
    ["governors and a chain but no lead time", {
      ...GOVERNED,
      chain: { kind: "evm", genesis: "0xabc", finality: "instant" },
    }, "--min-lead-blocks"],
    ["no network", { ...ONE, network: undefined }, "network"],
  ];
  for (const [what, changes, words] of refused) {
    test(`with ${what} is refused`, () => {
      assert.throws(() => makeRoot(undefined, changes, FIRST), fails("E_USAGE", words));
    });
  }
});
