// Lies of those who hold some of the keys: everything here is correctly signed, and wrong in what it says or in how it
// fits together. Must not: hold lies that a mirror without keys could tell.
import type { Json } from "../../src/trust/json.ts";
import { keyObject } from "../../src/trust/keys.ts";
import {
  at,
  type MutableJson,
  type MutableObject,
  parseFile,
  put,
  sha256,
  signedFile,
  testKey,
  tufTime,
} from "../support/signed-file.ts";
import { type Attack, type AttackScene, nextRootPath } from "./attack-scene.ts";

const text = (s: string) => new TextEncoder().encode(s);

/** One field of one role says something else. */
function says(
  name: string,
  role: string,
  path: (string | number)[],
  to: MutableJson | undefined | ((s: AttackScene) => MutableJson | undefined),
  more: Partial<Attack> = {},
): Attack {
  return { name, ...more, tell: (s) => s.forge(role, path, typeof to === "function" ? to(s) : to) };
}

const expired = tufTime(Date.UTC(2001, 0, 1));

const expiries: Attack[] = [
  says("expired: timestamp", "timestamp", ["expires"], expired),
  says("expired: snapshot", "snapshot", ["expires"], expired),
  says("expired: targets", "targets", ["expires"], expired),
  says("expired: the delegated role that is asked", "A", ["expires"], expired),
  says("expired: a delegated role that is not asked", "C", ["expires"], expired, { outcome: "harmless" }),
  {
    name: "expired: the last root",
    tell: (s) => {
      put(s.repo.draft("root"), ["expires"], expired);
      s.repo.publishRoot();
      s.serveAll();
    },
  },
  {
    name: "expired: a root on the way",
    outcome: "harmless",
    tell: (s) => {
      const expires = at(s.repo.draft("root"), "expires");
      put(s.repo.draft("root"), ["expires"], expired);
      s.repo.publishRoot();
      put(s.repo.draft("root"), ["expires"], expires);
      s.repo.publishRoot();
      s.serveAll();
    },
  },
];

/** The snapshot says something else, and the timestamp follows. */
const rollbacks: Attack[] = [
  says("rollback by timestamp key: an older snapshot version", "timestamp", ["meta", "snapshot.json", "version"], 1),
  says("rollback by timestamp key: version 1", "timestamp", ["version"], 1),
  says("rollback by snapshot key: older targets", "snapshot", ["meta", "targets.json", "version"], 1),
  says("rollback by snapshot key: an older delegated role", "snapshot", ["meta", "A.json", "version"], 1),
  says("rollback by snapshot key: a delegated role forgotten", "snapshot", ["meta", "B.json"], undefined),
  says("rollback by snapshot key: the targets forgotten", "snapshot", ["meta", "targets.json"], undefined),
  says("rollback by targets key: an older version inside", "targets", ["version"], 1),
  says("rollback by a delegated key: an older version inside", "A", ["version"], 1),
  says("forward by targets key: a newer version inside than the snapshot names", "targets", ["version"], 99),
  says("snapshot key: another version inside than the timestamp names", "snapshot", ["version"], 99),
  {
    name: "forward by timestamp key: the end of the range, then the honest one",
    tell: (s) => {
      const honest = s.repo.bytes("timestamp");
      s.forge("timestamp", ["version"], 2 ** 53 - 1);
      s.before.push(new Map(s.files));
      s.put("timestamp", honest);
    },
  },
];

const digests: Attack[] = [
  says("timestamp key: another length of the snapshot", "timestamp", ["meta", "snapshot.json", "length"], 1),
  says("timestamp key: another digest of the snapshot", "timestamp", ["meta", "snapshot.json", "hashes"], {
    sha256: sha256(text("other")),
  }),
  says("snapshot key: another length of the targets", "snapshot", ["meta", "targets.json", "length"], 1),
  says("snapshot key: another digest of the targets", "snapshot", ["meta", "targets.json", "hashes"], {
    sha256: sha256(text("other")),
  }),
  says("snapshot key: another digest of the delegated role", "snapshot", ["meta", "A.json", "hashes"], {
    sha256: sha256(text("other")),
  }),
  says("snapshot key: one right and one wrong digest", "snapshot", ["meta", "targets.json", "hashes"], (s) => ({
    sha256: sha256(s.repo.bytes("targets")),
    sha512: "00".repeat(64),
  })),
];

