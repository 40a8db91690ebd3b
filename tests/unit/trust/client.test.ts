import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  acceptSnapshot,
  acceptTargets,
  acceptTimestamp,
  expiredRoles,
  isComplete,
  pinRoot,
  type TrustState,
  wantedSnapshot,
  wantedTargets,
} from "../../../src/trust/client.ts";
import { refused } from "../../support/refused.ts";
import {
  type MutableJson,
  type MutableObject,
  parseFile,
  put,
  sha256,
  signedFile,
  tufTime,
} from "../../support/signed-file.ts";
import { strictClock, update, updated } from "../../support/trust-client.ts";
import { createTufRepository, DAY_MS, resigned, type TufRepository } from "../../support/tuf-repository.ts";

const NOW = Date.UTC(2026, 0, 1);
const clock = strictClock(NOW);
const repository = (more: Partial<Parameters<typeof createTufRepository>[0]> = {}) =>
  createTufRepository({ seed: "client", nowMs: NOW, ...more });
const fresh = (repo: TufRepository) => updated(pinRoot(repo.pinnedRoot), repo.files(), clock);

/** Everything in a state that could be changed in place, as text; maps and byte arrays too. */
function fingerprint(state: TrustState): string {
  return JSON.stringify(state, (_key, value: unknown) => {
    if (value instanceof Uint8Array) return sha256(value);
    if (value instanceof Map) return [...value];
    if (value instanceof Set) return [...value];
    return value;
  });
}

describe("the timestamp (TUF 5.4)", () => {
  const repo = repository();
  repo.refresh();
  const state = fresh(repo);
  const edited = (path: (string | number)[], to: MutableJson | undefined) => resigned(repo, "timestamp", path, to);
  const snapshotVersion = ["meta", "snapshot.json", "version"];

  test("goes forward", () => {
    assert.equal(acceptTimestamp(state, edited(["version"], 3), clock).timestamp?.signed.version, 3);
    assert.equal(
      acceptTimestamp(state, edited(["version"], 2 ** 53 - 1), clock).timestamp?.signed.version,
      2 ** 53 - 1,
    );
  });

  test("of the trusted version changes nothing, whatever it says (5.4.3.1)", () => {
    assert.equal(acceptTimestamp(state, repo.bytes("timestamp"), clock), state);
    assert.equal(acceptTimestamp(state, edited(snapshotVersion, 100), clock), state);
  });

  test("must not go back, nor name an older snapshot", () => {
    refused("E_ROLLBACK", () => acceptTimestamp(state, edited(["version"], 1), clock), "TUF 5.4.3.1");
    const { signed } = parseFile(edited(["version"], 3));
    put(signed, snapshotVersion, 1);
    const bytes = signedFile(signed, repo.signers("timestamp"));
    refused("E_ROLLBACK", () => acceptTimestamp(state, bytes, clock), "TUF 5.4.3.2");
  });

  test("must be fresh, the trusted one too when it is to be used (5.4.4)", () => {
    const { signed } = parseFile(edited(["version"], 3));
    put(signed, ["expires"], tufTime(NOW));
    const bytes = signedFile(signed, repo.signers("timestamp"));
    refused("E_EXPIRED", () => acceptTimestamp(state, bytes, clock), "TUF 5.4.4");
    const known = acceptTimestamp(state, bytes, { nowMs: NOW, expired: "allow" });
    refused("E_EXPIRED", () => wantedSnapshot(known, clock), "TUF 5.4.4");
    assert.deepEqual(expiredRoles(known, NOW).map((r) => r.role), ["timestamp"]);
  });

  test("is refused when malformed or signed by others", () => {
    refused("E_MALFORMED", () => acceptTimestamp(state, edited(["meta"], {}), clock));
    refused("E_MALFORMED", () => acceptTimestamp(state, edited(snapshotVersion, 0), clock));
    refused("E_MALFORMED", () => acceptTimestamp(state, edited(["meta", "snapshot.json", "length"], 0), clock));
    refused("E_MALFORMED", () => acceptTimestamp(state, edited(["meta", "snapshot.json", "hashes"], {}), clock));
    refused("E_UNTRUSTED_KEY", () => acceptTimestamp(state, repo.bytes("snapshot"), clock), "TUF 5.4.2");
    refused("E_TOO_LARGE", () => acceptTimestamp(state, new Uint8Array(16_385), clock));
  });
});

