// The piece list beside an artifact: made by `add`, proven by `publish`, taken along by `merge`, removed by `prune`.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { cp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createPieceTree, pieceListBytes } from "../../src/hash/piece-tree.ts";
import { fails } from "../support/fails.ts";
import { createMaintainer, type Maintainer } from "./maintainer.ts";

const LENGTH = (5 << 20) + 1000;

/** A repository with one staged artifact of `length` bytes. */
async function withArtifact(length = LENGTH): Promise<Maintainer> {
  const m = createMaintainer();
  await m.keygen("k");
  await m.run("init repo --network testnet --key k.pem");
  const file = await m.file("dchat", Buffer.concat([Buffer.from("7f454c46", "hex"), randomBytes(length - 4)]));
  await m.run("add repo --version 1.0.0 --platform linux-x64", file);
  return m;
}

async function versionFiles(m: Maintainer, repo = "repo", version = "1.0.0"): Promise<string[]> {
  const folder = m.path(repo, "targets", "dchat", version);
  return (await readdir(folder).catch(() => [])).sort().map((name) => join(folder, name));
}

describe("the piece list of an artifact", () => {
  test("stands beside it, 32 bytes for each MiB begun, and merges to the signed digest", async () => {
    await using m = await withArtifact();
    await m.run("publish repo --key k.pem");
    const [artifact, list] = await versionFiles(m);
    assert.equal(list, `${artifact}.pieces`);
    const bytes = await readFile(list!);
    assert.equal(bytes.length, pieceListBytes(LENGTH));
    const targets = JSON.parse(await readFile(m.path("repo", "metadata", "1.targets.json"), "utf8"));
    const [entry] = Object.values(targets.signed.targets) as { custom: { dchat: { blake3: string } } }[];
    assert.equal((await createPieceTree()).rootOf(bytes), entry?.custom.dchat.blake3);
  });

  test("is not made for a file of one piece", async () => {
    await using m = await withArtifact(1 << 20);
    await m.run("publish repo --key k.pem");
    assert.equal((await versionFiles(m)).length, 1);
  });

  test("is not published when it is missing or wrong, and adding the file again mends it", async () => {
    await using m = await withArtifact();
    const [, list] = await versionFiles(m);
    const right = await readFile(list!);
    for (
      const [spoil, code] of [
        [() => rm(list!), "E_ABSENT"],
        [() => writeFile(list!, right.with(40, right[40]! ^ 1)), "E_HASH_MISMATCH"],
        [() => writeFile(list!, right.subarray(0, 64)), "E_HASH_MISMATCH"],
        [() => writeFile(list!, Buffer.concat([right, right])), "E_HASH_MISMATCH"],
      ] as const
    ) {
      await spoil();
      await assert.rejects(m.run("publish repo --key k.pem"), fails(code));
      await m.run("add repo --version 1.0.0 --platform linux-x64", m.path("dchat"));
      assert.deepEqual(await readFile(list!), right);
    }
    await m.run("publish repo --key k.pem");
  });

  test("comes along when copies are merged, made from the bytes and not taken from the copy", async () => {
    await using m = await withArtifact();
    await cp(m.path("repo"), m.path("copy"), { recursive: true });
    const [, list] = await versionFiles(m, "copy");
    const right = await readFile(list!);
    await writeFile(list!, right.with(0, right[0]! ^ 1));
    await rm(m.path("repo", "targets"), { recursive: true });
    await m.run("merge repo copy");
    assert.deepEqual(await readFile((await versionFiles(m))[1]!), right);
  });

  test("is pruned with its artifact and not before", async () => {
    await using m = await withArtifact();
    await m.run("publish repo --key k.pem");
    const old = (m.nowMs - 7 * 86_400_000) / 1000;
    for (const file of await versionFiles(m)) await utimes(file, old, old);
    await m.run("prune repo");
    assert.equal((await versionFiles(m)).length, 2);
    await m.run("add repo --version 1.1.0 --platform linux-x64", await m.file("next"));
    await m.run("prune repo --version 1.0.0");
    await m.run("publish repo --key k.pem");
    m.nowMs += 7 * 86_400_000;
    await m.run("prune repo");
    assert.deepEqual(await versionFiles(m), []);
  });
});
