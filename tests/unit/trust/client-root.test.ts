import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ErrorCode } from "../../../src/errors.ts";
import { acceptRoot, isComplete, pinRoot, requireFreshRoot } from "../../../src/trust/client.ts";
import { refused } from "../../support/refused.ts";
import { jsonFile, type MutableJson, parseFile, sha256, signedFile, tufTime } from "../../support/signed-file.ts";
import { strictClock, updated } from "../../support/trust-client.ts";
import { createTufRepository, DAY_MS, resigned, type TufRepository } from "../../support/tuf-repository.ts";

const NOW = Date.UTC(2026, 0, 1);
const clock = strictClock(NOW);
const repository = (more: Partial<Parameters<typeof createTufRepository>[0]> = {}) =>
  createTufRepository({ seed: "client", nowMs: NOW, ...more });
const fresh = (repo: TufRepository) => updated(pinRoot(repo.pinnedRoot), repo.files(), clock);

describe("the pinned root (TUF 5.2)", () => {
  const repo = repository({ roles: { root: { keys: 3, threshold: 2 } } });

  test("is taken on its own signatures, by its bytes or their digest, expired or not", () => {
    const expired = resigned(repo, "root", ["expires"], tufTime(NOW - DAY_MS));
    for (const bytes of [repo.pinnedRoot, expired]) {
      const state = pinRoot(bytes, sha256(bytes));
      assert.equal(state.root.signed.version, 1);
      assert.deepEqual(state.rootChain, [bytes]);
      assert.equal(isComplete(state), false);
    }
    refused("E_EXPIRED", () => requireFreshRoot(pinRoot(expired), clock), "TUF 5.3.10");
  });

  test("may start at any version", () => {
    assert.equal(pinRoot(resigned(repo, "root", ["version"], 7)).root.signed.version, 7);
  });

  const file = parseFile(repo.pinnedRoot);
  const bad: Record<string, [ErrorCode, Uint8Array]> = {
    "another digest": ["E_HASH_MISMATCH", jsonFile(file.signed)],
    "too few of its own signatures": ["E_THRESHOLD", signedFile(file.signed, repo.signers("root").slice(0, 1))],
    "a strange signature": ["E_UNTRUSTED_KEY", signedFile(file.signed, [repo.newKey()])],
    "another role's file": ["E_MALFORMED", repo.bytes("targets")],
    "more than 512,000 bytes": ["E_TOO_LARGE", new Uint8Array(512_001)],
    "nothing": ["E_MALFORMED", new Uint8Array()],
  };
  for (const [name, [code, bytes]] of Object.entries(bad)) {
    test(`is refused: ${name}`, () =>
      void refused(code, () => pinRoot(bytes, code === "E_HASH_MISMATCH" ? sha256(repo.pinnedRoot) : undefined)));
  }
});

describe("a file of any role", () => {
  const repo = repository();
  const missing = "consistent_snapshot";
  // Each is correctly signed, so that only what it says can be wrong.
  const bad: Record<string, [string, (string | number)[], MutableJson | undefined]> = {
    "version 0": ["root", ["version"], 0],
    "a negative version": ["root", ["version"], -1],
    "a version in quotes": ["root", ["version"], "1"],
    "no version": ["root", ["version"], undefined],
    "no expiry": ["root", ["expires"], undefined],
    "an expiry that is no time": ["root", ["expires"], "soon"],
    "specification 2.0": ["root", ["spec_version"], "2.0.0"],
    "specification 1": ["root", ["spec_version"], "1"],
    "no specification": ["root", ["spec_version"], undefined],
    "another type": ["root", ["_type"], "targets"],
    "no roles": ["root", ["roles"], undefined],
    "no timestamp role": ["root", ["roles", "timestamp"], undefined],
    "a threshold of 0": ["root", ["roles", "targets", "threshold"], 0],
    "consistent_snapshot that is no boolean": ["root", [missing], 1],
    "no keys": ["root", ["keys"], undefined],
  };
  for (const [name, [role, path, to]] of Object.entries(bad)) {
    test(`is refused: ${name}`, () => void refused("E_MALFORMED", () => pinRoot(resigned(repo, role, path, to))));
  }

  test("may hold fields nobody knows, and any 1.x of the specification", () => {
    for (const version of ["1.0", "1.0.0", "1.0.31", "1.99.7"]) {
      pinRoot(resigned(repo, "root", ["spec_version"], version));
    }
    pinRoot(resigned(repo, "root", ["roles", "mirrors"], { anything: 1 }));
    pinRoot(resigned(repo, "root", ["x"], { y: [1] }));
  });

  test("leaves consistent snapshots out by leaving the field out (TUF 6.2.1)", () => {
    assert.equal(pinRoot(resigned(repo, "root", [missing], undefined)).root.signed.consistentSnapshot, false);
    assert.equal(pinRoot(repo.pinnedRoot).root.signed.consistentSnapshot, true);
  });
});

