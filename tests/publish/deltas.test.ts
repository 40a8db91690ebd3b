import assert from "node:assert/strict";
import { cp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { testBytes } from "../support/artifact.ts";
import { deltaBetween, nextVersion } from "../support/deltas.ts";
import { fails } from "../support/fails.ts";
import { createMaintainer, type Maintainer } from "./maintainer.ts";

const LENGTH = (2 << 20) + 77;
const ELF = Buffer.from("7f454c46", "hex");
const first = Buffer.concat([ELF, testBytes(LENGTH, "program")]);
const second = Buffer.from(nextVersion(first));
const third = Buffer.from(nextVersion(second));

/** A repository with 1.0.0. */
async function withFirst(options = ""): Promise<Maintainer> {
  const m = await createMaintainer();
  await m.keygen("k");
  await m.run("init repo --network testnet --key k.pem");
  await add(m, "1.0.0", first, options);
  return m;
}

const add = async (m: Maintainer, version: string, bytes: Uint8Array, options = "") =>
  await m.run(`add repo --version ${version} --platform linux-x64 ${options}`, await m.file(version, bytes));

async function deltaFiles(m: Maintainer, version: string, repo = "repo"): Promise<string[]> {
  const folder = m.path(repo, "targets", "dchat", version);
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.endsWith(".delta")).map((name) => join(folder, name));
}

// deno-lint-ignore no-explicit-any -- the document that was staged, whose shape the tests assert
async function stagedEntry(m: Maintainer, version: string, platform = "linux-x64"): Promise<any> {
  const { signed } = JSON.parse(await readFile(m.path("repo", "staging", "targets.json"), "utf8"));
  return signed.targets[`dchat/${version}/dchat-${version}-${platform}`].custom.dchat;
}

const bases = async (m: Maintainer, version: string): Promise<string[]> =>
  ((await stagedEntry(m, version)).delta ?? []).map((d: { from: { version: string } }) => d.from.version);

