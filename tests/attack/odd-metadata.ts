// Metadata that is correctly signed and oddly made: what a format leaves open, and where clients therefore differ.
// `outcome` is what this product promises; other clients may be more lenient. Must not: hold lies about content.
import { canonicalText, type Json } from "../../src/trust/json.ts";
import { keyIdOf, keyObject } from "../../src/trust/keys.ts";
import {
  jsonFile,
  type MutableJson,
  type MutableObject,
  parseFile,
  put,
  sha256,
  signatureOf,
  type TestKey,
} from "../support/signed-file.ts";
import {
  add,
  BASE,
  challenge,
  type CurvePoint,
  encode,
  IDENTITY,
  L,
  times,
  toBytes,
  torsionPoints,
} from "../trust/edwards25519.ts";
import type { Attack, AttackScene } from "./attack-scene.ts";

const text = (s: string) => new TextEncoder().encode(s);
const decode = (b: Uint8Array) => new TextDecoder().decode(b);

/** One field of one role is written oddly. */
function odd(
  name: string,
  role: string,
  path: (string | number)[],
  to: MutableJson | undefined | ((s: AttackScene) => MutableJson | undefined),
  more: Partial<Attack> = {},
): Attack {
  return { name: `odd: ${name}`, ...more, tell: (s) => s.forge(role, path, typeof to === "function" ? to(s) : to) };
}

/**
 * The timestamp's text is rewritten after it was signed, in a way that a lenient parser reads as what was signed.
 * Only the timestamp: nobody names its digest.
 */
function rewritten(name: string, rewrite: (text: string) => string): Attack {
  return {
    name: `odd: ${name}`,
    tell: (s) => {
      const before = decode(s.repo.bytes("timestamp")), after = rewrite(before);
      if (before === after) throw new Error(`${name} rewrites nothing`);
      s.put("timestamp", text(after));
    },
  };
}

const spellings: Attack[] = [
  rewritten("a key that stands twice, the same", (t) => t.replace('"_type"', '"spec_version": "1.0.31", "_type"')),
  rewritten("a key that stands twice, the last is signed", (t) => t.replace('"_type"', '"version": 1, "_type"')),
  rewritten("a version written as 3.0", (t) => t.replace(/"version": (\d+),/, '"version": $1.0,')),
  rewritten("a version written as 3e0", (t) => t.replace(/"version": (\d+),/, '"version": $1e0,')),
  rewritten("a file that begins with a list of fields twice", (t) => t.replace("{", '{"signed": {}, ')),
];

const layouts: Attack[] = [
  rewritten("no white space at all", (t) => JSON.stringify(JSON.parse(t))),
  rewritten("letters as escapes", (t) => t.replaceAll("timestamp", "\\u0074imestamp")),
  rewritten("fields beside the signed part", (t) => t.replace("{", '{"more": [1.5, "x"], ').replace("1.5", "1")),
].map((a) => ({ ...a, outcome: "harmless" }));

