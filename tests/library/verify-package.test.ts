// verify as a function: a file, a bundle and a pinned root in, the proven artifact out, and no other way to get one.
import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { type ErrorCode, verifyPackage } from "../../dchat-update.ts";
import { writeBundle } from "../../src/trust/bundle.ts";
import { pinRoot } from "../../src/trust/client.ts";
import { testBytes } from "../support/artifact.ts";
import { fails } from "../support/fails.ts";
import { createReleaseRepository, nameOf, NETWORK, type ReleaseRepository } from "../support/release-repository.ts";
import { type MutableObject, put } from "../support/signed-file.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { strictClock, updated } from "../support/trust-client.ts";
import { DAY_MS } from "../support/tuf-repository.ts";
import { bytesOf } from "./tuf-scene.ts";

const repo = createReleaseRepository({ seed: "verify-package" });
const OLD = testBytes(50_000, "old"), NEW = testBytes(50_000, "new");
await repo.addRelease("0.9.0", { content: OLD });
await repo.addRelease("1.0.0", { content: NEW });
repo.publish();

const bundleOf = (r: ReleaseRepository): Uint8Array =>
  writeBundle(updated(pinRoot(r.pinnedRoot), r.files(), strictClock(r.nowMs)), NETWORK);
const bundle = bundleOf(repo);
const root = repo.pinnedRoot;
const nowMs = repo.nowMs;

async function packageFile(bytes: Uint8Array, name = nameOf("1.0.0")): Promise<string> {
  const file = join(tempFolder("library"), name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, bytes);
  return file;
}
const good = await packageFile(NEW);

test("the released bytes under their own name are proven, with what was signed of them", async () => {
  const { file, artifact } = await verifyPackage({ file: good, bundle, root, nowMs });
  assert.equal(file, good);
  assert.deepEqual([artifact.version, artifact.platform, artifact.length], ["1.0.0", "linux-x64", NEW.length]);
  const older = await verifyPackage({ file: await packageFile(OLD, nameOf("0.9.0")), bundle, root, nowMs });
  assert.equal(older.artifact.version, "0.9.0");
});

describe("a file is refused", () => {
  const flipped = (at: number) => NEW.map((byte, i) => (i === at ? byte ^ 1 : byte));
  const files: [what: string, bytes: Uint8Array, code: ErrorCode, name?: string][] = [
    ["with another first byte", flipped(0), "E_HASH_MISMATCH"],
    ["with another byte in the middle", flipped(25_000), "E_HASH_MISMATCH"],
    ["with another last byte", flipped(49_999), "E_HASH_MISMATCH"],
    ["that is a byte short", NEW.subarray(1), "E_SIZE_MISMATCH"],
    ["that is a byte long", Uint8Array.from([...NEW, 0]), "E_SIZE_MISMATCH"],
    ["that is empty", new Uint8Array(), "E_SIZE_MISMATCH"],
    ["that is an old release under a new name", OLD, "E_HASH_MISMATCH"],
    ["that is a new release under an old name", NEW, "E_HASH_MISMATCH", nameOf("0.9.0")],
    ["under the name of a release that nobody signed", NEW, "E_NOT_SIGNED", nameOf("1.0.1")],
    ["under the name of another platform", NEW, "E_NOT_SIGNED", "dchat-1.0.0-macos-arm64"],
    ["under a name of its own", NEW, "E_NOT_SIGNED", "dchat"],
    ["under a name that drives a terminal", NEW, "E_NOT_SIGNED", "\u001b[31mdchat\u202e"],
  ];
  for (const [what, bytes, code, name] of files) {
    test(what, async () => {
      const file = await packageFile(bytes, name);
      await assert.rejects(verifyPackage({ file, bundle, root, nowMs }), fails(code));
    });
  }

  test("that is not there, or a folder", async () => {
    const file = join(tempFolder("library"), nameOf("1.0.0"));
    await assert.rejects(verifyPackage({ file, bundle, root, nowMs }), fails("E_IO"));
    await mkdir(file);
    await assert.rejects(verifyPackage({ file, bundle, root, nowMs }), fails("E_IO"));
  });

  test("not for being a link: the bytes behind it count", async () => {
    const link = join(tempFolder("library"), nameOf("1.0.0"));
    await symlink(good, link);
    await verifyPackage({ file: link, bundle, root, nowMs });
  });
});

describe("a bundle is refused", () => {
  const edited = (path: (string | number)[], edit: (text: string) => string) => {
    const document: MutableObject = JSON.parse(new TextDecoder().decode(bundle));
    let text: unknown = document;
    for (const key of path) text = (text as MutableObject)[key];
    put(document, path, edit(String(text)));
    return bytesOf(JSON.stringify(document));
  };
  const another = createReleaseRepository({ seed: "another" });
  const bundles: [what: string, bytes: Uint8Array, code: ErrorCode][] = [
    ["that is no bundle", bytesOf("<html>"), "E_MALFORMED"],
    ["of another format", edited(["format"], () => "dchat-bundle-2"), "E_MALFORMED"],
    ["that is too large", new Uint8Array(9 * 2 ** 20), "E_TOO_LARGE"],
    ["of another network's repository", bundleOf(another), "E_UNTRUSTED_KEY"],
    ["that says it is another network's", edited(["network"], () => "othernet"), "E_MALFORMED"],
    ["with altered targets", edited(["targets"], (t) => t.replace("1.0.0", "1.0.1")), "E_HASH_MISMATCH"],
    [
      "with an altered timestamp",
      edited(["timestamp"], (t) => t.replace('"version":', '"more":1,"version":')),
      "E_SIGNATURE",
    ],
  ];
  for (const [what, bytes, code] of bundles) {
    test(what, async () => {
      await assert.rejects(verifyPackage({ file: good, bundle: bytes, root, nowMs }), fails(code));
    });
  }

  test("that has expired only on request: verifying works for ever", async () => {
    const years = nowMs + 3650 * DAY_MS;
    await verifyPackage({ file: good, bundle, root, nowMs: years });
    await assert.rejects(
      verifyPackage({ file: good, bundle, root, nowMs: years, requireFresh: true }),
      fails("E_EXPIRED"),
    );
    await verifyPackage({ file: good, bundle, root, nowMs, requireFresh: true });
  });
});

test("the pinned root may be any of the chain's, and no other", async () => {
  const rotated = createReleaseRepository({ seed: "rotated" });
  await rotated.addRelease("1.0.0", { content: NEW });
  for (const role of ["timestamp", "root", "targets"] as const) rotated.rotate(role);
  rotated.publish();
  const roots = [1, 2, 3, 4].map((v) => rotated.files().get(`metadata/${v}.root.json`) ?? assert.fail());
  for (const r of roots) await verifyPackage({ file: good, bundle: bundleOf(rotated), root: r, nowMs });
  await assert.rejects(verifyPackage({ file: good, bundle: bundleOf(rotated), root, nowMs }), fails("E_UNTRUSTED_KEY"));
  for (const r of [bytesOf("{}"), rotated.bytes("targets")]) {
    await assert.rejects(verifyPackage({ file: good, bundle, root: r, nowMs }), fails("E_MALFORMED"));
  }
});

test("an abort ends it, for whatever reason", async () => {
  for (const reason of [undefined, new Error("not now"), "later"]) {
    const signal = AbortSignal.abort(reason);
    await assert.rejects(verifyPackage({ file: good, bundle, root, nowMs, signal }), fails("E_INTERRUPTED"));
  }
});
