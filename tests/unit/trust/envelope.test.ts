import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { countSignatures, parseEnvelope, requireThreshold } from "../../../src/trust/envelope.ts";
import { canonicalBytes, type Json } from "../../../src/trust/json.ts";
import type { KeyRing, RoleKeys } from "../../../src/trust/keys.ts";
import { refused } from "../../support/refused.ts";
import { jsonFile, signatureOf, type TestKey, testKey } from "../../support/signed-file.ts";

const MAX = 100_000;
const signed: Json = { _type: "thing", n: 1 };
const keys = Array.from({ length: 5 }, (_, i) => testKey(`envelope ${i}`));
const stranger = testKey("a stranger");
const ring: KeyRing = new Map(keys.map((k) => [k.id, k.publicKey]));
const role = (threshold: number, of: readonly TestKey[] = keys): RoleKeys => ({
  keyIds: new Set(of.map((k) => k.id)),
  threshold,
});
const right = (k: TestKey) => ({ keyid: k.id, sig: signatureOf(canonicalBytes(signed), k) });
const wrong = (k: TestKey) => ({ keyid: k.id, sig: signatureOf(canonicalBytes({ ...signed, n: 2 }), k) });
const envelope = (signatures: Json) => parseEnvelope(jsonFile({ signed, signatures }), "thing.json", MAX);
const [k0, k1, k2] = keys as [TestKey, TestKey, TestKey];

describe("an envelope", () => {
  const bad: Record<string, Json> = {
    "an array": [],
    "nothing in it": {},
    "no signatures": { signed },
    "no signed part": { signatures: [] },
    "a signed part that is an array": { signed: [], signatures: [] },
    "signatures that are an object": { signed, signatures: {} },
    "a signature without a key id": { signed, signatures: [{ sig: "00" }] },
    "a signature without a value": { signed, signatures: [{ keyid: "a" }] },
    "a signature that is a string": { signed, signatures: ["00"] },
    "two signatures of one key": { signed, signatures: [right(k0), right(k0)] },
    "a right and a wrong signature of one key": { signed, signatures: [right(k0), wrong(k0)] },
    "two signatures of one unknown key": { signed, signatures: [right(stranger), right(stranger)] },
    "1025 signatures": { signed, signatures: Array.from({ length: 1025 }, (_, i) => ({ keyid: `k${i}`, sig: "" })) },
  };
  for (const [name, document] of Object.entries(bad)) {
    test(`is refused: ${name}`, () =>
      void refused("E_MALFORMED", () => parseEnvelope(jsonFile(document), "thing.json", MAX)));
  }

  test("is refused for its length before it is looked at", () => {
    const noJson = new Uint8Array(MAX + 1);
    refused("E_TOO_LARGE", () => parseEnvelope(noJson, "thing.json", MAX));
    refused("E_MALFORMED", () => parseEnvelope(noJson.subarray(1), "thing.json", MAX));
  });

  test("keeps its exact bytes, and signs the canonical ones whatever its layout", () => {
    const a = parseEnvelope(jsonFile({ signed, signatures: [right(k0)], more: true }), "thing.json", MAX);
    const compact = new TextEncoder().encode(
      JSON.stringify({ signatures: [right(k0)], signed: { n: 1, _type: "thing" } }),
    );
    const b = parseEnvelope(compact, "thing.json", MAX);
    assert.equal(b.bytes, compact);
    assert.deepEqual(a.signedBytes, b.signedBytes);
    for (const e of [a, b]) requireThreshold(e, ring, role(1), "x");
  });
});

describe("the threshold", () => {
  const met: [string, Json, RoleKeys][] = [
    ["exactly enough", [right(k0), right(k1)], role(2)],
    ["more than enough", keys.map(right), role(2)],
    ["enough, and one trusted key's wrong signature", [wrong(k2), right(k0), right(k1)], role(2)],
    ["enough, and strangers", [right(stranger), right(k0)], role(1)],
    ["enough, and an unknown key of another type", [{ keyid: "rsa", sig: "not even hex" }, right(k0)], role(1)],
  ];
  for (const [name, signatures, rule] of met) {
    test(`is met: ${name}`, () => requireThreshold(envelope(signatures), ring, rule, "x"));
  }

  const capitals = (s: { keyid: string; sig: string }) => ({ ...s, sig: s.sig.toUpperCase() });
  const missed: [string, "E_SIGNATURE" | "E_THRESHOLD" | "E_UNTRUSTED_KEY", Json, RoleKeys][] = [
    ["no signature", "E_THRESHOLD", [], role(1)],
    ["too few", "E_THRESHOLD", [right(k0)], role(2)],
    ["too few, filled up with strangers", "E_THRESHOLD", [right(k0), right(stranger)], role(2)],
    ["too few, filled up with a wrong one", "E_SIGNATURE", [right(k0), wrong(k1)], role(2)],
    ["strangers only", "E_UNTRUSTED_KEY", [right(stranger)], role(1)],
    ["a key of another role only", "E_UNTRUSTED_KEY", [right(k1)], role(1, [k0])],
    ["a wrong signature only", "E_SIGNATURE", [wrong(k0)], role(1)],
    ["another key's signature under a trusted id", "E_SIGNATURE", [{ ...right(stranger), keyid: k0.id }], role(1)],
    ["an empty signature", "E_SIGNATURE", [{ keyid: k0.id, sig: "" }], role(1)],
    ["a signature in capitals", "E_SIGNATURE", [capitals(right(k0))], role(1)],
    ["a signature with a byte behind it", "E_SIGNATURE", [{ keyid: k0.id, sig: `${right(k0).sig}00` }], role(1)],
    ["more asked for than there are keys", "E_THRESHOLD", keys.map(right), role(6)],
    ["a role without keys", "E_UNTRUSTED_KEY", [right(k0)], role(1, [])],
  ];
  for (const [name, code, signatures, rule] of missed) {
    test(`is missed: ${name}`, () =>
      void refused(code, () => requireThreshold(envelope(signatures), ring, rule, "TUF x"), "TUF x"));
  }

  test("counts keys that the role names and the ring holds, each once", () => {
    const named = role(2, [k0, k1, stranger]); // the role names a key that is not among the keys
    const count = countSignatures(envelope([right(k0), wrong(k1), right(stranger), right(k2)]), ring, named);
    assert.deepEqual([...count.valid], [k0.id]);
    assert.deepEqual([...count.invalid], [k1.id]);
    assert.equal(count.foreign, 2);
  });

  test("covers every field of the signed part, the unknown ones too", () => {
    const file = (extra: Json) => jsonFile({ signed: { ...signed, extra }, signatures: [right(k0)] });
    refused("E_SIGNATURE", () => requireThreshold(parseEnvelope(file(1), "x", MAX), ring, role(1), "x"));
  });
});
