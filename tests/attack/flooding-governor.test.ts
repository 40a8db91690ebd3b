// The lie: a governor who signs proposals without end, to fill memories and to crowd out the honest one.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Certificate } from "../../src/trust/certificate.ts";
import type { TrustState } from "../../src/trust/client.ts";
import { approvedUpgrades } from "../../src/trust/effect.ts";
import { evidenceOf, learnCertificate, learnCertificates } from "../../src/trust/schedule.ts";
import { activation, createGovernedNetwork, governorKey, signed } from "../support/governed-network.ts";
import { seededRandom } from "../support/seeded-random.ts";

const fresh = createGovernedNetwork({ seed: "flood" }).state();
/** 200 bodies, large ones, for every sequence that votes are taken for and some beyond. */
const flood: Certificate[] = Array.from({ length: 200 }, (_, i) => {
  const fields = { sequence: 1 + (i % 6), prev_sha256: i % 6 === 0 ? "0".repeat(64) : "7".repeat(64) };
  return signed(activation(undefined, { ...fields, title: `${i}`, notes_url: "x".repeat(1024) }), "d");
});
const honest = ["a", "b", "c"].map((name) => signed(activation(undefined), name));
const take = (state: TrustState, c: Certificate) => learnCertificate(state, c).state;
const bytes = (s: TrustState) =>
  [...s.schedule.certificates.values()].reduce((sum, c) => sum + c.signedBytes.length, 0);

describe("a governor who floods", () => {
  test("costs two bodies a sequence, four sequences, whatever he sends", () => {
    const after = flood.reduce(take, fresh);
    assert.equal(after.schedule.certificates.size, 8);
    assert.ok(bytes(after) <= 8 * 12 * 1024);
    assert.equal(learnCertificates(fresh, flood).schedule.certificates.size, 8);
    assert.equal(evidenceOf(after)[0]?.keyId, governorKey("d").id);
  });

  test("hinders nobody: the honest upgrade completes before, between and after", () => {
    for (let round = 0; round < 5; round++) {
      const random = seededRandom(`flood ${round}`);
      const all = random.sample([...flood, ...honest], flood.length + honest.length);
      assert.equal(approvedUpgrades(all.reduce(take, fresh)).length, 1);
    }
    assert.equal(approvedUpgrades([...flood, ...honest].reduce(take, fresh)).length, 1);
    assert.equal(approvedUpgrades([...honest, ...flood].reduce(take, fresh)).length, 1);
  });

  test("with others, all of them flooding, stays within four mebibytes, and what weighs most stays", () => {
    const names = Array.from({ length: 80 }, (_, i) => `f${i}`);
    const weights = { ...Object.fromEntries(names.map((n) => [n, 1])), a: 60, b: 60 };
    const crowd = createGovernedNetwork({ seed: "crowd", weights }).state();
    // Bodies near the greatest size, put into the state at once: signing thousands one by one takes minutes.
    const target = { length: 1, sha256: "0".repeat(64), blake3: "0".repeat(64) };
    const targets = Object.fromEntries(
      Array.from({ length: 31 }, (_, i) => [`dchat/1.0.0/dchat-1.0.0-${"x".repeat(110)}${i}`, target]),
    );
    const big = names.flatMap((name) =>
      Array.from({ length: 8 }, (_, i) => {
        const fields = { sequence: 1 + (i % 4), prev_sha256: i % 4 === 0 ? "0".repeat(64) : "7".repeat(64) };
        return signed(activation(undefined, { ...fields, targets, title: `${name} ${i}` }), name);
      })
    );
    const half = signed(activation(undefined), "a");
    const after = learnCertificates(crowd, [...big, half]);
    assert.ok(big.reduce((sum, c) => sum + c.signedBytes.length, 0) > 5 * 2 ** 20);
    assert.ok(bytes(after) <= 4 * 2 ** 20, `${bytes(after)}`);
    assert.ok(after.schedule.certificates.has(half.sha256));
    assert.equal(approvedUpgrades(take(after, signed(activation(undefined), "b"))).length, 1);
  });
});
