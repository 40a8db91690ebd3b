// Lies that a mirror can tell without any key: old files, swapped files, broken files, missing signatures.
// Must not: sign with the repository's keys, except the file's own honest signatures.
import { jsonFile, parseFile, sha256, signatureOf, signedFile, type TestKey, testKey } from "../support/signed-file.ts";
import { canonicalBytes } from "../../src/trust/json.ts";
import { createTufRepository } from "../support/tuf-repository.ts";
import { type Attack, type AttackScene, createAttackScene, nextRootPath } from "./attack-scene.ts";
import { REPOSITORY_NOW_MS } from "./random-repository.ts";

const text = (s: string) => new TextEncoder().encode(s);
const bytesOf = (b: Uint8Array | undefined) => b ?? new Uint8Array();
/** The roles whose files a client needs for `a/file`; root is served by other rules. */
const ROLES = ["timestamp", "snapshot", "targets", "A"] as const;

/** A role's file as it was in an earlier publish, whatever its name was then. */
function earlier(scene: AttackScene, role: string, files: AttackScene["seen"]): Uint8Array {
  const version = Number(scene.repo.draft(role)["version"]) - (files === scene.seen ? 1 : 2);
  return bytesOf(files.get(scene.repo.path(role).replace(/\/\d+\./, `/${version}.`)));
}

const wholeOfEarlier = (scene: AttackScene, files: AttackScene["seen"]) => {
  scene.files.clear();
  for (const [path, b] of files) scene.files.set(path, b);
};

const rollbacks: Attack[] = [
  {
    name: "rollback: the timestamp before the last",
    tell: (s) => s.put("timestamp", bytesOf(s.older.get("metadata/timestamp.json"))),
  },
  { name: "rollback: everything before the last", tell: (s) => wholeOfEarlier(s, s.older) },
  { name: "freeze: everything as it was", outcome: "harmless", tell: (s) => wholeOfEarlier(s, s.seen) },
  {
    name: "rollback: the snapshot, under the new name",
    tell: (s) => s.put("snapshot", earlier(s, "snapshot", s.seen)),
  },
  { name: "rollback: the targets, under the new name", tell: (s) => s.put("targets", earlier(s, "targets", s.seen)) },
  { name: "rollback: a delegated role, under the new name", tell: (s) => s.put("A", earlier(s, "A", s.seen)) },
  {
    name: "rollback: the first targets, under the new name",
    tell: (s) => s.put("targets", earlier(s, "targets", s.older)),
  },
  {
    name: "rollback: the current root as the next",
    tell: (s) => void s.files.set(nextRootPath(s), s.repo.bytes("root")),
  },
];

const mixes: Attack[] = [
  {
    name: "mix: a snapshot newer than the timestamp",
    tell: (s) => {
      const timestamp = bytesOf(s.files.get("metadata/timestamp.json")), path = s.repo.path("snapshot");
      s.repo.publish();
      s.files.set("metadata/timestamp.json", timestamp).set(path, s.repo.bytes("snapshot"));
    },
  },
  {
    name: "mix: targets newer than the snapshot",
    tell: (s) => {
      const path = s.repo.path("targets");
      s.repo.publish();
      s.files.set(path, s.repo.bytes("targets"));
    },
  },
  ...ROLES.map((role): Attack => ({
    name: `mix: ${role} of another repository`,
    tell: (s) => {
      const other = createTufRepository({ seed: "another repository", nowMs: REPOSITORY_NOW_MS });
      other.delegate({ name: "A" });
      for (let i = 0; i < 2; i++) other.publish();
      s.put(role, other.bytes(role));
    },
  })),
  {
    name: "mix: all of another repository, with another root",
    tell: (s) => {
      const other = createTufRepository({ seed: "another repository", nowMs: REPOSITORY_NOW_MS });
      for (let i = 0; i < 9; i++) other.publish();
      for (const [path, b] of other.files()) if (!path.endsWith("root.json")) s.files.set(path, b);
    },
  },
  { name: "mix: another delegated role's file", tell: (s) => s.put("A", s.repo.bytes("C")) },
  { name: "mix: the snapshot as timestamp", tell: (s) => s.put("timestamp", s.repo.bytes("snapshot")) },
  { name: "mix: the timestamp as snapshot", tell: (s) => s.put("snapshot", s.repo.bytes("timestamp")) },
  { name: "mix: the root as targets", tell: (s) => s.put("targets", s.repo.bytes("root")) },
  { name: "mix: the targets as a delegated role", tell: (s) => s.put("A", s.repo.bytes("targets")) },
  {
    name: "mix: the targets as the next root",
    tell: (s) => void s.files.set(nextRootPath(s), s.repo.bytes("targets")),
  },
];

