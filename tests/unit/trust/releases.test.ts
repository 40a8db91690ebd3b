import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pinRoot, type TrustState } from "../../../src/trust/client.ts";
import type { TargetFile } from "../../../src/trust/metadata.ts";
import { proveFile } from "../../../src/trust/proof.ts";
import { listReleases, readArtifact } from "../../../src/trust/releases.ts";
import { releaseCustom } from "../../support/release-custom.ts";
import { refused } from "../../support/refused.ts";
import { type MutableJson, put } from "../../support/signed-file.ts";
import { strictClock, update, updated } from "../../support/trust-client.ts";
import { createTufRepository, DAY_MS, type TufRepository } from "../../support/tuf-repository.ts";

const NOW = Date.UTC(2026, 0, 1);
const clock = strictClock(NOW);
const BLAKE3 = "ab".repeat(32);

const SHA256 = "cd".repeat(32);
const target = (changes: [string, MutableJson | undefined][] = [], file: Partial<TargetFile> = {}): TargetFile => {
  const c = releaseCustom("1.0.0");
  for (const [field, to] of changes) put(c, ["dchat", field], to);
  return { path: "dchat/1.0.0/dchat-1.0.0-linux-x64", length: 5, hashes: { sha256: SHA256 }, custom: c, ...file };
};

describe("an artifact", () => {
  test("is what the signed target says", () => {
    assert.deepEqual(
      readArtifact(target([["minCompatibleVersion", "0.9.0"], ["releaseNotesUrl", "https://x.example/"], ["new", 1]])),
      {
        path: "dchat/1.0.0/dchat-1.0.0-linux-x64",
        name: "dchat-1.0.0-linux-x64",
        version: "1.0.0",
        platform: "linux-x64",
        packageType: "binary",
        format: "executable",
        channel: "stable",
        upgradeType: "soft-fork",
        security: false,
        releaseDate: "2026-01-01T00:00:00Z",
        minCompatibleVersion: "0.9.0",
        releaseNotesUrl: "https://x.example/",
        length: 5,
        sha256: SHA256,
        blake3: BLAKE3,
      },
    );
  });

  test("may have a TiB", () => {
    assert.equal(readArtifact(target([], { length: 2 ** 40 })).length, 2 ** 40);
  });

  test("may name the program inside an archive", () => {
    const archive = target([["format", "tar.gz"], ["entrypoint", "bin/dchat"]], {
      path: "dchat/1.0.0/dchat-1.0.0-linux-x64.tar.gz",
    });
    assert.equal(readArtifact(archive).entrypoint, "bin/dchat");
  });

  const from = { version: "0.9.0", length: 4, sha256: "ef".repeat(32) };
  const delta = { method: "piece-patches-1", from, length: 3, headSha256: "12".repeat(32) };

  test("may have deltas; those of a method to come are left out", () => {
    const read = (list: MutableJson) => readArtifact(target([["delta", list]])).deltas;
    assert.deepEqual(read([delta]), [{ from, length: 3, headSha256: "12".repeat(32) }]);
    assert.deepEqual(read([{ method: "piece-patches-2", all: "else" }, { ...delta, more: 1 }]), read([delta]));
    assert.deepEqual(read([]), []);
  });

  const bad: Record<string, TargetFile> = {
    "deltas that are no list": target([["delta", { ...delta }]]),
    "five deltas": target([["delta", [delta, delta, delta, delta, delta]]]),
    "a delta without a method": target([["delta", [{ from, length: 3, headSha256: "12".repeat(32) }]]]),
    "a delta from nowhere": target([["delta", [{ ...delta, from: null }]]]),
    "a delta from no version": target([["delta", [{ ...delta, from: { ...from, version: "../.." } }]]]),
    "a delta from an empty file": target([["delta", [{ ...delta, from: { ...from, length: 0 } }]]]),
    "a delta from a file without digest": target([["delta", [{ ...delta, from: { ...from, sha256: "ef" } }]]]),
    "an empty delta": target([["delta", [{ ...delta, length: 0 }]]]),
    "a delta without digest": target([["delta", [{ ...delta, headSha256: 12 }]]]),
    "no custom": target([], { custom: undefined }),
    "custom without dchat": target([], { custom: {} }),
    "dchat null": target([], { custom: { dchat: null } }),
    "another version than its path": target([["version", "1.0.1"]]),
    "another version than its name": target([], { path: "dchat/1.0.0/dchat-1.0.1-linux-x64" }),
    "another version than its folder": target([], { path: "dchat/1.0.1/dchat-1.0.0-linux-x64" }),
    "another platform than its name": target([["platform", "linux-arm64"]]),
    "another format than its name": target([["format", "zip"]]),
    "another package type than its name": target([["packageType", "deb"], ["format", "opaque"]]),
    "a path outside dchat/": target([], { path: "other/1.0.0/dchat-1.0.0-linux-x64" }),
    "a path that climbs": target([["version", "1.0.0"]], { path: "dchat/1.0.0/../1.0.0/dchat-1.0.0-linux-x64" }),
    "no length": target([], { length: 0 }),
    "more than a TiB": target([], { length: 2 ** 40 + 1 }),
    "a length whose piece list fits into no memory": target([], { length: Number.MAX_SAFE_INTEGER }),
    "no SHA-256": target([], { hashes: { sha512: "00".repeat(64) } }),
    "no BLAKE3": target([["blake3", undefined]]),
    "BLAKE3 in capitals": target([["blake3", "AB".repeat(32)]]),
    "a version that is none": target([["version", "1.0"]]),
    "a version with build metadata": target([["version", "1.0.0+x"]], {
      path: "dchat/1.0.0+x/dchat-1.0.0+x-linux-x64",
    }),
    "a platform with a slash": target([["platform", "linux/x64"]], { path: "dchat/1.0.0/dchat-1.0.0-linux/x64" }),
    "an unknown package type": target([["packageType", "exe"]]),
    "an unknown format": target([["format", "rar"]]),
    "an unknown channel": target([["channel", "dev"]]),
    "an unknown upgrade type": target([["upgradeType", "fork"]]),
    "security in quotes": target([["security", "true"]]),
    "no security": target([["security", undefined]]),
    "a release date that is none": target([["releaseDate", "yesterday"]]),
    "an entrypoint that climbs": target([["entrypoint", "../../bin/sh"]]),
    "an absolute entrypoint": target([["entrypoint", "/bin/sh"]]),
    "release notes of two lines": target([["releaseNotesUrl", "https://x\nhttps://y"]]),
    "a minimum version that is a number": target([["minCompatibleVersion", 1]]),
  };
  for (const [name, t] of Object.entries(bad)) {
    test(`is refused: ${name}`, () => void refused("E_MALFORMED", () => readArtifact(t)));
  }
});