const values: Attack[] = [
  odd("version 0", "timestamp", ["version"], 0),
  odd("a negative version", "targets", ["version"], -3),
  odd("a version in quotes", "timestamp", ["version"], "3"),
  odd("no version", "snapshot", ["version"], undefined),
  odd("no expiry", "targets", ["expires"], undefined),
  odd("an expiry in words", "timestamp", ["expires"], "never"),
  odd("an expiry that is a number", "timestamp", ["expires"], 4_000_000_000),
  odd("an expiry with milliseconds", "timestamp", ["expires"], "2099-01-01T00:00:00.000Z"),
  odd("an expiry with an offset", "timestamp", ["expires"], "2099-01-01T00:00:00+01:00"),
  odd("an expiry on 30 February", "timestamp", ["expires"], "2099-02-30T00:00:00Z"),
  odd("an expiry that is a day", "timestamp", ["expires"], "2099-01-01"),
  odd("another type", "snapshot", ["_type"], "timestamp"),
  odd("no type", "targets", ["_type"], undefined),
  odd("specification 2.0", "timestamp", ["spec_version"], "2.0.0"),
  odd("specification 1", "timestamp", ["spec_version"], "1"),
  odd("specification 1.0.x", "timestamp", ["spec_version"], "1.0.x"),
  odd("specification 1.0.31.1", "timestamp", ["spec_version"], "1.0.31.1"),
  odd("no specification", "timestamp", ["spec_version"], undefined),
  odd("meta that is empty", "timestamp", ["meta"], {}),
  odd("meta that is an array", "snapshot", ["meta"], []),
  odd("a version of 0 in meta", "snapshot", ["meta", "targets.json", "version"], 0),
  odd("hashes that are empty", "snapshot", ["meta", "targets.json", "hashes"], {}),
  odd("hashes that are null", "snapshot", ["meta", "targets.json", "hashes"], null),
  odd("a digest in capitals", "snapshot", ["meta", "targets.json", "hashes"], (s) => ({
    sha256: sha256(s.repo.bytes("targets")).toUpperCase(),
  })),
  odd(
    "a digest of an algorithm nobody knows, beside a good one",
    "snapshot",
    ["meta", "targets.json", "hashes"],
    (s) => ({
      sha256: sha256(s.repo.bytes("targets")),
      "blake-next": "00",
    }),
    { outcome: "harmless" },
  ),
  odd("only a digest of an algorithm nobody knows", "snapshot", ["meta", "targets.json", "hashes"], {
    "blake-next": "00",
  }),
  odd("a length of 0", "snapshot", ["meta", "C.json", "length"], 0),
  odd("targets that are missing", "targets", ["targets"], undefined),
  odd("targets that are an array", "targets", ["targets"], []),
  odd("a target of negative length", "A", ["targets", "a/file", "length"], -1),
  odd("a target without length", "A", ["targets", "a/file", "length"], undefined),
  odd("a target without digests", "A", ["targets", "a/file", "hashes"], undefined),
  odd("a target whose digests are empty", "A", ["targets", "a/file", "hashes"], {}),
  odd("a target with fields nobody knows", "A", ["targets", "a/file", "x"], { y: 1 }, { outcome: "harmless" }),
  odd("fields nobody knows", "targets", ["x"], [{ y: null }], { outcome: "harmless" }),
  odd("custom that is no object", "A", ["targets", "a/file", "custom"], 7, { outcome: "harmless" }),
];

/** What delegations say oddly; the client asks for `path` in role A. */
function delegation(
  name: string,
  path: (string | number)[],
  to: MutableJson | undefined,
  more: Partial<Attack> = {},
): Attack {
  return odd(name, "targets", ["delegations", ...path], to, more);
}

const delegations: Attack[] = [
  delegation("neither roles nor hash bins", ["roles"], undefined),
  delegation("a role without patterns", ["roles", 1, "paths"], undefined),
  delegation("roles and hash bins", ["succinct_roles"], { keyids: [], threshold: 1, bit_length: 1, name_prefix: "b" }),
  delegation("a threshold in quotes", ["roles", 1, "threshold"], "1"),
  delegation("brackets in a pattern", ["roles", 0, "paths"], ["[ab]/*"], { outcome: "harmless" }),
  delegation("braces in a pattern", ["roles", 0, "paths"], ["{a,b}/*"], { outcome: "harmless" }),
  delegation("a pattern that says not", ["roles", 0, "paths"], ["!x/*"], { outcome: "harmless" }),
  {
    name: "odd: a star before a hidden file",
    outcome: "harmless",
    tell: (s) => {
      s.repo.addTarget("a/.hidden", text("hidden"), { role: "A" });
      s.repo.publish();
      s.serveAll();
      s.target = "a/.hidden";
    },
  },
  {
    name: "odd: forty roles in a chain",
    needs: { threshold: 1 },
    tell: (s) => {
      const key = s.repo.signers("C");
      for (let i = 0; i < 40; i++) {
        s.repo.delegate({ name: `chain-${i}`, parent: i === 0 ? "C" : `chain-${i - 1}`, paths: ["c/*"], signers: key });
      }
      s.repo.publish();
      s.serveAll();
      s.target = "c/missing";
    },
  },
];

/** The next root gives the timestamp role one odd key, and the timestamp is signed with it. */
function oddKey(
  name: string,
  key: (honest: TestKey) => { id: string; object: Json },
  more: Partial<Attack> & { sign?: (message: Uint8Array) => string } = {},
): Attack {
  const { sign, ...rest } = more;
  return {
    name: `odd key: ${name}`,
    ...rest,
    tell: (s) => {
      const honest = s.repo.newKey(), root = s.repo.draft("root"), { id, object } = key(honest);
      put(root, ["keys", id], object as MutableObject);
      put(root, ["roles", "timestamp"], { keyids: [id], threshold: 1 });
      s.repo.publishRoot();
      s.repo.publish();
      const { signed } = parseFile(s.repo.bytes("timestamp"));
      const message = text(canonicalText(signed));
      s.repo.replace(
        "timestamp",
        jsonFile({ signed, signatures: [{ keyid: id, sig: sign?.(message) ?? signatureOf(message, honest) }] }),
      );
      s.serveAll();
    },
  };
}