/** Each is done to one role at random. */
const broken: Record<string, (b: Uint8Array) => Uint8Array> = {
  "nothing": () => new Uint8Array(),
  "cut in half": (b) => b.subarray(0, b.length >> 1),
  "cut by its last byte": (b) => b.subarray(0, -1),
  "an error page": () => text("<!doctype html><title>502 Bad Gateway</title>"),
  "JSON null": () => text("null"),
  "a JSON string": () => text('"signed"'),
  "an empty object": () => text("{}"),
  "100,000 brackets": () => text("[".repeat(100_000)),
  "a bracket behind it": (b) => Uint8Array.from([...b, 0x7d]),
  "a byte order mark before it": (b) => Uint8Array.from([0xef, 0xbb, 0xbf, ...b]),
  "zeros behind it": (b) => Uint8Array.from([...b, 0, 0, 0]),
  "sixteen megabytes": () => new Uint8Array(16_000_000).fill(0x20),
};

const files: Attack[] = Object.entries(broken).map(([name, breaking]) => ({
  name: `file: ${name}`,
  tell: (s) => {
    const role = s.random.pick(ROLES);
    s.put(role, breaking(s.repo.bytes(role)));
  },
}));
files.push(
  ...ROLES.map((role): Attack => ({
    name: `file: ${role} is missing`,
    tell: (s) => void s.files.delete(s.repo.path(role)),
  })),
  {
    name: "file: a stranger's key id that is not UTF-8, besides enough",
    tell: (s) => {
      const { signed, signatures } = parseFile(s.repo.bytes("timestamp"));
      const file = jsonFile({ signed, signatures: [...signatures, { keyid: "strange", sig: "" }] });
      const at = new TextDecoder().decode(file).indexOf("strange");
      s.put("timestamp", file.map((b, i) => (i === at ? 0xff : b)));
    },
  },
  { name: "file: the next root is junk", tell: (s) => void s.files.set(nextRootPath(s), text("{}")) },
  {
    name: "length: white space behind a file whose digest is named",
    needs: { metaHashes: true },
    tell: (s) => {
      const role = s.random.pick(["snapshot", "targets", "A"] as const);
      s.put(role, Uint8Array.from([...s.repo.bytes(role), 0x0a]));
    },
  },
  {
    name: "digest: another layout of the same length",
    needs: { metaHashes: true },
    tell: (s) => {
      const role = s.random.pick(["snapshot", "targets", "A"] as const);
      s.put(role, s.repo.bytes(role).map((b) => (b === 0x0a ? 0x20 : b)));
    },
  },
  {
    name: "layout: white space behind a file whose digest nobody names",
    needs: { metaHashes: false },
    outcome: "harmless",
    tell: (s) => {
      const role = s.random.pick(ROLES);
      s.put(role, Uint8Array.from([...s.repo.bytes(role), 0x0a]));
    },
  },
);

interface Signature {
  keyid: string;
  sig: string;
}

/** Changes the list of signatures of one role at random. */
function signatures(
  name: string,
  change: (honest: Signature[], scene: AttackScene, message: Uint8Array) => Signature[],
  more: Partial<Attack> = {},
): Attack {
  return {
    name: `signatures: ${name}`,
    ...more,
    needs: { threshold: 2, metaHashes: false, ...more.needs },
    tell: (s) => {
      const role = s.random.pick(ROLES);
      const { signed, signatures } = parseFile(s.repo.bytes(role));
      const honest = signatures.map((x) => ({ keyid: String(x["keyid"]), sig: String(x["sig"]) }));
      s.put(role, jsonFile({ signed, signatures: change(honest, s, canonicalBytes(signed)).map((x) => ({ ...x })) }));
    },
  };
}

const strangers = [testKey("stranger 0"), testKey("stranger 1"), testKey("stranger 2")] as [TestKey, TestKey, TestKey];
const by = (k: TestKey, message: Uint8Array): Signature => ({ keyid: k.id, sig: signatureOf(message, k) });
const turn = (sig: string, at: number) => sig.slice(0, at) + (sig[at] === "0" ? "1" : "0") + sig.slice(at + 1);

