import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { Field } from "../../../src/trust/fields.ts";
import type { Json } from "../../../src/trust/json.ts";
import { keyIdOf, keyObject, readKeys, readRoleKeys } from "../../../src/trust/keys.ts";
import { refused } from "../../support/refused.ts";
import { testKey } from "../../support/signed-file.ts";
import { encode, IDENTITY, torsionPoints } from "../../trust/edwards25519.ts";

const key = testKey("keys"), other = testKey("other");
const publicHex = Buffer.from(key.publicKey).toString("hex");
const read = (keys: Json) => readKeys(new Field(keys, "keys"));
const readRole = (role: Json) => readRoleKeys(new Field(role, "role"));
const plain = keyObject(key.publicKey);

/** The key with a field of its repository's own, and the id that includes it. */
function annotated(): [string, Json] {
  const canonical = `{"keytype":"ed25519","keyval":{"public":"${publicHex}"},"scheme":"ed25519","x-owner":"@me"}`;
  return [createHash("sha256").update(canonical).digest("hex"), { ...plain, "x-owner": "@me" }];
}

describe("a key id", () => {
  test("is the SHA-256 of the canonical key object, as python-tuf and tuf-js write it", () => {
    const canonical = `{"keytype":"ed25519","keyval":{"public":"${publicHex}"},"scheme":"ed25519"}`;
    assert.equal(keyIdOf(key.publicKey), createHash("sha256").update(canonical).digest("hex"));
    // RFC 8032 test 1; the id was computed once with another tool and is a promise to every repository that exists.
    const rfc = Uint8Array.from(Buffer.from("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "hex"));
    assert.equal(keyIdOf(rfc), "74c181c7ad8a0855d4b55e44d2ba87aabdddb196832571f15f92fece332e4916");
  });
});

describe("a keys object", () => {
  test("gives public keys by id", () => {
    const ring = read({ [key.id]: plain, [other.id]: keyObject(other.publicKey) });
    assert.deepEqual([...ring.keys()], [key.id, other.id]);
    assert.deepEqual(ring.get(key.id), key.publicKey);
  });

  test("may carry unknown fields, which change neither key nor id", () => {
    const more = {
      ...plain,
      keyid_hash_algorithms: ["sha256", "md5"],
      keyval: { public: publicHex, private: "" },
      x: {},
    };
    assert.deepEqual([...read({ [key.id]: more }).keys()], [key.id]);
  });

  test("may have ids that are hashes of all fields, unknown ones too", () => {
    const [id, more] = annotated();
    assert.deepEqual(read({ [id]: more }).get(id), key.publicKey);
  });

  test("refuses one key under two ids, though each is a hash of it", () => {
    const [id, more] = annotated();
    refused("E_MALFORMED", () => read({ [key.id]: plain, [id]: more }));
  });

  test("leaves out keys that cannot sign anything we accept", () => {
    const pem = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n";
    const ring = read({
      a: { keytype: "ecdsa", scheme: "ecdsa-sha2-nistp256", keyval: { public: pem } },
      b: { keytype: "rsa", scheme: "rsassa-pss-sha256", keyval: { public: pem } },
      c: { keytype: "ed25519", scheme: "ed25519ph", keyval: { public: publicHex } },
      [key.id]: plain,
    });
    assert.deepEqual([...ring.keys()], [key.id]);
  });

  const bad: Record<string, Json> = {
    "one key under two ids": { [key.id]: plain, [other.id]: plain },
    "a key under the id of another": { [other.id]: plain },
    "a key under its id in capitals": { [key.id.toUpperCase()]: plain },
    "a key under a made-up id": { "release-key": plain },
    "a public key in capitals": { [key.id]: { ...plain, keyval: { public: publicHex.toUpperCase() } } },
    "a public key that is too short": { [key.id]: { ...plain, keyval: { public: publicHex.slice(2) } } },
    "a public key that is PEM": { [key.id]: { ...plain, keyval: { public: "-----BEGIN PUBLIC KEY-----" } } },
    "a public key that is no string": { [key.id]: { ...plain, keyval: { public: 1 } } },
    "no keyval": { [key.id]: { keytype: "ed25519", scheme: "ed25519" } },
    "no scheme": { [key.id]: { keytype: "ed25519", keyval: { public: publicHex } } },
    "a key that is a string": { [key.id]: publicHex },
    "an array": [plain],
    "1025 keys": Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [`k${i}`, { keytype: "x", scheme: "x" }])),
  };
  for (const [name, keys] of Object.entries(bad)) {
    test(`refuses ${name}`, () => void refused("E_MALFORMED", () => read(keys)));
  }

  test("refuses points that are no public key: the identity, small order, a second spelling, not on the curve", () => {
    const zero = Buffer.alloc(32);
    const second = Buffer.concat([Buffer.from([0xee]), Buffer.alloc(30, 0xff), Buffer.from([0x7f])]); // y = p + 1
    for (
      const bytes of [
        encode(IDENTITY),
        ...torsionPoints().map(encode),
        second,
        Buffer.alloc(32, 0xff),
        zero.fill(2, 0, 1),
      ]
    ) {
      const publicKey = Uint8Array.from(bytes);
      refused("E_MALFORMED", () => read({ [keyIdOf(publicKey)]: keyObject(publicKey) }));
    }
  });
});

describe("a role's rule", () => {
  test("names distinct keys and a threshold", () => {
    assert.deepEqual(readRole({ keyids: ["a", "b"], threshold: 2, more: 1 }), {
      keyIds: new Set(["a", "b"]),
      threshold: 2,
    });
  });

  test("may name keys that are not there, and ask for more than there are: it is then never met", () => {
    assert.equal(readRole({ keyids: [], threshold: 1 }).keyIds.size, 0);
    assert.equal(readRole({ keyids: ["a"], threshold: 99 }).threshold, 99);
  });

  const bad: Record<string, Json> = {
    "a key id that stands twice": { keyids: ["a", "a"], threshold: 1 },
    "a threshold of 0": { keyids: ["a"], threshold: 0 },
    "a negative threshold": { keyids: ["a"], threshold: -1 },
    "a threshold in quotes": { keyids: ["a"], threshold: "1" },
    "no threshold": { keyids: ["a"] },
    "no key ids": { threshold: 1 },
    "key ids that are no strings": { keyids: [1], threshold: 1 },
    "1025 key ids": { keyids: Array.from({ length: 1025 }, (_, i) => `k${i}`), threshold: 1 },
  };
  for (const [name, role] of Object.entries(bad)) {
    test(`refuses ${name}`, () => void refused("E_MALFORMED", () => readRole(role)));
  }
});
