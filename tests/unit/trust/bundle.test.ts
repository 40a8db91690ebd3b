import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { applyBundle, BUNDLE_FORMAT, MAX_BUNDLE_BYTES, readBundle, writeBundle } from "../../../src/trust/bundle.ts";
import { isComplete, pinRoot, type TrustState } from "../../../src/trust/client.ts";
import { storedTrust } from "../../../src/trust/stored-trust.ts";
import { refused } from "../../support/refused.ts";
import { type MutableJson, type MutableObject, put } from "../../support/signed-file.ts";
import { strictClock, update } from "../../support/trust-client.ts";
import { createTufRepository, DAY_MS, resigned, type TufRepository } from "../../support/tuf-repository.ts";

const NOW = Date.UTC(2026, 0, 1);
const clock = strictClock(NOW);

function repository(): TufRepository {
  const repo = createTufRepository({ seed: "bundle", nowMs: NOW });
  repo.delegate({ name: "A" });
  repo.delegate({ name: "__proto__" });
  repo.delegate({ name: 'odd "name" ☃', parent: "A" });
  repo.publish();
  repo.rotate("timestamp");
  repo.rotate("root");
  repo.publish();
  return repo;
}

function full(repo: TufRepository): TrustState {
  const { state, error } = update(pinRoot(repo.pinnedRoot), repo.files(), clock, "missing");
  assert.equal(error, undefined);
  return state;
}

const repo = repository();
const state = full(repo);
const bytes = writeBundle(state, "testnet");
const edited = (path: (string | number)[], to: MutableJson | undefined): Uint8Array => {
  const document: MutableObject = JSON.parse(new TextDecoder().decode(bytes));
  put(document, path, to);
  return new TextEncoder().encode(JSON.stringify(document));
};
const text = (b: Uint8Array) => new TextDecoder().decode(b);
const apply = (b: Uint8Array, from = pinRoot(repo.pinnedRoot)) => applyBundle(from, readBundle(b), clock);

describe("a bundle", () => {
  test("gives the exact bytes of every file back", () => {
    const raw = readBundle(bytes);
    assert.equal(raw.network, "testnet");
    const after = apply(bytes);
    assert.ok(isComplete(after));
    assert.deepEqual([...after.targets.keys()].sort(), [...state.targets.keys()].sort());
    const [a, b] = [storedTrust(after), storedTrust(state)];
    assert.deepEqual(a.roots, b.roots);
    assert.deepEqual([a.timestamp, a.snapshot], [b.timestamp, b.snapshot]);
    for (const [name, file] of b.targets) assert.deepEqual(a.targets.get(name), file, name);
    assert.equal(a.targets.size, 4, "a role named __proto__ among them");
  });

  test("of the same state is the same bytes", () => assert.deepEqual(writeBundle(full(repo), "testnet"), bytes));

  test("is applied over any of its roots, and over what it says already", () => {
    for (const version of [1, 2, 3]) {
      assert.equal(
        apply(bytes, pinRoot(repo.files().get(`metadata/${version}.root.json`) ?? bytes)).root.signed.version,
        3,
      );
    }
    assert.deepEqual(storedTrust(apply(bytes, state)), storedTrust(state));
  });

  test("is written only when everything is there and somebody could read it", () => {
    refused("E_INTERNAL", () => writeBundle(pinRoot(repo.pinnedRoot), "testnet"));
    const big = createTufRepository({ seed: "big", nowMs: NOW });
    for (const name of ["A", "B"]) {
      big.delegate({ name });
      put(big.draft(name), ["padding"], "x".repeat(4_500_000));
    }
    big.publish();
    assert.equal(refused("E_TOO_LARGE", () => writeBundle(full(big), "testnet")).exitCode, 36);
  });
});