describe("the snapshot (TUF 5.5)", () => {
  const repo = repository({ metaHashes: false });
  repo.delegate({ name: "A" });
  repo.publish();
  repo.publish();
  const state = fresh(repo);
  /** A state that knows only root and timestamp, and one whose timestamp names the next snapshot. */
  const bare = acceptTimestamp(pinRoot(repo.pinnedRoot), repo.bytes("timestamp"), clock);
  repo.refresh();
  const waiting = acceptTimestamp(state, repo.bytes("timestamp"), clock);
  const next = (path: (string | number)[], to: MutableJson | undefined) => resigned(repo, "snapshot", path, to);

  test("must be the version that the timestamp names (5.5.4)", () => {
    assert.equal(acceptSnapshot(waiting, repo.bytes("snapshot"), clock).snapshot?.signed.version, 4);
    refused("E_ROLLBACK", () => acceptSnapshot(waiting, next(["version"], 3), clock), "TUF 5.5.4");
    refused("E_ROLLBACK", () => acceptSnapshot(bare, repo.bytes("snapshot"), clock), "TUF 5.5.4");
  });

  test("must not name an older version of anything, nor forget anything (5.5.5)", () => {
    for (const role of ["targets.json", "A.json"]) {
      refused("E_ROLLBACK", () => acceptSnapshot(waiting, next(["meta", role, "version"], 1), clock), "TUF 5.5.5");
    }
    refused("E_ROLLBACK", () => acceptSnapshot(waiting, next(["meta", "A.json"], undefined), clock), "TUF 5.5.5");
    refused("E_MALFORMED", () => acceptSnapshot(waiting, next(["meta", "targets.json"], undefined), clock));
    acceptSnapshot(waiting, next(["meta", "B.json"], { version: 1 }), clock);
  });

  test("must be fresh and signed by its own keys (5.5.3, 5.5.6)", () => {
    refused("E_EXPIRED", () => acceptSnapshot(waiting, next(["expires"], tufTime(NOW)), clock), "TUF 5.5.6");
    const { signed } = parseFile(repo.bytes("snapshot"));
    const bytes = signedFile(signed, repo.signers("timestamp"));
    refused("E_UNTRUSTED_KEY", () => acceptSnapshot(waiting, bytes, clock), "TUF 5.5.3");
  });

  test("must have the length and digests that the timestamp names (5.5.2), before it is parsed", () => {
    const strict = repository({ seed: "hashes" });
    const known = acceptTimestamp(pinRoot(strict.pinnedRoot), strict.bytes("timestamp"), clock);
    const longer = Uint8Array.from([...strict.bytes("snapshot"), 0x20]);
    const other = strict.bytes("snapshot").map((b, i) => (i === 0 ? b ^ 1 : b));
    refused("E_SIZE_MISMATCH", () => acceptSnapshot(known, longer, clock), "TUF 5.5.2");
    refused("E_HASH_MISMATCH", () => acceptSnapshot(known, other, clock), "TUF 5.5.2");
  });

  test("drops loaded targets that it does not name any more, and keeps the others", () => {
    const all = update(state, repo.files(), clock, "missing").state;
    assert.deepEqual([...all.targets.keys()], ["targets", "A"]);
    const moved = acceptSnapshot(
      acceptTimestamp(all, repo.bytes("timestamp"), clock),
      next(["meta", "A.json", "version"], 9),
      clock,
    );
    assert.deepEqual([...moved.targets.keys()], ["targets"]);
  });

  test("from the disk may be behind the timestamp: it is a floor, not a basis for targets", () => {
    const old = fresh(repo).snapshot?.envelope.bytes ?? new Uint8Array();
    repo.refresh();
    const ahead = acceptTimestamp(pinRoot(repo.pinnedRoot), repo.bytes("timestamp"), clock);
    const floor = acceptSnapshot(ahead, old, clock, "disk");
    assert.equal(wantedSnapshot(floor, clock).present, false);
    assert.equal(isComplete(floor), false);
    refused("E_ROLLBACK", () => wantedTargets(floor, "targets", "root", clock), "TUF 5.5.4");
    refused(
      "E_ROLLBACK",
      () => acceptSnapshot(floor, next(["meta", "targets.json", "version"], 1), clock),
      "TUF 5.5.5",
    );
  });
});

