// The four commands of the shortest way, and what a maintainer meets on it.
import assert from "node:assert/strict";
import { chmod, readdir, readFile, stat } from "node:fs/promises";
import { describe, test } from "node:test";
import { sha256Hex } from "../../src/trust/hex.ts";
import { networkOf } from "../../src/trust/x-dchat.ts";
import { fails } from "../support/fails.ts";
import { createMaintainer, publishedFiles } from "./maintainer.ts";
import { pinned, readAll, readBundleOf, releasesOf, versionsOf } from "./reader.ts";

describe("the shortest way", () => {
  test("makes a repository that a reader who pinned its root accepts, from the files and from the bundle", async () => {
    await using m = createMaintainer();
    await m.run("keygen k.pem");
    await m.run("init repo --network testnet --key k.pem");
    const dchat = await m.file("dchat");
    await m.run("add repo ./dchat --version 1.0.0 --platform linux-x64");
    const said = await m.run("publish repo --key k.pem");
    const files = await publishedFiles(m.path("repo"));
    for (const state of [readAll(pinned(files), files, m.nowMs), readBundleOf(files, m.nowMs)]) {
      assert.deepEqual(versionsOf(state), { root: 1, targets: 1, snapshot: 1, timestamp: 1 });
      assert.deepEqual(releasesOf(state, m.nowMs), ["1.0.0 linux-x64"]);
      assert.equal(networkOf(state.root.signed), "testnet");
    }
    const root = await readFile(m.path("repo", said.json.root.file));
    assert.equal(said.json.root.sha256, sha256Hex(root));
    assert.match(said.lines, new RegExp(sha256Hex(root)));
    const bytes = await readFile(dchat);
    const folder = m.path("repo", "targets", "dchat", "1.0.0");
    assert.deepEqual(await readdir(folder), [`${sha256Hex(bytes)}.dchat-1.0.0-linux-x64`]);
    assert.deepEqual(await readFile(`${folder}/${sha256Hex(bytes)}.dchat-1.0.0-linux-x64`), bytes);
    assert.deepEqual((await readdir(m.path("repo"))).sort(), ["bundle.json", "metadata", "staging", "targets"]);
    assert.deepEqual(await readdir(m.path("repo", "staging")), []);
  });

  test("prints nothing of the private key, and writes it nowhere else", async () => {
    await using m = createMaintainer();
    await m.file("dchat");
    let said = "";
    for (
      const command of [
        "keygen k.pem",
        "init repo --network testnet --key k.pem",
        "add repo ./dchat --version 1.0.0 --platform linux-x64",
        "sign repo --key k.pem",
        "publish repo --key k.pem",
        "refresh repo --key k.pem",
      ]
    ) {
      const { lines, notes, json } = await m.run(command);
      said += lines + notes + JSON.stringify(json);
    }
    const pem = await readFile(m.path("k.pem"), "utf8");
    const der = Buffer.from(pem.split("\n")[1] ?? "", "base64");
    const seed = der.subarray(-32);
    const secrets = [pem.split("\n")[1] ?? "", seed.toString("hex"), seed.toString("base64")];
    for (const [path, bytes] of await publishedFiles(m.path("repo"))) said += path + new TextDecoder().decode(bytes);
    for (const secret of secrets) assert.equal(said.includes(secret), false);
  });

  test("says what comes first when a step is left out, and changes nothing", async () => {
    await using m = createMaintainer();
    await m.keygen("k");
    await m.file("dchat");
    await assert.rejects(m.run("publish repo --key k.pem"), fails("E_NOT_INITIALIZED"));
    await assert.rejects(stat(m.path("repo")), { code: "ENOENT" });
    await m.run("init repo --network testnet --key k.pem");
    await assert.rejects(m.run("init repo --network testnet --key k.pem"), fails("E_USAGE", "already"));
    await assert.rejects(m.run("refresh repo --key k.pem"), fails("E_USAGE", "nothing is published yet"));
    await m.run("add repo ./dchat --version 1.0.0 --platform linux-x64");
    await assert.rejects(m.run("publish repo"), fails("E_THRESHOLD", "targets 1 has 0 of 1", "missing"));
    await assert.rejects(m.run("publish repo --key k.pub"), fails("E_USAGE", "public key"));
    assert.equal((await publishedFiles(m.path("repo"))).size, 0);
    await m.run("publish repo --key k.pem");
    await assert.rejects(m.run("sign repo --key k.pem"), fails("E_USAGE", "nothing is staged"));
    const again = await m.run("publish repo --key k.pem");
    assert.deepEqual(again.json.written, []);
    assert.match(again.lines, /Nothing to publish/);
  });

  test("refuses a root whose keys do not fit together, and leaves no folder behind", async () => {
    await using m = createMaintainer();
    await m.keygen("k");
    for (
      const [options, words] of [
        ["--key k.pem --root-threshold 2", "too few"],
        ["--root-key k.pem", "has no key"],
        ["--key k.pem --governor k.pub:40", "release key"],
        ["--key k.pem --governor k.pub", "FILE:WEIGHT"],
        ["--key k.pem --network UPPER", "network"],
        ["--key k.pem --chain-kind evm", "--chain-genesis and --chain-finality"],
        ["--key k.pem --quorum hard-fork=2", "needs governors"],
        ["--key k.pem --genesis linux-x64=k.pem", "belong together"],
      ] as const
    ) {
      await assert.rejects(m.run(`init repo ${options}`), fails("E_USAGE", words), options);
      await assert.rejects(stat(m.path("repo")), { code: "ENOENT" });
    }
  });

  test("taken by two publishers at once is taken by one after the other", async () => {
    await using m = createMaintainer();
    await m.keygen("k");
    await m.run("init repo --network testnet --key k.pem");
    await m.run("add repo --version 1.0.0 --platform linux-x64", await m.file("dchat"));
    const said = await Promise.all([1, 2, 3].map(() => m.run("publish repo --key k.pem")));
    assert.deepEqual(said.map((s) => s.json.written.length).sort(), [0, 0, 5]);
    const files = await publishedFiles(m.path("repo"));
    assert.deepEqual(versionsOf(readAll(pinned(files), files, m.nowMs))["timestamp"], 1);
    const adding = await Promise.all(["1.1.0", "1.2.0", "1.3.0"].map(async (version) => {
      return await m.run(`add repo --version ${version} --platform linux-x64`, await m.file(`dchat-${version}`));
    }));
    assert.equal(adding.length, 3);
    const { json } = await m.run("publish repo --key k.pem");
    assert.equal(json.releases.length, 4);
  });

  test("with a private key that others can read warns", { skip: process.platform === "win32" }, async () => {
    await using m = createMaintainer();
    await m.keygen("k");
    await chmod(m.path("k.pem"), 0o640);
    const { notes } = await m.run("init repo --network testnet --key k.pem");
    assert.equal(notes.match(/other users can read/g)?.length, 1);
  });

  test("may give every role the same keys, and name the chain and who governs", async () => {
    await using m = createMaintainer();
    for (const name of ["a", "b", "g"]) await m.keygen(name);
    const { json, notes } = await m.run(
      "init repo --network testnet --key a.pem --key b.pem --root-threshold 2 --release-threshold 2 " +
        "--governor g.pub:1 --chain-kind evm --chain-genesis 0xabc --chain-finality tag:finalized --min-lead-blocks 100",
    );
    assert.equal(notes, "");
    assert.equal(json.root.roles.root.threshold, 2);
    assert.equal(json.root.roles.timestamp.keyIds.length, 2);
    const staged = JSON.parse(await readFile(m.path("repo", "staging", "root.json"), "utf8"));
    const { chain, sync, min_lead_blocks } = staged.signed["x-dchat"];
    assert.deepEqual(chain, { kind: "evm", genesis: "0xabc", finality: { tag: "finalized" } });
    assert.deepEqual([sync, min_lead_blocks], ["walk", 100]);
  });
});
