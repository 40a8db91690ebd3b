// Several keys, thresholds and governors: copies of the folder are signed apart and merged.
import assert from "node:assert/strict";
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { readXDchat } from "../../src/trust/x-dchat.ts";
import { fails } from "../support/fails.ts";
import { createMaintainer, type Maintainer, openssl, publishedFiles } from "./maintainer.ts";
import { pinned, readAll, releasesOf, versionsOf } from "./reader.ts";

const TWO_OF_TWO = "--root-key a.pub --root-key b.pub --root-threshold 2 " +
  "--release-key c.pub --release-key d.pub --release-threshold 2 --governor g1.pub:40 --governor g2.pub:60";

/** Keys a, b (root), c, d (release), g1, g2 (governors), and a file. */
async function people(): Promise<Maintainer & { ids: Record<string, string> }> {
  const m = createMaintainer();
  const ids: Record<string, string> = {};
  for (const name of ["a", "b", "c", "d", "g1", "g2", "stranger"]) ids[name] = await m.keygen(name);
  await m.file("dchat");
  return Object.assign(m, { ids });
}

/** What each signer gets: a copy of the folder. */
const copy = (m: Maintainer, to: string) => cp(m.path("repo"), m.path(to), { recursive: true });

describe("several people", () => {
  test("sign copies with one key each, and merged they publish", async () => {
    await using m = await people();
    const made = await m.run(`init repo --network testnet ${TWO_OF_TWO}`);
    assert.match(made.notes, /no upgrade is activated until a root names the chain/);
    await m.run("add repo ./dchat --version 1.0.0 --platform linux-x64");
    for (const name of ["a", "b", "c", "d"]) {
      await copy(m, name);
      const signed = await m.run(`sign ${name} --key ${name}.pem`);
      const roles = ["a", "b"].includes(name) ? ["root"] : ["targets"];
      assert.deepEqual(signed.json.added, roles.map((role) => ({ role, keyId: m.ids[name] })));
    }
    await assert.rejects(
      m.run("publish repo --key c.pem"),
      fails("E_THRESHOLD", "root 1 has 0 of 2", "targets 1 has 1 of 2", m.ids["a"] ?? "", m.ids["d"] ?? ""),
    );
    const merged = await m.run("merge repo a b c d");
    assert.equal(merged.json.added.length, 3); // c had signed here as well
    assert.ok(merged.json.staged.every((s: { complete: boolean }) => s.complete));
    await m.run("publish repo --key d.pem");
    const files = await publishedFiles(m.path("repo"));
    const state = readAll(pinned(files), files, m.nowMs);
    assert.deepEqual(releasesOf(state, m.nowMs), ["1.0.0 linux-x64"]);
    assert.deepEqual(state.root.signed.roles.root.threshold, 2);
    assert.deepEqual(state.root.signed.roles.timestamp.keyIds, new Set([m.ids["c"], m.ids["d"]]));
    const { governance } = readXDchat(state.root.signed);
    assert.deepEqual([...governance?.governors ?? []].sort(), [[m.ids["g1"], 40], [m.ids["g2"], 60]].sort());
  });

  test("with private keys at hand sign at once, as in the example of the command line", async () => {
    await using m = await people();
    const made = await m.run(
      "init repo --root-key a.pem --root-key b.pem --root-threshold 2 --release-key c.pem --release-key d.pem " +
        "--release-threshold 2 --governor g1.pub:40 --governor g2.pub:60",
    );
    assert.equal(made.json.network, "mainnet");
    assert.ok(made.json.staged.every((s: { complete: boolean }) => s.complete));
    await m.run("add repo ./dchat --version 1.0.0 --platform linux-x64");
    await copy(m, "copy");
    await m.run("sign copy --key c.pem");
    await m.run("sign repo --key d.pem");
    await m.run("merge repo copy");
    await m.run("publish repo --key c.pem");
  });

  test("see what they sign, and who is missing", async () => {
    await using m = await people();
    await m.run(`init repo --network testnet ${TWO_OF_TWO}`);
    await m.run("add repo ./dchat --version 1.0.0 --platform linux-x64");
    const shown = await m.run("sign repo");
    assert.deepEqual(shown.json.added, []);
    assert.match(shown.lines, /\+ dchat\/1\.0\.0\/dchat-1\.0\.0-linux-x64 \(3\.0 KB, SHA-256 [0-9a-f]{64}\)/);
    assert.match(shown.lines, new RegExp(`\\+ root key ${m.ids["a"]}`));
    assert.match(shown.lines, new RegExp(`"${m.ids["g2"]}":60`));
    const one = await m.run("sign repo --key c.pem");
    assert.match(one.lines, new RegExp(`targets 1: 1 of 2 signatures, missing ${m.ids["d"]}`));
    const again = await m.run("sign repo --key c.pem");
    assert.deepEqual(again.json.added, []);
    assert.match(again.lines, /had signed already/);
    await assert.rejects(m.run("sign repo --key stranger.pem"), fails("E_UNTRUSTED_KEY", m.ids["stranger"] ?? ""));
    await assert.rejects(m.run("sign repo --key g1.pem"), fails("E_UNTRUSTED_KEY"));
  });

  test("sign snapshot and timestamp together too, when their thresholds ask for it", async () => {
    await using m = await people();
    await m.run(
      "init repo --network testnet --root-key a.pem --release-key c.pem --release-key d.pem " +
        "--snapshot-threshold 2 --timestamp-threshold 2",
    );
    await m.run("add repo ./dchat --version 1.0.0 --platform linux-x64");
    await assert.rejects(m.run("publish repo --key c.pem"), fails("E_THRESHOLD", "snapshot 1 has 1 of 2"));
    await copy(m, "copy");
    // More signatures on the targets would change what the staged snapshot names.
    assert.deepEqual((await m.run("sign copy --key d.pem")).json.added, [{ role: "snapshot", keyId: m.ids["d"] }]);
    await m.run("merge repo copy");
    await assert.rejects(m.run("publish repo --key c.pem"), fails("E_THRESHOLD", "timestamp 1 has 1 of 2"));
    await m.run("sign repo --key d.pem");
    const published = await m.run("publish repo");
    assert.deepEqual(published.json.versions, { root: 1, targets: 1, snapshot: 1, timestamp: 1 });
  });

  test("find the artifact in the copy that has it, and only when its bytes are right", async () => {
    await using m = await people();
    await m.run(`init repo --network testnet ${TWO_OF_TWO}`);
    await copy(m, "adder");
    await m.run("add adder ./dchat --version 1.0.0 --platform linux-x64");
    await cp(m.path("adder"), m.path("signer"), { recursive: true });
    await rm(m.path("signer", "targets"), { recursive: true });
    // Without the artifact one can sign; it is named by its digests.
    await m.run("sign signer --key c.pem");
    await copy(m, "other");
    await rm(m.path("repo", "staging", "targets.json"));
    const lacking = await m.run("merge repo signer");
    assert.deepEqual(lacking.json.missing, ["dchat/1.0.0/dchat-1.0.0-linux-x64"]);
    assert.match(lacking.notes, /no copy has/);
    await m.run("sign repo --key a.pem --key b.pem --key d.pem");
    await assert.rejects(m.run("publish repo --key c.pem"), fails("E_ABSENT", "missing"));
    assert.equal((await publishedFiles(m.path("repo"))).size, 0);

    const artifact = lacking.json.staged[0] && (await m.run("add adder ./dchat --version 1.0.0 --platform linux-x64"));
    const path = `targets/dchat/1.0.0/${artifact.json.artifact.sha256}.dchat-1.0.0-linux-x64`;
    await cp(m.path("adder"), m.path("bad"), { recursive: true });
    const bytes = await readFile(m.path("bad", path));
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(m.path("bad", path), bytes);
    await assert.rejects(m.run("merge repo bad"), fails("E_HASH_MISMATCH"));
    const merged = await m.run("merge repo adder");
    assert.deepEqual(merged.json.copied, ["dchat/1.0.0/dchat-1.0.0-linux-x64"]);
    await m.run("publish repo --key c.pem");
  });

  test("who worked on different documents are told which, and nothing is merged", async () => {
    await using m = await people();
    await m.run(`init repo --network testnet ${TWO_OF_TWO}`);
    await copy(m, "other");
    await m.run("add repo ./dchat --version 1.0.0 --platform linux-x64");
    await m.run("add other ./dchat --version 1.0.1 --platform linux-x64");
    await m.run("sign other --key a.pem --key c.pem");
    const before = await readFile(m.path("repo", "staging", "root.json"));
    await assert.rejects(m.run("merge repo other"), fails("E_USAGE", "other", "staging/targets.json"));
    assert.deepEqual(await readFile(m.path("repo", "staging", "root.json")), before);
  });

  test("whose copy holds a forged signature stop the merge; a stranger's signature is left out", async () => {
    await using m = await people();
    await m.run(`init repo --network testnet ${TWO_OF_TWO}`);
    for (const [folder, keyid] of [["forged", m.ids["a"]], ["strange", m.ids["stranger"]]] as const) {
      await copy(m, folder);
      const file = m.path(folder, "staging", "root.json");
      const root = JSON.parse(await readFile(file, "utf8"));
      await writeFile(file, JSON.stringify({ ...root, signatures: [{ keyid, sig: "0".repeat(128) }] }));
    }
    await assert.rejects(m.run("merge repo forged"), fails("E_SIGNATURE", m.ids["a"] ?? ""));
    assert.deepEqual((await m.run("merge repo strange")).json.added, []);
    assert.equal((await readFile(m.path("repo", "staging", "root.json"), "utf8")).includes("stranger"), false);
  });

  test("replace one of them: the new root is signed by old and new keys on copies", async () => {
    await using m = await people();
    await m.run(`init repo --network testnet ${TWO_OF_TWO}`);
    await m.run("add repo ./dchat --version 1.0.0 --platform linux-x64");
    await m.run("sign repo --key a.pem --key b.pem --key c.pem --key d.pem");
    await m.run("publish repo --key c.pem");
    const before = await publishedFiles(m.path("repo"));
    const reader = readAll(pinned(before), before, m.nowMs);

    m.ids["e"] = await m.keygen("e");
    const staged = await m.run("rotate-root repo --root-key a.pub --root-key e.pub");
    assert.deepEqual(staged.json.staged[0].thresholds.map((t: { rootVersion: number }) => t.rootVersion), [1, 2]);
    for (const name of ["a", "b", "e"]) {
      await copy(m, `copy-${name}`);
      await m.run(`sign copy-${name} --key ${name}.pem`);
    }
    await m.run("merge repo copy-a copy-e");
    await assert.rejects(
      m.run("publish repo --key c.pem"),
      fails("E_THRESHOLD", "root 2 has 1 of 2 signatures under root 1, missing", m.ids["b"] ?? ""),
    );
    await m.run("merge repo copy-b");
    await m.run("publish repo --key c.pem");
    const after = await publishedFiles(m.path("repo"));
    assert.equal(versionsOf(readAll(reader, after, m.nowMs))["root"], 2);
  });
});

