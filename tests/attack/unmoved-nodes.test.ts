// The lies about a schedule, told to a node that runs: whatever a mirror serves, whoever signed it, the node does not
// switch without the votes of its own governors, and does switch with them. The lies themselves, one by one and in every
// order, are judged in the files that are named for them.
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { canonicalBytes } from "../../src/trust/json.ts";
import { createNetwork, filesOf, PLATFORM, succeed } from "../cli/network.ts";
import { runDchat } from "../support/bundled-cli.ts";
import { createGovernedNodes, type GovernedNode } from "../support/governed-node.ts";
import {
  at,
  jsonFile,
  type MutableObject,
  parseFile,
  put,
  readTestKey,
  sha256,
  signatureOf,
  signedFile,
} from "../support/signed-file.ts";

const GOVERNORS = { a: 1, b: 1, c: 1 };
const network = await createNetwork();
const nodes = await createGovernedNodes(network, {
  kind: "cometbft",
  finality: "instant",
  governors: GOVERNORS,
  released: ["2.0.0"],
  upgrades: [],
});
type Files = Map<string, Uint8Array>;
let copies = 0;

/** A repository that goes on from the common beginning. */
function branch() {
  const repo = join(nodes.folder, `branch-${copies++}`);
  cpSync(nodes.repo, repo, { recursive: true });
  const keys = (names: string) => [...names].flatMap((name) => ["--key", nodes.key(name)]);
  return {
    repo,
    /** Proposes 2.0.0 from block 120 on, with the votes of these governors. */
    async propose(names: string) {
      const when = ["--height", "120", "--current-height", "50"];
      await succeed(["governance", "propose", "--repo", repo, "--version", "2.0.0", ...when, ...keys(names)]);
    },
    cancel: (names: string) =>
      succeed(["governance", "cancel", "1", "--repo", repo, "--current-height", "100", ...keys(names)]),
    async published(): Promise<Files> {
      await succeed(["release", "publish", repo, "--key", nodes.key("release")]);
      return filesOf(repo);
    },
  };
}

/** What an honest repository serves when 2.0.0 is approved. */
const honest = branch();
await honest.propose("ab");
const approved = await honest.published();

const keyOf = (name: string) => readTestKey(nodes.key(name));

const CERTIFICATE = "schedule/1.json";
const fileOf = (files: Files, path: string) => parseFile(files.get(path) ?? assert.fail(path));

/** The approved repository with another first certificate, also in its bundle. */
function withCertificate(change: (envelope: ReturnType<typeof parseFile>) => Uint8Array): Files {
  const files = new Map(approved), bytes = change(fileOf(approved, CERTIFICATE));
  const bundle = JSON.parse(new TextDecoder().decode(files.get("bundle.json")));
  files.set("bundle.json", jsonFile({ ...bundle, schedule: [new TextDecoder().decode(bytes)] }));
  return files.set(CERTIFICATE, bytes);
}

/** The snapshot as whoever has the release key would sign it, with the timestamp that follows. */
function withHead(head: MutableObject): Files {
  const files = new Map(approved), key = keyOf("release");
  const timestamp = fileOf(files, "metadata/timestamp.json").signed;
  const described = at(timestamp, "meta", "snapshot.json") as MutableObject; // as TUF has it
  const path = `metadata/${described["version"]}.snapshot.json`, snapshot = fileOf(files, path).signed;
  snapshot["x-dchat-schedule"] = head;
  const bytes = signedFile(snapshot, [key]);
  if (described["length"] !== undefined) described["length"] = bytes.length;
  if (described["hashes"] !== undefined) described["hashes"] = { sha256: sha256(bytes) };
  put(timestamp, ["version"], Number(timestamp["version"]) + 1);
  return files.set(path, bytes).set("metadata/timestamp.json", signedFile(timestamp, [key]));
}

/** Lets a node at block 100 learn from these mirrors one after the other, then fifty blocks come. @returns what `check` said */
async function lead(s: GovernedNode, ...served: readonly Files[]): Promise<string> {
  s.start();
  await s.answers("1.0.0");
  let said = "";
  for (const files of served) {
    nodes.mirror.serve(files);
    const { code, stderr } = await runDchat(["check", ...s.at]);
    assert.notEqual(code, 1, stderr);
    said += stderr;
  }
  s.chain.apply({ produce: 50 });
  return said;
}

