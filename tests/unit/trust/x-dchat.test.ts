import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { acceptRoot, pinRoot } from "../../../src/trust/client.ts";
import { keyObject } from "../../../src/trust/keys.ts";
import { isNetworkName, leastQuorums, networkOf, readXDchat, requireNetwork } from "../../../src/trust/x-dchat.ts";
import { refused } from "../../support/refused.ts";
import { at, type MutableJson, type MutableObject, put, testKey } from "../../support/signed-file.ts";
import { createTufRepository, type TufRepository } from "../../support/tuf-repository.ts";

const governors = [testKey("governor 0"), testKey("governor 1"), testKey("governor 2")];
const [g0, g1, g2] = governors.map((k) => k.id) as [string, string, string];
const digests = { sha256: "00".repeat(32), blake3: "11".repeat(32) };

function whole(): MutableObject {
  return {
    network: "testnet",
    chain: { kind: "evm", genesis: "0xabc", finality: { tag: "finalized" } },
    sync: "walk",
    min_lead_blocks: 100,
    genesis: { version: "0.1.0", targets: { "dchat/0.1.0/dchat-0.1.0-linux-x64": { length: 1, ...digests } } },
    governance: {
      governors: { [g0]: 40, [g1]: 30, [g2]: 30 },
      quorum: { "soft-fork": 51, "hard-fork": 67, "security-patch": 51, "feature-toggle": 51 },
      first_sequence: 1,
    },
  };
}

/** The root of a repository whose x-dchat has one edit. */
function root(path?: (string | number)[], to?: MutableJson): Parameters<typeof readXDchat>[0] {
  const x: MutableObject = { "x-dchat": whole() };
  if (path !== undefined) put(x, ["x-dchat", ...path], to);
  return pinRoot(repository(x).bytes("root")).root.signed;
}

function repository(rootFields: MutableObject): TufRepository {
  const repo = createTufRepository({ seed: "x-dchat", rootFields });
  for (const k of governors) put(repo.draft("root"), ["keys", k.id], keyObject(k.publicKey) as MutableObject);
  repo.publishRoot();
  return repo;
}