describe("targets (TUF 5.6)", () => {
  const repo = repository({ metaHashes: false });
  repo.publish();
  const ready = (r: TufRepository): TrustState =>
    acceptSnapshot(acceptTimestamp(pinRoot(r.pinnedRoot), r.bytes("timestamp"), clock), r.bytes("snapshot"), clock);
  const accept = (bytes: Uint8Array) => acceptTargets(ready(repo), "targets", "root", bytes, clock);

  test("must be the version that the snapshot names, fresh, and signed by their own keys", () => {
    assert.equal(isComplete(accept(repo.bytes("targets"))), true);
    const edited = (path: string[], to: MutableJson | undefined) => resigned(repo, "targets", path, to);
    refused("E_ROLLBACK", () => accept(edited(["version"], 1)), "TUF 5.6.4");
    refused("E_ROLLBACK", () => accept(edited(["version"], 3)), "TUF 5.6.4");
    refused("E_EXPIRED", () => accept(edited(["expires"], tufTime(NOW))), "TUF 5.6.5");
    refused(
      "E_UNTRUSTED_KEY",
      () => accept(signedFile(parseFile(repo.bytes("targets")).signed, [repo.newKey()])),
      "TUF 5.6.3",
    );
    refused("E_MALFORMED", () => accept(edited(["targets"], undefined)));
    refused(
      "E_MALFORMED",
      () => accept(edited(["targets"], { a: { length: -1, hashes: { sha256: "00".repeat(32) } } })),
    );
    refused("E_MALFORMED", () => accept(edited(["targets"], { a: { length: 1, hashes: { md5: "00" } } })));
    refused("E_MALFORMED", () => accept(edited(["targets"], { a: { length: 1 } })));
    refused("E_TOO_LARGE", () => accept(new Uint8Array(5_000_001)));
  });

  test("must have the digests that the snapshot names (5.6.2)", () => {
    const strict = repository({ seed: "hashes" });
    const other = strict.bytes("targets").map((b, i) => (i === 0 ? b ^ 1 : b));
    refused("E_HASH_MISMATCH", () => acceptTargets(ready(strict), "targets", "root", other, clock), "TUF 5.6.2");
  });

  test("of a role that nobody named or delegated are a mistake of the caller, or of the snapshot", () => {
    refused("E_MALFORMED", () => wantedTargets(ready(repo), "nobody", "targets", clock), "TUF 5.6");
    const named = repository({ metaHashes: false, seed: "named" });
    named.delegate({ name: "A" });
    named.publish();
    const state = acceptTargets(ready(named), "targets", "root", named.bytes("targets"), clock);
    refused("E_INTERNAL", () => acceptTargets(state, "A", "root", named.bytes("A"), clock));
  });

  test("signed again under the same version with a rotated key are fetched again", () => {
    for (const metaHashes of [false, true]) {
      const r = repository({ metaHashes, seed: "again" });
      r.delegate({ name: "A" });
      r.publish();
      const before = update(pinRoot(r.pinnedRoot), r.files(), clock, "missing").state;
      r.rotate("targets");
      const files = r.files();
      files.set(r.path("targets"), signedFile(parseFile(r.bytes("targets")).signed, r.signers("targets")));
      const after = update(before, files, clock, "missing");
      // With digests in the snapshot the old signature is part of what it names: a new version is needed.
      assert.equal(after.error?.code, metaHashes ? "E_HASH_MISMATCH" : undefined);
      if (!metaHashes) assert.deepEqual([...after.state.targets.keys()].sort(), ["A", "targets"]);
    }
  });

  test("of a delegated role are fetched again when its parent rotated the key under the same version", () => {
    const r = repository({ metaHashes: false, seed: "delegated again" });
    r.delegate({ name: "A" });
    r.publish();
    const before = update(pinRoot(r.pinnedRoot), r.files(), clock, "missing").state;
    delete r.draft("targets")["delegations"];
    r.signers("A").length = 0;
    r.delegate({ name: "A" });
    r.publish("targets");
    const files = r.files();
    assert.equal(update(before, files, clock, "missing").error?.code, "E_UNTRUSTED_KEY");
    files.set(r.path("A"), signedFile(parseFile(r.bytes("A")).signed, r.signers("A")));
    const after = update(before, files, clock, "missing");
    assert.equal(after.value?.kind, "absent", after.error?.message);
  });
});