const hexOf = (b: Uint8Array) => Buffer.from(b).toString("hex");
const plain = (k: TestKey) => keyObject(k.publicKey) as MutableObject;
const spki = (k: TestKey) =>
  `-----BEGIN PUBLIC KEY-----\n${
    Buffer.from(`302a300506032b6570032100${hexOf(k.publicKey)}`, "hex").toString("base64")
  }\n-----END PUBLIC KEY-----\n`;

/** Signatures under a key of small or mixed order, where the equation without cofactor holds all the same. */
const SECRET = 0x1234567890abcdefn, NONCE = 0xfedcba0987654321n;
const forgeable = (a: CurvePoint, secret: bigint) => (message: Uint8Array) => {
  for (let nonce = NONCE;; nonce++) {
    const r = encode(times(nonce, BASE)), k = challenge(r, encode(a), message);
    // k·A has no part of small order when 8 divides k.
    if (k % 8n === 0n) return hexOf(r) + hexOf(toBytes((nonce + k * secret) % L));
  }
};
const TORSION = torsionPoints()[1] ?? IDENTITY;
const MIXED = add(times(SECRET, BASE), TORSION);
const point = (p: CurvePoint) => () => ({ id: keyIdOf(encode(p)), object: keyObject(encode(p)) });

const keys: Attack[] = [
  oddKey("an ordinary one", (k) => ({ id: k.id, object: plain(k) }), { outcome: "harmless" }),
  oddKey(
    "with fields nobody knows",
    (k) => ({ id: k.id, object: { ...plain(k), keyid_hash_algorithms: ["sha256"] } }),
    {
      outcome: "harmless",
    },
  ),
  oddKey("an id that is not its hash", (k) => ({ id: "release-key", object: plain(k) })),
  oddKey("an id in capitals", (k) => ({ id: k.id.toUpperCase(), object: plain(k) })),
  oddKey("an id that is the hash of more fields", (k) => {
    const object = { ...plain(k), keyid_hash_algorithms: ["sha256"] };
    return { id: sha256(text(canonicalText(object))), object };
  }, { outcome: "harmless" }),
  oddKey(
    "public key in capitals",
    (k) => ({ id: k.id, object: { ...plain(k), keyval: { public: hexOf(k.publicKey).toUpperCase() } } }),
  ),
  oddKey("public key as PEM", (k) => {
    const object = { ...plain(k), keyval: { public: spki(k) } };
    return { id: sha256(text(canonicalText(object))), object };
  }),
  oddKey("another scheme", (k) => ({ id: k.id, object: { ...plain(k), scheme: "ed25519-next" } })),
  oddKey("another key type", (k) => ({ id: k.id, object: { ...plain(k), keytype: "ed25519-next" } })),
  oddKey("no scheme", (k) => ({ id: k.id, object: { keytype: "ed25519", keyval: { public: hexOf(k.publicKey) } } })),
  oddKey("the identity: anybody can sign", point(IDENTITY), { sign: forgeable(IDENTITY, 0n) }),
  oddKey("a point of small order: anybody can sign", point(TORSION), { sign: forgeable(TORSION, 0n) }),
  oddKey("a point of mixed order", point(MIXED), { sign: forgeable(MIXED, SECRET) }),
  {
    name: "odd: root does not say whether snapshots are consistent",
    needs: { consistentSnapshot: false },
    outcome: "harmless",
    tell: (s) => {
      put(s.repo.draft("root"), ["consistent_snapshot"], undefined);
      s.repo.publishRoot();
      s.serveAll();
    },
  },
  {
    name: "odd: consistent_snapshot in quotes",
    tell: (s) => {
      put(s.repo.draft("root"), ["consistent_snapshot"], "true");
      s.repo.publishRoot();
      s.serveAll();
    },
  },
  {
    name: "odd: strings that sort differently by UTF-16 and by code point",
    outcome: "harmless",
    tell: (s) => {
      put(s.repo.draft("targets"), ["x"], { "Ａ": 1, "😀": 2 });
      s.repo.publish();
      s.serveAll();
    },
  },
];

export const ODD_METADATA: readonly Attack[] = [...spellings, ...layouts, ...values, ...delegations, ...keys];