describe("the delta of an artifact", { timeout: 120_000 }, () => {
  test("is made from the release before, signed, told of, and published", async () => {
    await using m = await withFirst();
    const { json, lines } = await add(m, "1.1.0", second);
    const [file] = await deltaFiles(m, "1.1.0");
    const bytes = await readFile(file!);
    const [delta] = (await stagedEntry(m, "1.1.0")).delta;
    assert.equal(delta.method, "piece-patches-1");
    assert.deepEqual([delta.from.version, delta.from.length, delta.length], ["1.0.0", first.length, bytes.length]);
    assert.ok(file!.endsWith(`.${delta.headSha256.slice(0, 16)}.delta`));
    assert.deepEqual(json.artifact.deltas, [{ fromVersion: "1.0.0", lengthBytes: bytes.length }]);
    assert.match(lines, /delta from 1\.0\.0: [\d.]+ [kM]?B, [\d.]+ %/);
    assert.ok(bytes.length < second.length / 10);
    await m.run("publish repo --key k.pem");
  });

  test("is not made for a first release, a small file, unlike files, other platforms, or when told so", async () => {
    await using m = await withFirst();
    assert.deepEqual(await bases(m, "1.0.0"), []);
    await add(m, "1.1.0", Buffer.concat([ELF, testBytes(LENGTH, "else")]));
    await add(m, "1.2.0", first.subarray(0, 1 << 20));
    await add(m, "1.3.0", second, "--no-delta");
    for (const version of ["1.1.0", "1.2.0", "1.3.0"]) assert.deepEqual(await deltaFiles(m, version), []);
    await m.run("add repo --version 1.4.0 --platform macos-arm64", await m.file("mac", second));
    assert.equal((await stagedEntry(m, "1.4.0", "macos-arm64")).delta, undefined);
    await m.run("publish repo --key k.pem");
  });

  test("is made from the newest older one of its channel and of all, or from those that are named", async () => {
    await using m = await withFirst();
    await add(m, "1.1.0-beta.1", second);
    await add(m, "2.0.0", second);
    await add(m, "1.1.0", third);
    assert.deepEqual(await bases(m, "1.1.0-beta.1"), ["1.0.0"]);
    assert.deepEqual(await bases(m, "2.0.0"), ["1.0.0", "1.1.0-beta.1"]);
    assert.deepEqual(await bases(m, "1.1.0"), ["1.0.0", "1.1.0-beta.1"]);
    await add(m, "2.1.0", third, "--delta-from 1.0.0 --delta-from 2.0.0");
    assert.deepEqual(await bases(m, "2.1.0"), ["1.0.0", "2.0.0"]);
    await assert.rejects(add(m, "2.2.0", third, "--delta-from 0.1.0"), fails("E_USAGE", "0.1.0"));
    await assert.rejects(add(m, "2.2.0", third, "--delta-from 1.0.0 --no-delta"), fails("E_USAGE"));
    await assert.rejects(
      add(m, "2.2.0", first.subarray(0, 9), "--delta-from 1.0.0"),
      fails("E_USAGE", "needs no delta"),
    );
  });

  test("stays what it was when the same file is added again", async () => {
    await using m = await withFirst();
    await add(m, "1.1.0", second);
    const before = await stagedEntry(m, "1.1.0");
    const { json } = await add(m, "1.1.0", second);
    assert.equal(json.stagedTargetsVersion, null);
    assert.deepEqual(await stagedEntry(m, "1.1.0"), before);
    await add(m, "1.1.0", second, "--no-delta");
    assert.equal((await stagedEntry(m, "1.1.0")).delta, undefined);
  });

  test("is not made from a file that was damaged in the repository", async () => {
    await using m = await withFirst();
    const folder = m.path("repo", "targets", "dchat", "1.0.0");
    const [name] = (await readdir(folder)).filter((n) => n.endsWith("linux-x64"));
    await writeFile(join(folder, name!), first.with(9, first[9]! ^ 1));
    await assert.rejects(add(m, "1.1.0", second), fails("E_HASH_MISMATCH", "damaged"));
    await add(m, "1.1.0", second, "--no-delta");
    await rm(join(folder, name!));
    await add(m, "1.2.0", third);
    assert.deepEqual(await bases(m, "1.2.0"), ["1.1.0"]);
  });

  test("is not published when it is missing or wrong, and adding the file again mends it", async () => {
    await using m = await withFirst();
    await add(m, "1.1.0", second);
    const [file] = await deltaFiles(m, "1.1.0");
    const right = await readFile(file!);
    for (
      const [spoil, code] of [
        [() => rm(file!), "E_ABSENT"],
        [() => writeFile(file!, right.with(20, right[20]! ^ 1)), "E_HASH_MISMATCH"],
        [() => writeFile(file!, right.with(-1, right.at(-1)! ^ 1)), "E_HASH_MISMATCH"],
        [() => writeFile(file!, right.subarray(0, 64)), "E_HASH_MISMATCH"],
        [() => writeFile(file!, Buffer.concat([right, right])), "E_HASH_MISMATCH"],
      ] as const
    ) {
      await spoil();
      await assert.rejects(m.run("publish repo --key k.pem"), fails(code, ".delta"));
      await add(m, "1.1.0", second);
      assert.deepEqual(await readFile(file!), right);
    }
    await m.run("publish repo --key k.pem");
  });

  test("that is signed and does not make the artifact is not published", async () => {
    await using m = await withFirst();
    await add(m, "1.1.0", second);
    const staged = m.path("repo", "staging", "targets.json");
    const list = JSON.parse(await readFile(staged, "utf8"));
    const entry = list.signed.targets["dchat/1.1.0/dchat-1.1.0-linux-x64"];
    // It is said to start from the artifact itself.
    entry.custom.dchat.delta[0].from = { version: "1.1.0", length: entry.length, sha256: entry.hashes.sha256 };
    await writeFile(staged, JSON.stringify(list));
    await assert.rejects(m.run("publish repo --key k.pem"), fails("E_HASH_MISMATCH", "does not make the artifact"));
  });

  test("that is signed and makes another file is not published", async () => {
    await using m = await withFirst();
    await add(m, "1.1.0", second);
    const [file] = await deltaFiles(m, "1.1.0");
    const other = await deltaBetween(first, second.with(-1, second.at(-1)! ^ 1));
    const staged = m.path("repo", "staging", "targets.json");
    const list = JSON.parse(await readFile(staged, "utf8"));
    const [delta] = list.signed.targets["dchat/1.1.0/dchat-1.1.0-linux-x64"].custom.dchat.delta;
    const { length, headSha256 } = other.delta;
    await writeFile(file!.replace(delta.headSha256.slice(0, 16), headSha256.slice(0, 16)), other.file);
    Object.assign(delta, { length, headSha256 });
    await writeFile(staged, JSON.stringify(list));
    await assert.rejects(m.run("publish repo --key k.pem"), fails("E_HASH_MISMATCH", "does not make the artifact"));
  });

  test("comes along when copies are merged, if it is the right one, and is named when no copy has it", async () => {
    await using m = await withFirst();
    await add(m, "1.1.0", second);
    await cp(m.path("repo"), m.path("copy"), { recursive: true });
    const [there] = await deltaFiles(m, "1.1.0", "copy");
    const right = await readFile(there!);
    await rm(m.path("repo", "targets"), { recursive: true });
    await rm(there!);
    const { json } = await m.run("merge repo copy");
    assert.equal(json.missing.length, 1);
    assert.match(json.missing[0], /^dchat\/1\.1\.0\/dchat-1\.1\.0-linux-x64\.[0-9a-f]{16}\.delta$/);
    await writeFile(there!, right.with(-1, right.at(-1)! ^ 1));
    await assert.rejects(m.run("merge repo copy"), fails("E_HASH_MISMATCH"));
    await writeFile(there!, right);
    await m.run("merge repo copy");
    assert.deepEqual(await readFile((await deltaFiles(m, "1.1.0"))[0]!), right);
    await m.run("publish repo --key k.pem");
  });

  test("is pruned with its artifact, or when it is listed no more, and not with what it starts from", async () => {
    await using m = await withFirst();
    await add(m, "1.1.0", second);
    await m.run("publish repo --key k.pem");
    const week = 7 * 86_400_000;
    const makeOld = async () => {
      for (const file of await deltaFiles(m, "1.1.0")) {
        await utimes(file, (m.nowMs - week) / 1000, (m.nowMs - week) / 1000);
      }
    };
    await makeOld();
    await m.run("prune repo --version 1.0.0");
    await m.run("publish repo --key k.pem");
    m.nowMs += week;
    await m.run("prune repo");
    assert.deepEqual(await readdir(m.path("repo", "targets", "dchat")), ["1.1.0"]);
    assert.equal((await deltaFiles(m, "1.1.0")).length, 1);
    await add(m, "1.1.0", second, "--no-delta");
    await m.run("publish repo --key k.pem");
    m.nowMs += week;
    await makeOld();
    await m.run("prune repo");
    assert.deepEqual(await deltaFiles(m, "1.1.0"), []);
    assert.equal((await readdir(m.path("repo", "targets", "dchat", "1.1.0"))).length, 2);
  });
});