const signing: Attack[] = [
  signatures("none", () => []),
  signatures("one too few", ([first]) => (first === undefined ? [] : [first])),
  signatures("one twice", ([first]) => (first === undefined ? [] : [first, first])),
  signatures("one twice behind enough", (all) => [...all, ...all.slice(0, 1)]),
  signatures("strangers only", (_, __, m) => strangers.map((k) => by(k, m))),
  signatures(
    "one trusted and strangers",
    ([first], _, m) => [...(first ? [first] : []), ...strangers.map((k) => by(k, m))],
  ),
  signatures(
    "strangers' under trusted ids",
    (all, _, m) => all.map((x, i) => ({ ...x, sig: by(strangers[i] ?? strangers[0], m).sig })),
  ),
  signatures("swapped between keys", ([a, b]) => (a && b ? [{ ...a, sig: b.sig }, { ...b, sig: a.sig }] : [])),
  signatures("one with a bit turned in R", ([a, ...rest]) => (a ? [{ ...a, sig: turn(a.sig, 5) }, ...rest] : [])),
  signatures("one with a bit turned in S", ([a, ...rest]) => (a ? [{ ...a, sig: turn(a.sig, 70) }, ...rest] : [])),
  signatures("one cut short", ([a, ...rest]) => (a ? [{ ...a, sig: a.sig.slice(2) }, ...rest] : [])),
  signatures("one empty", ([a, ...rest]) => (a ? [{ ...a, sig: "" }, ...rest] : [])),
  signatures("one that is no hex", ([a, ...rest]) => (a ? [{ ...a, sig: "x".repeat(128) }, ...rest] : [])),
  signatures("one in capitals", ([a, ...rest]) => (a ? [{ ...a, sig: a.sig.toUpperCase() }, ...rest] : [])),
  signatures("one with bytes behind it", ([a, ...rest]) => (a ? [{ ...a, sig: `${a.sig}0000` }, ...rest] : [])),
  signatures("of an earlier version", (_, s) => {
    const old = parseFile(bytesOf(s.seen.get("metadata/timestamp.json"))).signatures;
    return old.map((x) => ({ keyid: String(x["keyid"]), sig: String(x["sig"]) }));
  }),
  signatures("strangers' besides enough", (all, _, m) => [by(strangers[0], m), ...all], { outcome: "harmless" }),
  signatures("another order", (all) => [...all].reverse(), { outcome: "harmless" }),
  signatures("a stranger's that is junk, besides enough", (all) => [{ keyid: "x", sig: "junk" }, ...all], {
    outcome: "harmless",
  }),
];

/** What is signed is changed, the signatures stay. */
function changed(
  name: string,
  role: string,
  path: (string | number)[],
  to: Parameters<AttackScene["edited"]>[2],
): Attack {
  return {
    name: `content: ${name}`,
    tell: (s) => {
      const { signed } = parseFile(s.edited(role, path, to));
      s.put(role, jsonFile({ signed, signatures: parseFile(s.repo.bytes(role)).signatures }));
    },
  };
}

const contents: Attack[] = [
  changed("a higher timestamp version", "timestamp", ["version"], 99),
  changed("a later expiry", "timestamp", ["expires"], "2099-01-01T00:00:00Z"),
  changed("the digest of the snapshot", "timestamp", ["meta", "snapshot.json", "hashes"], {
    sha256: sha256(text("evil")),
  }),
  changed("a higher version of the targets", "snapshot", ["meta", "targets.json", "version"], 99),
  changed("the digest of a target", "A", ["targets", "a/file", "hashes", "sha256"], sha256(text("evil"))),
  changed("one more target", "targets", ["targets", "a/file"], { length: 4, hashes: { sha256: sha256(text("evil")) } }),
  changed("the threshold of a delegation", "targets", ["delegations", "roles", 0, "threshold"], 9),
  changed("an unknown field", "targets", ["x"], 1),
];

const roots: Attack[] = [
  {
    name: "root: the next one signed only by itself",
    tell: (s) => {
      const { signed } = parseFile(s.repo.bytes("root"));
      const evil = createTufRepository({ seed: "evil root", nowMs: REPOSITORY_NOW_MS });
      const next = { ...parseFile(evil.bytes("root")).signed, version: Number(signed["version"]) + 1 };
      s.files.set(nextRootPath(s), signedFile(next, evil.signers("root")));
    },
  },
  {
    name: "root: the next one with its version raised and the old signatures",
    tell: (s) => {
      const { signed, signatures } = parseFile(s.repo.bytes("root"));
      s.files.set(
        nextRootPath(s),
        jsonFile({ signed: { ...signed, version: Number(signed["version"]) + 1 }, signatures }),
      );
    },
  },
  {
    name: "root: one version left out",
    tell: (s) => {
      const first = nextRootPath(s);
      s.repo.publishRoot();
      s.repo.publishRoot();
      s.files.set(first, s.repo.bytes("root"));
    },
  },
  {
    name: "root: the first one of another repository",
    tell: (s) => void s.files.set(nextRootPath(s), createAttackScene("elsewhere").repo.pinnedRoot),
  },
];

export const MIRROR_ATTACKS: readonly Attack[] = [
  ...rollbacks,
  ...mixes,
  ...files,
  ...signing,
  ...contents,
  ...roots,
];