describe("a timestamp driven to the end of the range", () => {
  test("locks out everything until its key is rotated, then the repository goes on from where it was", () => {
    const repo = repository();
    const honest = fresh(repo);
    const { signed } = parseFile(repo.bytes("timestamp"));
    signed["version"] = 2 ** 53 - 1;
    const poisoned = acceptTimestamp(honest, signedFile(signed, repo.signers("timestamp")), clock);
    repo.refresh();
    assert.equal(update(poisoned, repo.files(), clock).error?.code, "E_ROLLBACK");
    repo.rotate("timestamp");
    repo.publishTimestamp();
    const after = updated(poisoned, repo.files(), clock);
    assert.equal(after.timestamp?.signed.version, 3);
    assert.ok(isComplete(after));
  });
});

describe("a state", () => {
  test("is never changed, by what is accepted or by what is refused", () => {
    const repo = repository();
    repo.delegate({ name: "A" });
    repo.publish();
    const state = update(pinRoot(repo.pinnedRoot), repo.files(), clock, "missing").state;
    const before = fingerprint(state);
    repo.rotate("timestamp");
    repo.rotate("root");
    repo.publish();
    const { error } = update(state, repo.files(), clock, "missing");
    assert.equal(error, undefined);
    assert.equal(fingerprint(state), before);
    for (const [path, bytes] of repo.files()) {
      const files = repo.files().set(path, bytes.map((b, i) => (i === 40 ? b ^ 1 : b)));
      update(state, files, clock, "missing");
    }
    assert.equal(fingerprint(state), before);
    const copy: MutableObject = JSON.parse(before);
    assert.ok(Object.keys(copy).length >= 5, "the fingerprint sees the state");
  });

  test("names what has expired, for those who may read it all the same", () => {
    const repo = repository();
    const state = fresh(repo);
    const late = NOW + 400 * DAY_MS;
    assert.deepEqual(expiredRoles(state, NOW), []);
    assert.deepEqual(expiredRoles(state, late).map((r) => r.role), ["root", "timestamp", "snapshot", "targets"]);
    assert.equal(wantedTargets(state, "targets", "root", { nowMs: late, expired: "allow" }).present, true);
    refused("E_EXPIRED", () => wantedTargets(state, "targets", "root", strictClock(NOW + 91 * DAY_MS)), "TUF 5.6.5");
    refused(
      "E_EXPIRED",
      () => wantedSnapshot(updated(pinRoot(repo.pinnedRoot), repo.files(), clock), strictClock(late)),
    );
  });

  test("asked for in the wrong order is a bug, not an answer", () => {
    const pinned = pinRoot(repository().pinnedRoot);
    const bytes = new Uint8Array();
    refused("E_INTERNAL", () => wantedSnapshot(pinned, clock));
    refused("E_INTERNAL", () => acceptSnapshot(pinned, bytes, clock));
    refused("E_INTERNAL", () => wantedTargets(pinned, "targets", "root", clock));
  });
});