describe("the next root (TUF 5.3)", () => {
  const repo = repository({ roles: { root: { keys: 3, threshold: 2 } } });
  const state = fresh(repo);
  const old = [...repo.signers("root")];
  repo.rotate("root", { keys: 3, threshold: 2 });
  const [next, signers] = [repo.bytes("root"), [...repo.signers("root")]];
  const { signed } = parseFile(next);
  const by = (...keys: typeof old) => signedFile(signed, keys);

  test("needs the threshold of the old keys and of its own", () => {
    assert.equal(acceptRoot(state, next).root.signed.version, 2);
    assert.equal(acceptRoot(state, by(...old.slice(1), ...signers.slice(1))).root.signed.version, 2);
  });

  const bad: [string, ErrorCode, Uint8Array][] = [
    ["not signed by its predecessor", "E_UNTRUSTED_KEY", by(...signers)],
    ["signed by too few of its predecessor", "E_THRESHOLD", by(...old.slice(0, 1), ...signers)],
    ["not signed by its own keys", "E_UNTRUSTED_KEY", by(...old)],
    ["signed by too few of its own keys", "E_THRESHOLD", by(...old, ...signers.slice(0, 1))],
  ];
  for (const [name, code, bytes] of bad) {
    test(`is refused: ${name}`, () => void refused(code, () => acceptRoot(state, bytes), "TUF 5.3.4"));
  }

  for (const version of [1, 3, 2 ** 53 - 1]) {
    test(`is refused: it holds version ${version}`, () => {
      const bytes = signedFile({ ...signed, version }, [...old, ...signers]);
      refused("E_ROLLBACK", () => acceptRoot(state, bytes), "TUF 5.3.5");
    });
  }

  test("is not read before its predecessor's keys have signed it", () => {
    const junk = signedFile({ keys: "junk" }, [repo.newKey()]);
    refused("E_UNTRUSTED_KEY", () => acceptRoot(state, junk), "TUF 5.3.4");
  });

  test("may be expired on the way, but not at the end (5.3.10)", () => {
    const second = signedFile({ ...signed, expires: tufTime(NOW - DAY_MS) }, [...old, ...signers]);
    const middle = acceptRoot(state, second);
    refused("E_EXPIRED", () => requireFreshRoot(middle, clock), "TUF 5.3.10");
    const third = signedFile({ ...signed, version: 3 }, signers);
    const last = acceptRoot(middle, third);
    requireFreshRoot(last, clock);
    assert.deepEqual(last.rootChain, [repo.pinnedRoot, second, third]);
  });

  test("expires at its very second, not after it", () => {
    const second = signedFile({ ...signed, expires: tufTime(NOW) }, [...old, ...signers]);
    const at = acceptRoot(state, second);
    refused("E_EXPIRED", () => requireFreshRoot(at, clock));
    requireFreshRoot(at, strictClock(NOW - 1));
    requireFreshRoot(at, { nowMs: NOW, expired: "allow" });
  });

  test("keeps what is known unless a timestamp or snapshot key goes (5.3.11)", () => {
    const keeps = (rotate: (r: TufRepository) => void): boolean => {
      const r = repository({ roles: { timestamp: { keys: 2, threshold: 1 }, snapshot: { keys: 2, threshold: 1 } } });
      const before = fresh(r);
      rotate(r);
      const after = acceptRoot(before, r.bytes("root"));
      const kept = after.timestamp !== undefined;
      assert.equal(after.snapshot !== undefined, kept);
      assert.equal(after.targets.size > 0, kept);
      return kept;
    };
    assert.equal(keeps((r) => r.publishRoot()), true);
    assert.equal(keeps((r) => r.rotate("root")), true);
    assert.equal(keeps((r) => r.rotate("targets")), true);
    assert.equal(keeps((r) => r.rotate("timestamp")), false);
    assert.equal(keeps((r) => r.rotate("snapshot")), false);
    for (const role of ["timestamp", "snapshot"]) {
      const edit = (change: (ids: string[]) => void) => (r: TufRepository) => {
        change((r.draft("root")["roles"] as Record<string, { keyids: string[] }>)[role]?.keyids ?? []);
        r.publishRoot();
      };
      assert.equal(keeps(edit((ids) => void ids.pop())), false, `${role}: one key of two removed`);
      assert.equal(keeps(edit((ids) => void ids.push("00"))), true, `${role}: a key added`);
      assert.equal(keeps(edit((ids) => void ids.reverse())), true, `${role}: another order`);
    }
  });
});
