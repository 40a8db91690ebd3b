import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { acceptRoot, acceptTimestamp, isComplete, pinRoot, type TrustState } from "../../../src/trust/client.ts";
import { restoreTrust, type StoredTrust, storedTrust } from "../../../src/trust/stored-trust.ts";
import { refused } from "../../support/refused.ts";
import { strictClock, update } from "../../support/trust-client.ts";
import { createTufRepository, DAY_MS, resigned, type TufRepository } from "../../support/tuf-repository.ts";

const NOW = Date.UTC(2026, 0, 1);
const clock = strictClock(NOW);

function repository(metaHashes = true): TufRepository {
  const repo = createTufRepository({ seed: "stored", nowMs: NOW, metaHashes });
  repo.delegate({ name: "A" });
  repo.delegate({ name: "B", parent: "A" });
  repo.delegate({ name: "__proto__", parent: "B" });
  repo.publish();
  return repo;
}

const full = (repo: TufRepository): TrustState => {
  const { state, error } = update(pinRoot(repo.pinnedRoot), repo.files(), clock, "missing");
  assert.equal(error, undefined);
  return state;
};
const ROLES = ["targets", "A", "B", "__proto__"];
const roles = (s: TrustState) => [...s.targets.keys()];
const turned = (bytes: Uint8Array | undefined) => (bytes ?? new Uint8Array()).map((b, i) => (i === 30 ? b ^ 1 : b));

describe("stored trust", () => {
  test("comes back as it was, delegated roles in any order", () => {
    const stored = storedTrust(full(repository()));
    for (const targets of [stored.targets, new Map([...stored.targets].reverse())]) {
      const back = restoreTrust({ ...stored, targets });
      assert.ok(isComplete(back));
      assert.deepEqual(roles(back).sort(), [...ROLES].sort());
      assert.deepEqual(storedTrust(back).roots, stored.roots);
      assert.deepEqual(storedTrust(back).timestamp, stored.timestamp);
    }
  });

  test("comes back when it has expired: it is still a floor", () => {
    const repo = repository();
    const back = restoreTrust(storedTrust(full(repo)));
    assert.equal(back.timestamp?.signed.version, 2);
    const late = strictClock(NOW + 3 * DAY_MS);
    assert.equal(update(back, repo.files(), late).error?.code, "E_EXPIRED");
    const old = resigned(repo, "timestamp", ["version"], 1);
    refused("E_ROLLBACK", () => acceptTimestamp(back, old, clock), "TUF 5.4.3.1");
  });

  test("of an incomplete update comes back as far as it went", () => {
    const stored = storedTrust(full(repository()));
    assert.equal(restoreTrust({ roots: stored.roots, targets: new Map() }).timestamp, undefined);
    const noSnapshot = restoreTrust({ ...stored, snapshot: undefined });
    assert.equal(noSnapshot.timestamp?.signed.version, 2);
    assert.deepEqual(roles(noSnapshot), []);
    assert.deepEqual(roles(restoreTrust({ ...stored, targets: new Map([...stored.targets].slice(0, 2)) })), [
      "targets",
      "A",
    ]);
  });

  test("loses what a rotated key has signed, and what hangs on it", () => {
    const rotated = (role: "timestamp" | "snapshot" | "targets", metaHashes = true): TrustState => {
      const repo = repository(metaHashes);
      const stored = storedTrust(full(repo));
      repo.rotate(role);
      return restoreTrust({ ...stored, roots: [...stored.roots, repo.bytes("root")] });
    };
    assert.equal(rotated("timestamp").timestamp, undefined);
    assert.equal(rotated("timestamp").snapshot, undefined);
    assert.equal(rotated("snapshot").timestamp?.signed.version, 2);
    assert.equal(rotated("snapshot").snapshot, undefined);
    for (const metaHashes of [true, false]) {
      assert.equal(rotated("targets", metaHashes).snapshot?.signed.version, 2);
      assert.deepEqual(roles(rotated("targets", metaHashes)), []);
    }
  });

  test("equals what was in memory after a root rotation", () => {
    const repo = repository();
    const state = full(repo);
    repo.rotate("timestamp");
    const after = acceptRoot(state, repo.bytes("root"));
    const back = restoreTrust(storedTrust(after));
    assert.equal(back.root.signed.version, 2);
    assert.deepEqual([back.timestamp, back.snapshot, roles(back)], [after.timestamp, after.snapshot, roles(after)]);
  });

  const damage: Record<string, (s: StoredTrust) => Partial<StoredTrust>> = {
    "timestamp": (s) => ({ timestamp: turned(s.timestamp) }),
    "snapshot": (s) => ({ snapshot: turned(s.snapshot) }),
    "top-level targets": (s) => ({ targets: new Map(s.targets).set("targets", turned(s.targets.get("targets"))) }),
    "delegated role": (s) => ({ targets: new Map(s.targets).set("B", turned(s.targets.get("B"))) }),
  };
  for (const [name, damaged] of Object.entries(damage)) {
    test(`with a damaged ${name} is repaired by the next update`, () => {
      const repo = repository();
      const stored = storedTrust(full(repo));
      const back = restoreTrust({ ...stored, ...damaged(stored) });
      assert.ok(!roles(back).includes("B"));
      const { state, error } = update(back, repo.files(), clock, "missing");
      assert.equal(error, undefined);
      assert.deepEqual(roles(state).sort(), [...ROLES].sort());
    });
  }

  test("without a root that verifies is corrupt: starting over silently would be a rollback", () => {
    const repo = repository();
    const stored = storedTrust(full(repo));
    const stranger = createTufRepository({ seed: "stranger", nowMs: NOW });
    const other = resigned(repo, "root", ["version"], 2);
    for (const roots of [[], [turned(repo.pinnedRoot)], [repo.pinnedRoot, turned(other)], [new Uint8Array()]]) {
      const e = refused("E_STATE_CORRUPT", () => restoreTrust({ ...stored, roots }));
      assert.ok(e.hint);
    }
    // Another repository's root verifies by itself, but vouches for nothing that is stored beside it.
    const foreign = restoreTrust({ ...stored, roots: [stranger.pinnedRoot] });
    assert.deepEqual([foreign.timestamp, foreign.snapshot, roles(foreign)], [undefined, undefined, []]);
  });

  test("of roles that nobody delegates to is left out", () => {
    const stored = storedTrust(full(repository()));
    const targets = new Map([...stored.targets, ["stray", stored.targets.get("A") ?? new Uint8Array()]]);
    assert.deepEqual(roles(restoreTrust({ ...stored, targets })).sort(), [...ROLES].sort());
  });
});