const weak = branch();
await weak.propose("a");
const cancelled = branch();
await cancelled.propose("ab");
const beforeCancel = await cancelled.published();
await cancelled.cancel("bc");
const afterCancel = await cancelled.published();
const withheld = new Map(afterCancel);
withheld.delete("schedule/2.json");
withheld.delete("bundle.json");
const rotated = branch();
await rotated.propose("a");
for (const name of ["x", "y"]) await succeed(["release", "keygen", nodes.key(name)]);
const others = ["x", "y"].flatMap((name) => ["--governor", `${nodes.key(name).replace(/pem$/, "pub")}:1`]);
await succeed(["release", "rotate-root", rotated.repo, "--key", nodes.key("release"), ...others]);
await succeed(["release", "publish", rotated.repo, "--key", nodes.key("release")]);
/** The vote that would have completed it, by one who is no governor any more. */
const late = fileOf(approved, CERTIFICATE);

const LIES: Readonly<Record<string, readonly Files[]>> = {
  "too little weight": [await weak.published()],
  "votes that were taken out on the way": [
    withCertificate(({ signed, signatures }) => jsonFile({ signed, signatures: signatures.slice(0, 1) })),
  ],
  "one vote twice": [
    withCertificate(({ signed, signatures }) => jsonFile({ signed, signatures: [signatures[0]!, signatures[0]!] })),
  ],
  "one vote under two names": [
    withCertificate(({ signed, signatures }) =>
      jsonFile({ signed, signatures: [signatures[0]!, { ...signatures[0]!, keyid: keyOf("c").id }] })
    ),
  ],
  "the release key's vote": [
    withCertificate(({ signed }) => signedFile(signed, [keyOf("release"), keyOf("a")])),
  ],
  "votes for another network": [
    withCertificate(({ signed }) =>
      signedFile({ ...signed, network: "mainnet" }, [keyOf("a"), keyOf("b"), keyOf("c")])
    ),
  ],
  "votes for other bytes": [
    withCertificate(({ signed }) => {
      const [[path, target] = assert.fail()] = Object.entries(signed["targets"] as MutableObject);
      const other = { ...target as MutableObject, sha256: "0".repeat(64) };
      return signedFile({ ...signed, targets: { [path]: other } }, [keyOf("a"), keyOf("b"), keyOf("c")]);
    }),
  ],
  "votes moved to another height": [
    withCertificate(({ signed, signatures }) =>
      jsonFile({ signed: { ...signed, activation_height: 110 }, signatures })
    ),
  ],
  "a cancelled certificate, shown again": [beforeCancel, afterCancel, beforeCancel],
  "a cancel that the mirror withholds": [beforeCancel, withheld],
  "governors who were replaced in the middle of the vote": [
    filesOf(rotated.repo),
    new Map(filesOf(rotated.repo)).set(CERTIFICATE, jsonFile({ signed: late.signed, signatures: late.signatures })),
  ],
  "a certificate 2^53−1 that nobody can show": [
    withHead({ sequence: Number.MAX_SAFE_INTEGER, sha256: "7".repeat(64) }),
  ],
};

for (const [lie, served] of Object.entries(LIES)) {
  test(`${lie}: the node stays where it is`, async () => {
    await using s = await nodes.create();
    const said = await lead(s, ...served);
    await s.seen(150);
    assert.deepEqual(s.starts(), ["1.0.0"], said);
    assert.equal((await s.status()).current.version, "1.0.0");
    if (/withholds|nobody can show/.test(lie)) assert.match(said, /E_WITHHELD|names certificate/);
  });
}

test("with the votes it was given in time it switches, so that the tests above can fail", async () => {
  await using s = await nodes.create();
  await lead(s, approved);
  await s.answers("2.0.0");
  assert.deepEqual(s.starts(), ["1.0.0", "2.0.0"]);
});

test("a platform that is added after the approval changes no node's mind", async () => {
  const added = join(nodes.folder, "added");
  cpSync(honest.repo, added, { recursive: true });
  const what = ["--version", "2.0.0", "--platform", "linux-riscv64", "--format", "executable"];
  await succeed(["release", "add", added, join(nodes.folder, "1.0.0"), ...what]);
  await succeed(["release", "publish", added, "--key", nodes.key("release")]);
  assert.notEqual(PLATFORM, "linux-riscv64");
  await using s = await nodes.create();
  await lead(s, approved, filesOf(added));
  await s.answers("2.0.0");
  await s.seen(150);
  assert.deepEqual(s.starts(), ["1.0.0", "2.0.0"]);
  assert.equal((await s.status()).current.activationHeight, 120);
});

/** Signatures are over the canonical form: what the helpers sign is what the product verifies. */
test("what is forged here is signed rightly", () => {
  const { signed, signatures } = fileOf(approved, CERTIFICATE);
  const key = keyOf("a");
  assert.ok(signatures.some((s) => s["keyid"] === key.id && s["sig"] === signatureOf(canonicalBytes(signed), key)));
});