describe("x-dchat of a root", () => {
  test("is read whole", () => {
    const x = readXDchat(root());
    assert.equal(x.network, "testnet");
    assert.deepEqual(x.chain, { kind: "evm", genesis: "0xabc", finality: { tag: "finalized" } });
    assert.equal(x.governance?.governors.get(g0), 40);
    assert.equal(x.governance?.quorum["hard-fork"], 67);
    assert.equal(x.genesis?.version, "0.1.0");
    assert.equal(networkOf(root()), "testnet");
  });

  test("may be no more than a network", () => {
    const lone = createTufRepository({ seed: "lone", rootFields: { "x-dchat": { network: "n" } } });
    assert.deepEqual(readXDchat(pinRoot(lone.pinnedRoot).root.signed), {
      network: "n",
      chain: undefined,
      sync: undefined,
      minLeadBlocks: undefined,
      genesis: undefined,
      governance: undefined,
    });
  });

  test("knows three kinds of finality", () => {
    assert.equal(readXDchat(root(["chain", "finality"], "instant")).chain?.finality, "instant");
    assert.deepEqual(readXDchat(root(["chain", "finality"], { depth: 0 })).chain?.finality, { depth: 0 });
  });

  const release = createTufRepository({ seed: "x-dchat" });
  const releaseKey = (role: string) => at(release.draft("root"), "roles", role, "keyids", 0) as string;
  const bad: Record<string, [(string | number)[], MutableJson | undefined]> = {
    "no network": [["network"], undefined],
    "a network in capitals": [["network"], "Testnet"],
    "a network with a slash": [["network"], "a/b"],
    "a network of 65 characters": [["network"], "a".repeat(65)],
    "a chain without kind": [["chain", "kind"], undefined],
    "a finality nobody knows": [["chain", "finality"], "soon"],
    "a finality without depth": [["chain", "finality"], {}],
    "a negative depth": [["chain", "finality"], { depth: -1 }],
    "a way to sync nobody knows": [["sync"], "jump"],
    "a negative lead": [["min_lead_blocks"], -1],
    "a genesis version that is none": [["genesis", "version"], "first"],
    "a genesis target that climbs": [["genesis", "targets"], { "../x": { length: 1, ...digests } }],
    "an empty genesis target": [["genesis", "targets"], { x: { length: 0, ...digests } }],
    "a genesis target without digests": [["genesis", "targets"], { x: { length: 1 } }],
    "no governors": [["governance", "governors"], {}],
    "a governor without weight": [["governance", "governors", g0], 0],
    "a weight in quotes": [["governance", "governors", g0], "40"],
    "a governor whose key root does not hold": [["governance", "governors", testKey("nobody").id], 1],
    "a governor who holds the targets key": [["governance", "governors", releaseKey("targets")], 1],
    "a governor who holds the snapshot key": [["governance", "governors", releaseKey("snapshot")], 1],
    "a governor who holds the timestamp key": [["governance", "governors", releaseKey("timestamp")], 1],
    "weights that cannot be added": [["governance", "governors"], { [g0]: 2 ** 53 - 1, [g1]: 1 }],
    "no hard-fork quorum": [["governance", "quorum", "hard-fork"], undefined],
    "half of the weight for a soft fork": [["governance", "quorum", "soft-fork"], 50],
    "half of the weight for a security patch": [["governance", "quorum", "security-patch"], 50],
    "half of the weight for a feature toggle": [["governance", "quorum", "feature-toggle"], 50],
    "less than two thirds for a hard fork": [["governance", "quorum", "hard-fork"], 66],
    "more than everybody": [["governance", "quorum", "hard-fork"], 101],
    "sequences from 0": [["governance", "first_sequence"], 0],
  };
  for (const [name, [path, to]] of Object.entries(bad)) {
    test(`is refused: ${name}`, () => void refused("E_MALFORMED", () => readXDchat(root(path, to))));
  }

  test("that is invalid or absent stops activation, never the root chain: the next root can mend it", () => {
    for (const x of [undefined, 1, { network: 5 }] as (MutableJson | undefined)[]) {
      const repo = repository(x === undefined ? {} : { "x-dchat": x });
      const state = pinRoot(repo.bytes("root"));
      refused("E_MALFORMED", () => readXDchat(state.root.signed));
      repo.draft("root")["x-dchat"] = whole();
      repo.publishRoot();
      assert.equal(readXDchat(acceptRoot(state, repo.bytes("root")).root.signed).network, "testnet");
    }
  });

  test("of another network is another repository's", () => {
    requireNetwork(root(), "testnet");
    refused("E_MALFORMED", () => requireNetwork(root(), "mainnet"));
  });
});

describe("the least quorums", () => {
  test("are more than half, and at least two thirds, for every total", () => {
    for (let total = 1; total <= 1000; total++) {
      const { majority, twoThirds } = leastQuorums(total);
      assert.ok(2 * majority > total && 2 * (majority - 1) <= total);
      assert.ok(3 * twoThirds >= 2 * total && 3 * (twoThirds - 1) < 2 * total);
    }
  });

  test("stay exact at the end of the safe integers", () => {
    const total = Number.MAX_SAFE_INTEGER, { majority, twoThirds } = leastQuorums(total);
    assert.ok(2n * BigInt(majority) > BigInt(total) && 2n * BigInt(majority - 1) <= BigInt(total));
    assert.ok(3n * BigInt(twoThirds) >= 2n * BigInt(total) && 3n * BigInt(twoThirds - 1) < 2n * BigInt(total));
  });
});

test("a network name can stand in a topic and a path", () => {
  for (const good of ["a", "0", "main-net_1.2", "a".repeat(64)]) assert.equal(isNetworkName(good), true, good);
  for (const bad of ["", ".", "..", "-a", "_a", "A", "a b", "a/b", "ä", "a\n", "a".repeat(65)]) {
    assert.equal(isNetworkName(bad), false, bad);
  }
});