describe("a bundle is refused as a file", () => {
  const bad: Record<string, Uint8Array> = {
    "not JSON": new TextEncoder().encode("<html>"),
    "an array": new TextEncoder().encode("[]"),
    "another format": edited(["format"], "dchat-bundle-2"),
    "no format": edited(["format"], undefined),
    "no network": edited(["network"], undefined),
    "a network of two lines": edited(["network"], "a\nb"),
    "no roots": edited(["roots"], undefined),
    "a root that is an object": edited(["roots", 0], {}),
    "361 roots": edited(["roots"], Array.from({ length: 361 }, () => "")),
    "no timestamp": edited(["timestamp"], undefined),
    "no snapshot": edited(["snapshot"], undefined),
    "no targets": edited(["targets"], undefined),
    "no delegated roles": edited(["delegated"], undefined),
    "a delegated role that is an object": edited(["delegated", "A"], {}),
  };
  for (const [name, file] of Object.entries(bad)) test(name, () => void refused("E_MALFORMED", () => readBundle(file)));

  test("beyond 8 MiB, before it is parsed", () => {
    refused("E_TOO_LARGE", () => readBundle(new Uint8Array(MAX_BUNDLE_BYTES + 1)));
    refused("E_MALFORMED", () => readBundle(new Uint8Array(MAX_BUNDLE_BYTES)));
  });

  test("but not for fields that nobody knows yet", () => {
    readBundle(edited(["later"], { a: 1 }));
    assert.equal(BUNDLE_FORMAT, "dchat-bundle-1");
  });
});

describe("a bundle is refused for what it holds, as a mirror's files are", () => {
  const delegated = (name: string) => text(repo.bytes(name));
  const cases: [string, Parameters<typeof refused>[0], Uint8Array][] = [
    ["a role is missing", "E_MALFORMED", edited(["delegated", "A"], undefined)],
    ["a role of another repository", "E_SIZE_MISMATCH", edited(["delegated", "A"], delegated('odd "name" ☃'))],
    ["a root is skipped", "E_ROLLBACK", edited(["roots", 1], undefined)],
    ["a root that is no root", "E_MALFORMED", edited(["roots", 1], "{}")],
    ["a timestamp that is no timestamp", "E_UNTRUSTED_KEY", edited(["timestamp"], text(repo.bytes("snapshot")))],
    ["an older timestamp under a key that was rotated", "E_UNTRUSTED_KEY", edited(["timestamp"], oldTimestamp())],
    ["a snapshot with a space behind it", "E_SIZE_MISMATCH", edited(["snapshot"], `${text(repo.bytes("snapshot"))} `)],
    [
      "targets of another layout",
      "E_SIZE_MISMATCH",
      edited(["targets"], text(repo.bytes("targets")).replace(/\n/g, "")),
    ],
  ];
  for (const [name, code, file] of cases) test(name, () => void refused(code, () => apply(file)));

  function oldTimestamp(): string {
    const old = createTufRepository({ seed: "bundle", nowMs: NOW });
    return text(old.bytes("timestamp"));
  }

  test("it is older than what is trusted", () => {
    repo.refresh();
    const newer = full(repo);
    refused("E_ROLLBACK", () => apply(bytes, newer), "TUF 5.4.3.1");
  });

  test("it has expired, unless the reader allows it", () => {
    const late = NOW + 400 * DAY_MS;
    const pinned = pinRoot(repo.pinnedRoot);
    refused("E_EXPIRED", () => applyBundle(pinned, readBundle(bytes), strictClock(late)), "TUF 5.3.10");
    refused("E_EXPIRED", () => applyBundle(pinned, readBundle(bytes), strictClock(NOW + 3 * DAY_MS)), "TUF 5.4.4");
    assert.ok(isComplete(applyBundle(pinned, readBundle(bytes), { nowMs: late, expired: "allow" })));
  });

  test("a root in it claims a version it is not", () => {
    const forged = resigned(repo, "root", ["version"], 9);
    refused("E_ROLLBACK", () => apply(edited(["roots", 2], text(forged)), state), "TUF 5.3.5");
  });
});