describe("keys that never leave", { skip: process.platform === "win32" && "the command is POSIX shell" }, () => {
  test("sign everywhere a key signs: init, sign, publish, refresh, rotate-root", async () => {
    await using m = createMaintainer();
    // Two keys in "the HSM", which finds them by the id it is told.
    const ids: string[] = [];
    for (const name of ["one", "two"]) {
      openssl("genpkey", "-algorithm", "ed25519", "-out", m.path(`hsm-${name}`));
      openssl("pkey", "-in", m.path(`hsm-${name}`), "-pubout", "-out", m.path(`${name}.pub`));
      await cp(m.path(`hsm-${name}`), m.path(`${name}.pem`));
      const [signer] = await m.signer(name);
      ids.push(signer?.keyId ?? "");
      await cp(m.path(`hsm-${name}`), m.path(`hsm-${signer?.keyId}`));
      await rm(m.path(`${name}.pem`));
    }
    const hsm = `openssl pkeyutl -sign -rawin -inkey '${m.folder}/hsm-'"$DCHAT_KEY_ID" -in /dev/stdin`;
    const run = (command: string) => m.run(command, "--external-signer", hsm);
    await m.file("dchat");
    const made = await run("init repo --network testnet --key one.pub");
    assert.ok(made.json.staged.every((s: { complete: boolean }) => s.complete));
    await m.run("add repo ./dchat --version 1.0.0 --platform linux-x64");
    assert.deepEqual((await run("sign repo --key one.pub")).json.added, [{ role: "targets", keyId: ids[0] }]);
    await run("publish repo --key one.pub");
    await run("refresh repo --key one.pub");
    await run("rotate-root repo --key two.pub");
    const rotated = await run("publish repo --key one.pub --key two.pub");
    assert.equal(rotated.json.hadGap, false);
    const files = await publishedFiles(m.path("repo"));
    const state = readAll(pinned(files), files, m.nowMs);
    assert.deepEqual(state.root.signed.roles.root.keyIds, new Set([ids[1]]));
    await assert.rejects(m.run("refresh repo --key two.pub --external-signer false"), fails("E_SIGNATURE"));
    // Not left out in silence: whoever names a command wants it to sign.
    for (const command of ["refresh", "publish", "sign"]) {
      await assert.rejects(run(`${command} repo`), fails("E_USAGE"));
    }
  });
});
