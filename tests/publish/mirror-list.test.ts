// The signed list of mirrors as the maintainer makes it: staged, signed, merged, published, pruned like a release.
import assert from "node:assert/strict";
import { cp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { fails } from "../support/fails.ts";
import { sha256 } from "../support/signed-file.ts";
import { createMaintainer, type Maintainer, publishedFiles } from "./maintainer.ts";
import { readBundleOf, releasesOf } from "./reader.ts";

const listOf = (...urls: string[]) =>
  `${
    JSON.stringify({
      format: "dchat-mirrors-1",
      mirrors: urls.map((url, i) => ({ url, kind: "https", region: "eu", priority: i })),
    })
  }\n`;
const LIST = listOf("https://a.example/dchat", "https://b.example");

/** A repository with one published release and a list of mirrors in a file of its own. */
async function withRelease(): Promise<Maintainer> {
  const m = await createMaintainer();
  await m.keygen("k");
  await m.run("init repo --network testnet --key k.pem");
  await m.run("add repo --version 1.0.0 --platform linux-x64", await m.file("dchat"));
  await m.run("publish repo --key k.pem");
  await writeFile(m.path("list.json"), LIST);
  return m;
}

const bundleOf = async (m: Maintainer) => JSON.parse(await readFile(m.path("repo", "bundle.json"), "utf8"));
const listFiles = async (m: Maintainer, repo = "repo") =>
  (await readdir(m.path(repo, "targets"))).filter((name) => name.endsWith(".mirrors.json"));
const nameOf = (list: string) => `${sha256(new TextEncoder().encode(list))}.mirrors.json`;

describe("a list of mirrors", () => {
  test("is staged, published beside the releases, and stands in the bundle byte for byte", async () => {
    await using m = await withRelease();
    assert.equal((await bundleOf(m)).mirrors, undefined, "there was none");
    const { json, lines } = await m.run("mirrors repo list.json");
    assert.equal(json.stagedTargetsVersion, 2);
    assert.deepEqual(json.mirrors[0], { url: "https://a.example/dchat", kind: "https", region: "eu", priority: 0 });
    assert.match(lines, /https:\/\/b\.example/);
    assert.match((await m.run("sign repo")).lines, /\+ mirrors\.json \(/);
    await m.run("publish repo --key k.pem");
    assert.deepEqual(await listFiles(m), [nameOf(LIST)]);
    assert.equal(await readFile(m.path("repo", "targets", nameOf(LIST)), "utf8"), LIST);
    assert.equal((await bundleOf(m)).mirrors, LIST);
    const state = readBundleOf(await publishedFiles(m.path("repo")), m.nowMs);
    assert.deepEqual(releasesOf(state, m.nowMs), ["1.0.0 linux-x64"], "it is no release, and no unusable one");
  });

  test("stays when releases are added, refreshed, pruned and re-keyed", async () => {
    await using m = await withRelease();
    await m.run("mirrors repo list.json");
    await m.run("publish repo --key k.pem");
    await m.run("add repo --version 1.1.0 --platform linux-x64", await m.file("next"));
    await m.run("prune repo --keep 1");
    await m.keygen("k2");
    await m.run("rotate-root repo --key k2.pem");
    await m.run("publish repo --key k.pem --key k2.pem");
    await m.run("refresh repo --key k2.pem");
    await m.run("refresh repo --targets --key k2.pem");
    m.nowMs += 7 * 86_400_000;
    await m.run("prune repo");
    assert.deepEqual(await listFiles(m), [nameOf(LIST)]);
    assert.equal((await bundleOf(m)).mirrors, LIST);
    assert.equal((await m.run("mirrors repo")).json.mirrors.length, 2);
  });

  test("is replaced by the next one, and the old file goes when its grace is over", async () => {
    await using m = await withRelease();
    await m.run("mirrors repo list.json");
    await m.run("publish repo --key k.pem");
    const next = listOf("https://c.example");
    await writeFile(m.path("next.json"), next);
    await m.run("mirrors repo next.json");
    await m.run("publish repo --key k.pem");
    await m.run("prune repo");
    assert.deepEqual(
      (await listFiles(m)).toSorted(),
      [nameOf(LIST), nameOf(next)].toSorted(),
      "a reader may ask for it",
    );
    const old = (m.nowMs - 7 * 86_400_000) / 1000;
    await utimes(m.path("repo", "targets", nameOf(LIST)), old, old);
    m.nowMs += 2 * 86_400_000;
    await m.run("prune repo");
    assert.deepEqual(await listFiles(m), [nameOf(next)]);
  });

  test("is removed on the maintainer's word", async () => {
    await using m = await withRelease();
    assert.equal((await m.run("mirrors repo --remove")).json.stagedTargetsVersion, null, "there is none yet");
    await m.run("mirrors repo list.json");
    await m.run("publish repo --key k.pem");
    const { json } = await m.run("mirrors repo --remove");
    assert.deepEqual(json, { mirrors: [], stagedTargetsVersion: 3 });
    await m.run("publish repo --key k.pem");
    assert.equal((await bundleOf(m)).mirrors, undefined);
  });

  test("that is there already is not staged again", async () => {
    await using m = await withRelease();
    await m.run("mirrors repo list.json");
    assert.equal((await m.run("mirrors repo list.json")).json.stagedTargetsVersion, null);
  });

  test("comes along when copies are merged, and only with the signed bytes", async () => {
    await using m = await withRelease();
    await m.run("mirrors repo list.json");
    await cp(m.path("repo"), m.path("copy"), { recursive: true });
    await m.run("sign copy --key k.pem");
    await rm(m.path("repo", "targets", nameOf(LIST)));
    await writeFile(m.path("copy", "targets", nameOf(LIST)), LIST.replace("a.example", "e.example"));
    await assert.rejects(m.run("merge repo copy"), fails("E_HASH_MISMATCH"));
    await writeFile(m.path("copy", "targets", nameOf(LIST)), LIST);
    assert.deepEqual((await m.run("merge repo copy")).json.copied, ["mirrors.json"]);
    await m.run("publish repo --key k.pem");
    assert.equal((await bundleOf(m)).mirrors, LIST);
  });

  test("is not published when its file is missing or was changed", async () => {
    await using m = await withRelease();
    await m.run("mirrors repo list.json");
    const file = m.path("repo", "targets", nameOf(LIST));
    await writeFile(file, LIST.replace("a.example", "e.example"));
    await assert.rejects(m.run("publish repo --key k.pem"), fails("E_HASH_MISMATCH", "mirrors.json"));
    await rm(file);
    await assert.rejects(m.run("publish repo --key k.pem"), fails("E_ABSENT", "mirrors.json"));
    await m.run("mirrors repo list.json");
    await m.run("publish repo --key k.pem");
  });

  test("that no reader would take is not staged", async () => {
    await using m = await withRelease();
    const before = await readdir(m.path("repo", "targets"));
    for (
      const list of ["{}", listOf("https://me:secret@a.example"), listOf("file:///etc/passwd"), " ".repeat(70_000)]
    ) {
      await writeFile(m.path("bad.json"), list);
      await assert.rejects(m.run("mirrors repo bad.json"), (e) => {
        assert.match((e as { code?: string }).code ?? "", /^E_(MALFORMED|TOO_LARGE)$/);
        assert.doesNotMatch(String(e), /secret/);
        return true;
      });
    }
    assert.deepEqual(await readdir(m.path("repo", "targets")), before);
    assert.equal((await m.run("mirrors repo")).json.mirrors.length, 0);
  });

  test("with an address that nodes will not use is said to be one", async () => {
    await using m = await withRelease();
    await writeFile(m.path("private.json"), listOf("https://10.0.0.1", "http://c.example", "https://fine.example"));
    const { notes } = await m.run("mirrors repo private.json");
    assert.match(notes, /nodes will not use https:\/\/10\.0\.0\.1 unless they are told to/);
    assert.match(notes, /nodes will not use http:\/\/c\.example unless/);
    assert.doesNotMatch(notes, /fine\.example/);
  });

  test("and --remove exclude each other", async () => {
    await using m = await withRelease();
    await assert.rejects(m.run("mirrors repo list.json --remove"), fails("E_USAGE"));
  });
});