const content = (text: string) => new TextEncoder().encode(text);
function add(
  repo: TufRepository,
  version: string,
  platform = "linux-x64",
  role = "targets",
  c: MutableJson = releaseCustom(version, platform),
) {
  repo.addTarget(`dchat/${version}/dchat-${version}-${platform}`, content(`${version} ${platform} ${role}`), {
    role,
    custom: c,
  });
}
const loaded = (repo: TufRepository): TrustState => updated(pinRoot(repo.pinnedRoot), repo.files(), clock);
const shown = (state: TrustState) => listReleases(state, clock).artifacts.map((a) => `${a.version} ${a.platform}`);

describe("the list of releases", () => {
  test("is newest first, then by platform, and holds nothing else", () => {
    const repo = createTufRepository({ seed: "list", nowMs: NOW });
    for (const v of ["0.9.0", "1.10.0", "1.9.0", "1.10.0-rc.1"]) add(repo, v);
    add(repo, "1.9.0", "linux-arm64");
    repo.addTarget("mirrors.json", content("{}"));
    repo.addTarget("other/1.0.0/x", content("x"), { custom: releaseCustom("1.0.0") });
    repo.publish();
    const releases = listReleases(loaded(repo), clock);
    assert.deepEqual(
      releases.artifacts.map((a) => a.name),
      ["1.10.0-linux-x64", "1.10.0-rc.1-linux-x64", "1.9.0-linux-arm64", "1.9.0-linux-x64", "0.9.0-linux-x64"].map((
        n,
      ) => `dchat-${n}`),
    );
    assert.deepEqual(releases.unusable, []);
  });

  test("is not spoilt by a target that is unusable: that one is named with its reason", () => {
    const repo = createTufRepository({ seed: "unusable", nowMs: NOW });
    add(repo, "1.0.0");
    add(repo, "1.1.0", "linux-x64", "targets", { dchat: { version: "1.1.0" } });
    repo.addTarget("dchat/1.2.0/dchat-1.2.0-linux-x64", content("no custom"));
    repo.addTarget("dchat/__proto__", content("x"), { custom: releaseCustom("1.3.0") });
    repo.publish();
    const { artifacts, unusable } = listReleases(loaded(repo), clock);
    assert.deepEqual(artifacts.map((a) => a.version), ["1.0.0"]);
    assert.deepEqual(unusable.map((u) => u.path).sort(), [
      "dchat/1.1.0/dchat-1.1.0-linux-x64",
      "dchat/1.2.0/dchat-1.2.0-linux-x64",
      "dchat/__proto__",
    ]);
    assert.ok(unusable.every((u) => u.error.code === "E_MALFORMED"));
  });

  test("takes a path from whom the delegations say, not from whom mentions it", () => {
    const repo = createTufRepository({ seed: "delegated", nowMs: NOW });
    repo.delegate({ name: "beta", paths: ["dchat/*-beta.*/*"] });
    repo.delegate({ name: "late", paths: ["dchat/*/*"] });
    add(repo, "1.0.0");
    add(repo, "1.0.0", "linux-x64", "beta"); // not its path
    add(repo, "2.0.0-beta.1", "linux-x64", "beta");
    add(repo, "2.0.0-beta.1", "linux-x64", "late"); // beta is asked first
    add(repo, "3.0.0", "linux-x64", "beta"); // not its path, and late does not have it
    repo.publish();
    const top = loaded(repo);
    assert.deepEqual(shown(top), ["1.0.0 linux-x64"], "what is not loaded has no releases");
    const all = update(top, repo.files(), clock, "dchat/9-beta.9/missing").state;
    assert.deepEqual(shown(all), ["2.0.0-beta.1 linux-x64", "1.0.0 linux-x64"]);
    const beta = listReleases(all, clock).artifacts[0];
    assert.equal(beta?.length, "2.0.0-beta.1 linux-x64 beta".length);
  });

  test("is empty while the state is incomplete", () => {
    const repo = createTufRepository({ seed: "incomplete", nowMs: NOW });
    assert.deepEqual(listReleases(pinRoot(repo.pinnedRoot), clock), { artifacts: [], unusable: [] });
  });

  test("of expired targets is empty with the reason, or whole for a reader who allows it", () => {
    const repo = createTufRepository({ seed: "expired", nowMs: NOW });
    add(repo, "1.0.0");
    repo.publish();
    const state = loaded(repo);
    const late = NOW + 91 * DAY_MS;
    const strict = listReleases(state, strictClock(late));
    assert.deepEqual([strict.artifacts.length, strict.unusable[0]?.error.code], [0, "E_EXPIRED"]);
    assert.equal(listReleases(state, { nowMs: late, expired: "allow" }).artifacts.length, 1);
  });
});

describe("the proof of a file", () => {
  const repo = createTufRepository({ seed: "proof", nowMs: NOW });
  add(repo, "1.0.0");
  repo.publish();
  const artifact = listReleases(loaded(repo), clock).artifacts[0];
  if (artifact === undefined) throw new Error("the release is not listed");
  const measured = { length: artifact.length, sha256: artifact.sha256, blake3: artifact.blake3 };

  test("needs the length and both digests", () => {
    assert.deepEqual(proveFile(artifact, "/some/file", measured), { file: "/some/file", artifact });
    refused("E_SIZE_MISMATCH", () => proveFile(artifact, "f", { ...measured, length: artifact.length + 1 }));
    refused("E_HASH_MISMATCH", () => proveFile(artifact, "f", { ...measured, sha256: BLAKE3 }));
    refused("E_HASH_MISMATCH", () => proveFile(artifact, "f", { ...measured, blake3: artifact.sha256 }));
    refused("E_HASH_MISMATCH", () => proveFile(artifact, "f", { ...measured, sha256: artifact.sha256.toUpperCase() }));
  });
});
