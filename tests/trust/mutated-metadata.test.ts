// src/trust against valid metadata with random changes: nothing but a typed refusal, whatever is changed.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { UpdateError } from "../../src/errors.ts";
import { applyBundle, readBundle, writeBundle } from "../../src/trust/bundle.ts";
import { acceptRoot, acceptSnapshot, acceptTargets, acceptTimestamp, pinRoot } from "../../src/trust/client.ts";
import { listReleases } from "../../src/trust/releases.ts";
import { searchTarget } from "../../src/trust/search.ts";
import { restoreTrust, storedTrust } from "../../src/trust/stored-trust.ts";
import { readXDchat } from "../../src/trust/x-dchat.ts";
import { mutateBytes } from "../attack/byte-mutations.ts";
import { onlyRefusals } from "../support/only-refusals.ts";
import { type SeededRandom, seededRandom } from "../support/seeded-random.ts";
import { type MutableJson, type MutableObject, parseFile, put, signedFile } from "../support/signed-file.ts";
import { releaseCustom } from "../support/release-custom.ts";
import { strictClock, update } from "../support/trust-client.ts";
import { createTufRepository, type TufRepository } from "../support/tuf-repository.ts";

const NOW = Date.UTC(2026, 0, 1);
const clock = strictClock(NOW);
const text = (s: string) => new TextEncoder().encode(s);

function repository(): TufRepository {
  const repo = createTufRepository({
    seed: "hostile",
    nowMs: NOW,
    metaHashes: false,
    rootFields: { "x-dchat": { network: "testnet", chain: { kind: "evm", genesis: "0x", finality: "instant" } } },
  });
  repo.delegate({ name: "A", paths: ["dchat/*/*", "a/*"] });
  repo.delegate({ name: "B", parent: "A", pathHashPrefixes: ["0", "8"] });
  for (const v of ["1.0.0", "1.1.0"]) {
    repo.addTarget(`dchat/${v}/dchat-${v}-linux-x64`, text(v), {
      role: v === "1.0.0" ? "targets" : "A",
      custom: releaseCustom(v),
    });
  }
  repo.publish();
  return repo;
}

/** Any value of the document replaced by any odd one, or removed. */
function mutateField(document: MutableJson, r: SeededRandom): string {
  const paths: (string | number)[][] = [];
  const walk = (value: MutableJson, path: (string | number)[]) => {
    if (path.length > 0) paths.push(path);
    if (typeof value !== "object" || value === null) return;
    for (const key of Object.keys(value)) walk((value as MutableObject)[key] ?? null, [...path, key]);
  };
  walk(document, []);
  const path = r.pick(paths);
  const odd: (MutableJson | undefined)[] = [
    undefined,
    null,
    true,
    0,
    -1,
    2 ** 53 - 1,
    "",
    "x".repeat(3000),
    "\u0000",
    "__proto__",
    "\u202e",
    [],
    {},
    [[[]]],
    { __proto__: null, a: 1 },
    "1.0.0",
    "0".repeat(64),
    "2026-01-01T00:00:00Z",
  ];
  const to = r.pick(odd);
  put(document, path, to);
  return `${path.join(" / ")} = ${JSON.stringify(to)?.slice(0, 60)}`;
}

describe("mutated metadata meets nothing but a refusal", () => {
  const repo = repository();
  const roots = pinRoot(repo.pinnedRoot);
  const whole = update(roots, repo.files(), clock, "a/missing").state;
  const readers: Record<string, { bytes: Uint8Array; read: (b: Uint8Array) => unknown }> = {
    root: { bytes: repo.pinnedRoot, read: (b) => readXDchat(pinRoot(b).root.signed) },
    "next root": { bytes: nextRoot(), read: (b) => acceptRoot(roots, b) },
    timestamp: { bytes: repo.bytes("timestamp"), read: (b) => acceptTimestamp(roots, b, clock) },
    snapshot: {
      bytes: repo.bytes("snapshot"),
      read: (b) => acceptSnapshot({ ...whole, snapshot: undefined, targets: new Map() }, b, clock),
    },
    targets: {
      bytes: repo.bytes("targets"),
      read: (b) => {
        const state = acceptTargets({ ...whole, targets: new Map() }, "targets", "root", b, clock);
        listReleases(state, clock);
        searchTarget(state, "a/b", clock);
      },
    },
    A: {
      bytes: repo.bytes("A"),
      read: (b) => {
        const targets = new Map([...whole.targets].filter(([name]) => name === "targets"));
        const state = acceptTargets({ ...whole, targets }, "A", "targets", b, clock);
        listReleases(state, clock);
        searchTarget(state, "a/b", clock);
      },
    },
    bundle: { bytes: writeBundle(whole, "testnet"), read: (b) => applyBundle(roots, readBundle(b), clock) },
  };

  function nextRoot(): Uint8Array {
    const { signed } = parseFile(repo.pinnedRoot);
    return signedFile({ ...signed, version: 2 }, repo.signers("root"));
  }

  for (const [name, { bytes, read }] of Object.entries(readers)) {
    test(`${name}, bytes`, () => {
      const r = seededRandom(`bytes of ${name}`);
      let refusals = 0;
      for (let i = 0; i < 250; i++) {
        let mutated = { bytes, what: "" };
        for (let n = r.below(3); n >= 0; n--) mutated = mutateBytes(mutated.bytes, r);
        if (onlyRefusals(`${name}, ${mutated.what}`, () => read(mutated.bytes)) === "refused") refusals++;
      }
      assert.ok(refusals > 150, `${refusals}`);
    });

    if (name === "bundle") continue;
    test(`${name}, fields signed again`, () => {
      const signers = repo.signers(name.includes("root") ? "root" : name);
      const r = seededRandom(`fields of ${name}`);
      let refusals = 0;
      for (let i = 0; i < 250; i++) {
        const { signed } = parseFile(bytes);
        const what = mutateField(signed, r);
        if (onlyRefusals(`${name}, ${what}`, () => read(signedFile(signed, signers))) === "refused") refusals++;
      }
      assert.ok(refusals > 60, `${refusals}`);
    });
  }

  test("what a disk gives back is either trusted as before, less, or E_STATE_CORRUPT", () => {
    const stored = storedTrust(whole), r = seededRandom("stored");
    for (let i = 0; i < 100; i++) {
      const maybe = (b: Uint8Array) => (r.chance(0.4) ? mutateBytes(b, r).bytes : b);
      const mutated = {
        roots: stored.roots.map(maybe),
        timestamp: maybe(stored.timestamp ?? new Uint8Array()),
        snapshot: maybe(stored.snapshot ?? new Uint8Array()),
        targets: new Map([...stored.targets].map(([name, b]) => [name, maybe(b)])),
      };
      try {
        assert.equal(restoreTrust(mutated).root.signed.version, 1);
      } catch (e) {
        assert.ok(e instanceof UpdateError && e.code === "E_STATE_CORRUPT", String(e));
      }
    }
  });
});