/** A file signed by the keys of another role, or by too few of its own. */
const wrongKeys: Attack[] = [
  ...([["timestamp", "snapshot"], ["snapshot", "timestamp"], ["targets", "snapshot"], ["A", "targets"], [
    "A",
    "C",
  ]] as const)
    .map(([role, signer]): Attack => ({
      name: `keys: ${role} signed by ${signer}`,
      tell: (s) => {
        s.repo.replace(role, signedFile(parseFile(s.repo.bytes(role)).signed, s.repo.signers(signer)));
        if (role === "snapshot") s.repo.publishTimestamp();
        else if (role !== "timestamp") s.repo.refresh();
        s.serveAll();
      },
    })),
  {
    name: "keys: a key that a new root has dropped",
    tell: (s) => {
      const old = [...s.repo.signers("timestamp")];
      s.repo.rotate("timestamp");
      s.serveAll();
      s.put("timestamp", signedFile(parseFile(s.repo.bytes("timestamp")).signed, old));
    },
  },
  {
    name: "keys: a targets key that a new root has dropped",
    tell: (s) => {
      const old = [...s.repo.signers("targets")];
      s.repo.rotate("targets");
      s.repo.signers("targets").splice(0, Infinity, ...old);
      s.repo.publish("targets");
      s.serveAll();
    },
  },
  {
    name: "keys: a delegated key that its parent has dropped",
    tell: (s) => {
      put(s.repo.draft("targets"), ["delegations", "roles", 0, "keyids"], [s.repo.signers("C")[0]?.id ?? ""]);
      s.repo.publish();
      s.serveAll();
    },
  },
  {
    name: "keys: the threshold raised beyond the signatures there are",
    tell: (s) => {
      put(s.repo.draft("root"), ["roles", "targets", "threshold"], 9);
      s.repo.publishRoot();
      s.repo.publish();
      s.serveAll();
    },
  },
  {
    name: "keys: one key under two ids reaches a threshold of two",
    needs: { threshold: 1 },
    tell: (s) => {
      const key = testKey("twice"), root = s.repo.draft("root");
      const other = "ab".repeat(32);
      put(root, ["keys", key.id], keyObject(key.publicKey) as MutableObject);
      put(root, ["keys", other], keyObject(key.publicKey) as MutableObject);
      put(root, ["roles", "timestamp"], { keyids: [key.id, other], threshold: 2 });
      s.repo.publishRoot();
      s.repo.signers("timestamp").splice(0, Infinity, key, { ...key, id: other });
      s.repo.publish();
      s.serveAll();
    },
  },
];

/** The next root, signed as it should be, with one edit. */
function nextRoot(
  name: string,
  edit: (root: MutableObject, s: AttackScene) => void,
  more: Partial<Attack> = {},
): Attack {
  return {
    name: `root: ${name}`,
    ...more,
    tell: (s) => {
      const path = nextRootPath(s);
      const signed: MutableObject = structuredClone(s.repo.draft("root"));
      put(signed, ["version"], Number(signed["version"]) + 1);
      edit(signed, s);
      s.files.set(path, signedFile(signed as Json, s.repo.signers("root")));
    },
  };
}

