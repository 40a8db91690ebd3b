// What can be released and how: platforms, formats, versions, their details, and what is refused.
import assert from "node:assert/strict";
import { open, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import type { Artifact } from "../../src/api.ts";
import { listReleases } from "../../src/trust/releases.ts";
import { fails } from "../support/fails.ts";
import { createMaintainer, type Maintainer, publishedFiles } from "./maintainer.ts";
import { pinned, readAll } from "./reader.ts";

async function repository(): Promise<Maintainer> {
  const m = createMaintainer();
  await m.keygen("k");
  await m.run("init repo --network testnet --key k.pem");
  return m;
}

async function published(m: Maintainer): Promise<readonly Artifact[]> {
  await m.run("publish repo --key k.pem");
  const files = await publishedFiles(m.path("repo"));
  const { artifacts, unusable } = listReleases(readAll(pinned(files), files, m.nowMs), {
    nowMs: m.nowMs,
    expired: "refuse",
  });
  assert.deepEqual(unusable, []);
  return artifacts;
}

const MAGIC = { gzip: "1f8b0800", zstd: "28b52ffd", zip: "504b0304", pe: "4d5a9000" };
const withMagic = (hex: string, text: string) => Buffer.concat([Buffer.from(hex, "hex"), Buffer.from(text)]);

describe("releases", () => {
  test("of several platforms, formats and versions stand in one list with the details they were given", async () => {
    await using m = await repository();
    await m.file("dchat");
    await m.file("dchat.exe", withMagic(MAGIC.pe, "windows"));
    await m.file("dchat.tar.gz", withMagic(MAGIC.gzip, "archive"));
    await m.file("dchat.tar.zst", withMagic(MAGIC.zstd, "archive"));
    await m.file("src.zip", withMagic(MAGIC.zip, "sources"));
    await m.file("dchat.deb", Buffer.from("!<arch>\n"));
    await m.run("add repo dchat --version 1.0.0 --platform linux-x64");
    await m.run("add repo dchat.exe --version 1.0.0 --platform windows-x64 --release-date 2026-01-31T00:00:00Z");
    await m.run("add repo dchat.tar.gz --version 1.0.0 --platform macos-arm64 --entrypoint bin/dchat");
    await m.run("add repo dchat.tar.zst --version 1.1.0-rc.1 --platform linux-x64 --entrypoint dchat");
    await m.run("add repo src.zip --version 1.0.0 --platform any --package-type source --upgrade-type hard-fork");
    await m.run(
      "add repo dchat.deb --version 1.0.1 --platform linux-x64 --package-type deb",
      ...[
        ["--upgrade-type", "security-patch"],
        ["--min-compatible-version", "0.9.0"],
        ["--release-notes-url", "https://notes.example/1.0.1"],
        ["--channel", "nightly"],
      ].flat(),
    );
    const artifacts = await published(m);
    assert.deepEqual(
      artifacts.map((a) => [a.name, a.format, a.channel, a.upgradeType, a.security]),
      [
        ["dchat-1.1.0-rc.1-linux-x64.tar.zst", "tar.zst", "beta", "soft-fork", false],
        ["dchat-1.0.1-linux-x64.deb", "opaque", "nightly", "security-patch", true],
        ["dchat-1.0.0-any.zip", "zip", "stable", "hard-fork", false],
        ["dchat-1.0.0-linux-x64", "executable", "stable", "soft-fork", false],
        ["dchat-1.0.0-macos-arm64.tar.gz", "tar.gz", "stable", "soft-fork", false],
        ["dchat-1.0.0-windows-x64.exe", "executable", "stable", "soft-fork", false],
      ],
    );
    const [, deb, , linux, macos, windows] = artifacts;
    assert.deepEqual([deb?.minCompatibleVersion, deb?.releaseNotesUrl], ["0.9.0", "https://notes.example/1.0.1"]);
    assert.equal(macos?.entrypoint, "bin/dchat");
    assert.equal(windows?.releaseDate, "2026-01-31T00:00:00Z");
    assert.equal(linux?.releaseDate, new Date(m.nowMs).toISOString());
  });

  test("need no private key until they are signed, and say when signatures no longer count", async () => {
    await using m = await repository();
    await m.file("dchat");
    await m.run("add repo dchat --version 1.0.0 --platform linux-x64");
    await m.run("sign repo --key k.pem");
    const said = await m.run("add repo dchat --version 1.0.0 --platform linux-arm64");
    assert.match(said.notes, /1 earlier signature/);
    assert.equal((await published(m)).length, 2);
  });

  test("added twice with the same bytes are the same release, of the day of the first", async () => {
    await using m = await repository();
    await m.file("dchat");
    await m.run("add repo dchat --version 1.0.0 --platform linux-x64");
    await published(m);
    m.nowMs += 86_400_000;
    const again = await m.run("add repo dchat --version 1.0.0 --platform linux-x64");
    assert.equal(again.json.stagedTargetsVersion, null);
    const noted = await m.run(
      "add repo dchat --version 1.0.0 --platform linux-x64 --release-notes-url https://x.example",
    );
    assert.equal(noted.json.stagedTargetsVersion, 2);
    assert.equal(noted.json.artifact.releaseDate, new Date(m.nowMs - 86_400_000).toISOString());
  });

  test("never change their bytes, except when that is asked for", async () => {
    await using m = await repository();
    await m.file("dchat");
    await m.run("add repo dchat --version 1.0.0 --platform linux-x64");
    await published(m);
    const files = await readdir(m.path("repo", "targets", "dchat", "1.0.0"));
    await m.file("dchat");
    await assert.rejects(
      m.run("add repo dchat --version 1.0.0 --platform linux-x64"),
      fails("E_USAGE", "dchat/1.0.0/dchat-1.0.0-linux-x64 is there already, with other bytes"),
    );
    assert.deepEqual(await readdir(m.path("repo", "targets", "dchat", "1.0.0")), files);
    await m.run("add repo dchat --version 1.0.0 --platform linux-x64 --replace");
    const [artifact] = await published(m);
    assert.equal(files.some((name) => name.startsWith(artifact?.sha256 ?? "?")), false);
    // The bytes that readers of the old list ask for are still there.
    assert.equal((await readdir(m.path("repo", "targets", "dchat", "1.0.0"))).length, 2);
  });

  test("with details that make no sense are refused before anything is written", async () => {
    await using m = await repository();
    await m.file("dchat");
    await m.file("dchat.tar.gz", withMagic(MAGIC.gzip, "archive"));
    await m.file("empty", new Uint8Array());
    const staged = await readFile(m.path("repo", "staging", "targets.json"));
    for (
      const [options, words] of [
        ["dchat --version v1.0.0 --platform linux-x64", "no semantic version"],
        ["dchat --version 1.0.0 --platform ../x64", "no platform"],
        ["dchat --platform linux-x64", "--version is missing"],
        ["dchat --version 1.0.0 --platform linux-x64 --channel alpha", "--channel must be one of"],
        ["dchat --version 1.0.0 --platform linux-x64 --entrypoint x", "--entrypoint is for archives"],
        ["dchat.tar.gz --version 1.0.0 --platform linux-x64", "--entrypoint is missing"],
        ["dchat.tar.gz --version 1.0.0 --platform linux-x64 --entrypoint ../../sh", "not a safe relative path"],
        ["dchat --version 1.0.0 --platform linux-x64 --release-date yesterday", "RFC 3339"],
        ["dchat --version 1.0.0 --platform linux-x64 --min-compatible-version old", "--min-compatible-version"],
        ["dchat --version 1.0.0 --platform linux-x64 --release-notes-url ftp://x", "--release-notes-url"],
        ["empty --version 1.0.0 --platform linux-x64", "empty"],
      ] as const
    ) {
      await assert.rejects(m.run(`add repo ${options}`), fails("E_USAGE", words), options);
    }
    await assert.rejects(m.run("add repo absent --version 1.0.0 --platform linux-x64"), fails("E_IO"));
    assert.deepEqual(await readFile(m.path("repo", "staging", "targets.json")), staged);
    const left = await readdir(m.path("repo", "targets"), { recursive: true, withFileTypes: true }).catch(() => []);
    assert.deepEqual(left.filter((e) => e.isFile()), []);
  });

  test("are not published when the artifact was changed or lost after it was added", async () => {
    await using m = await repository();
    await m.file("dchat");
    const { json } = await m.run("add repo dchat --version 1.0.0 --platform linux-x64");
    const file = m.path("repo", "targets", "dchat", "1.0.0", `${json.artifact.sha256}.dchat-1.0.0-linux-x64`);
    const handle = await open(file, "r+");
    await handle.write(Buffer.from([0]), 0, 1, 2000);
    await handle.write(Buffer.from([1]), 0, 1, 2001);
    await handle.close();
    await assert.rejects(m.run("publish repo --key k.pem"), fails("E_HASH_MISMATCH"));
    await writeFile(file, "short");
    await assert.rejects(m.run("publish repo --key k.pem"), fails("E_SIZE_MISMATCH"));
    assert.equal((await publishedFiles(m.path("repo"))).size, 0);
    // Adding it again mends it.
    await m.run("add repo dchat --version 1.0.0 --platform linux-x64");
    assert.equal((await published(m)).length, 1);
  });

  test("of a network's genesis are named in the root by their digests", async () => {
    await using m = createMaintainer();
    await m.keygen("k");
    const file = await m.file("dchat");
    await m.run("init repo --network testnet --key k.pem --genesis-version 0.1.0 --genesis", `linux-x64=${file}`);
    await m.run("publish repo --key k.pem");
    const root = JSON.parse(await readFile(m.path("repo", "metadata", "1.root.json"), "utf8"));
    const { genesis } = root.signed["x-dchat"];
    assert.equal(genesis.version, "0.1.0");
    const { length, sha256, blake3 } = genesis.targets["dchat/0.1.0/dchat-0.1.0-linux-x64"];
    assert.equal(length, (await stat(file)).size);
    assert.deepEqual([sha256.length, blake3.length], [64, 64]);
  });
});