const roots: Attack[] = [
  nextRoot("its version stays", (r) => put(r, ["version"], Number(r["version"]) - 1)),
  nextRoot("its version jumps", (r) => put(r, ["version"], Number(r["version"]) + 1)),
  nextRoot("the end of the range as version", (r) => put(r, ["version"], 2 ** 53 - 1)),
  nextRoot(
    "not signed by the keys it names",
    (r) => put(r, ["roles", "root"], { keyids: [testKey("n").id], threshold: 1 }),
  ),
  nextRoot("a threshold its signatures do not reach", (r) => put(r, ["roles", "root", "threshold"], 9)),
  nextRoot("no timestamp role", (r) => put(r, ["roles", "timestamp"], undefined)),
  nextRoot("a threshold of 0", (r) => put(r, ["roles", "timestamp", "threshold"], 0)),
  nextRoot("a key id twice in a role", (r, s) => {
    const [id = ""] = s.repo.signers("timestamp").map((k) => k.id);
    put(r, ["roles", "timestamp"], { keyids: [id, id], threshold: 1 });
  }),
  nextRoot("another type", (r) => put(r, ["_type"], "targets")),
  nextRoot("specification 2.0", (r) => put(r, ["spec_version"], "2.0.0")),
];

/** The top-level targets delegate in a way that must not work. */
function delegates(
  name: string,
  edit: (targets: MutableObject, s: AttackScene) => void,
  more: Partial<Attack> = {},
): Attack {
  return {
    name: `delegation: ${name}`,
    ...more,
    tell: (s) => {
      edit(s.repo.draft("targets"), s);
      s.repo.publish("targets");
      s.serveAll();
    },
  };
}
const entry = (t: MutableObject, i = 0) => at(t, "delegations", "roles", i) as MutableObject;

const delegations: Attack[] = [
  delegates("a role named like a top-level one", (t) => put(entry(t), ["name"], "snapshot")),
  delegates("a role named twice", (t) => put(t, ["delegations", "roles"], [entry(t), entry(t)])),
  delegates("paths and hash prefixes", (t) => put(entry(t), ["path_hash_prefixes"], [""])),
  delegates("a role that the snapshot does not name", (t) => put(entry(t), ["name"], "nobody")),
  delegates("does not say whether it terminates", (t) => put(entry(t), ["terminating"], undefined)),
  delegates("a threshold of 0", (t) => put(entry(t), ["threshold"], 0)),
  delegates("no keys object", (t) => put(t, ["delegations", "keys"], undefined)),
  delegates("the keys of the role are not there", (t) => put(t, ["delegations", "keys"], {})),
  delegates("no delegation any more: what the role holds is nobody's", (t) => put(t, ["delegations"], undefined), {
    outcome: "harmless",
  }),
  {
    name: "delegation: a role speaks for what it was not given",
    outcome: "harmless",
    tell: (s) => {
      s.repo.addTarget("c/evil", text("evil"), { role: "A" });
      s.repo.publish();
      s.serveAll();
      s.target = "c/evil";
    },
  },
  {
    name: "delegation: a child speaks for what its parent was not given",
    outcome: "harmless",
    tell: (s) => {
      put(s.repo.draft("A"), ["delegations", "roles", 0, "paths"], ["c/*"]);
      s.repo.addTarget("c/evil", text("evil"), { role: "B" });
      s.repo.publish();
      s.serveAll();
      s.target = "c/evil";
    },
  },
  {
    name: "delegation: a role to itself",
    outcome: "harmless",
    tell: (s) => {
      s.repo.delegate({ name: "A", parent: "A", paths: ["a/*"], signers: s.repo.signers("A") });
      s.repo.publish();
      s.serveAll();
      s.target = "a/missing";
    },
  },
  {
    name: "delegation: round in a circle",
    outcome: "harmless",
    tell: (s) => {
      s.repo.delegate({ name: "A", parent: "B", paths: ["*", "a/*", "a/b/*"], signers: s.repo.signers("A") });
      s.repo.publish();
      s.serveAll();
      s.target = "a/b/missing";
    },
  },
  {
    name: "delegation: the second parent of a role names other keys",
    tell: (s) => {
      s.repo.delegate({ name: "B", parent: "C", paths: ["c/*"], signers: [testKey("not B")] });
      s.repo.signers("B").pop();
      s.repo.publish();
      s.serveAll();
      s.target = "c/missing";
    },
  },
];

export const INSIDER_ATTACKS: readonly Attack[] = [
  ...expiries,
  ...rollbacks,
  ...digests,
  ...wrongKeys,
  ...roots,
  ...delegations,
];
