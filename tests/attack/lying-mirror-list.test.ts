// Lies about the signed list of mirrors. A mirror that alters it is caught like any liar; a list that only the release
// keys could have made, and that would lead a node astray, is not used. Either way releases are found as before.
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { ErrorCode } from "../../src/errors.ts";
import { requirePrintable } from "../support/caught.ts";
import { altered, extended } from "../support/lying-bytes.ts";
import { type Answer, gives, page, pours, redirects, startLyingMirror } from "../support/lying-mirror.ts";
import type { Operator } from "../support/operator.ts";
import { createReleaseRepository } from "../support/release-repository.ts";
import { createStage } from "../support/scene.ts";
import { sha256 } from "../support/signed-file.ts";

const stage = await createStage();
const text = (s: string) => new TextEncoder().encode(s);
const listOf = (...mirrors: readonly unknown[]) => text(JSON.stringify({ format: "dchat-mirrors-1", mirrors }));
const mirror = (url: string) => ({ url, kind: "https", priority: 1 });

/** A repository whose release keys have signed these bytes as the list, and where a mirror serves it. */
async function withList(list: Uint8Array) {
  const repository = createReleaseRepository({ seed: `list ${sha256(list)}` });
  await repository.addRelease("1.0.0");
  repository.publish();
  const known = repository.files();
  repository.addTarget("mirrors.json", list);
  repository.publish();
  return { repository, known, files: repository.files(), path: `targets/${sha256(list)}.mirrors.json` };
}

const storedList = ({ home }: Operator) => join(home, "trust", "mirrors.json");
async function urlsOf(operator: Operator): Promise<string[]> {
  const { stdout } = await operator.succeed("list-mirrors", "--json");
  return JSON.parse(stdout).mirrors.map((m: { url: string }) => m.url);
}

const GENUINE = listOf(mirror("https://signed.example/dchat"));

const LIES: Readonly<Record<string, readonly [Answer, ErrorCode | "fault"]>> = {
  "another mirror in it": [gives(() => listOf(mirror("https://signet.example/dchat"))), "E_HASH_MISMATCH"],
  "one byte altered": [gives((b) => altered(b, "middle")), "E_HASH_MISMATCH"],
  "a byte more": [gives((b) => extended(b, 1)), "E_TOO_LARGE"],
  "a byte less": [gives((b) => b.subarray(1)), "E_SIZE_MISMATCH"],
  "nothing in it": [gives(() => new Uint8Array()), "E_SIZE_MISMATCH"],
  "gigabytes announced": [pours(2 ** 33, { announced: true }), "E_TOO_LARGE"],
  "no end": [pours(Infinity, { announced: false }), "E_TOO_LARGE"],
  "a page for people": [page(200, "<html>sign in</html>"), "E_SIZE_MISMATCH"],
  "an error": [page(500, "sorry"), "fault"],
  "nobody knowing of it": [page(404, "not found"), "fault"],
  "a redirect into the cloud's metadata": [redirects("http://169.254.169.254/latest/meta-data/"), "fault"],
};

for (const [title, [answer, verdict]] of Object.entries(LIES)) {
  test(`a mirror that answers with ${title} puts no mirror into the list, and another mirror still can`, async () => {
    const { repository, known, files, path } = await withList(GENUINE);
    const { operator, liar, honest } = await stage.scene(repository, known);
    liar.serve(files, { [path]: answer });
    const { stderr } = await operator.succeed("check");
    requirePrintable(stderr);
    assert.match(stderr, /the signed list of mirrors is not used: no mirror has the signed mirrors\.json/);
    assert.deepEqual(await urlsOf(operator), [liar.url]);
    assert.equal(existsSync(storedList(operator)), false);
    const alerts = operator.snapshot().alerts.map((a) => [a.source, a.what, a.code]);
    assert.deepEqual(alerts, verdict === "fault" ? [] : [[liar.url, "mirrors.json", verdict]]);

    honest.serve(files);
    await operator.succeed("add-mirror", "--url", honest.url);
    await operator.succeed("check");
    assert.ok((await urlsOf(operator)).includes("https://signed.example/dchat"));
  });
}

test("whoever lied about the list is asked last for it from then on", async () => {
  const { repository, known, files, path } = await withList(GENUINE);
  const { operator, liar, honest } = await stage.scene(repository, known);
  liar.serve(files, { [path]: gives((b) => altered(b, "first")) });
  await operator.succeed("check");
  liar.serve(files, { [path]: gives((b) => altered(b, "first")) });
  honest.serve(files);
  await operator.succeed("add-mirror", "--url", honest.url);
  await operator.succeed("check");
  assert.ok(liar.questions.every((q) => q.path !== path), "the honest one was asked first, and that was enough");
});

const BAD_LISTS: Readonly<Record<string, Uint8Array>> = {
  "no JSON": text("<html>"),
  "another format": text('{"format":"dchat-mirrors-9","mirrors":[]}'),
  "a thousand mirrors": listOf(...Array.from({ length: 1000 }, (_, i) => mirror(`https://${i}.x`))),
  "more than 64 KiB": listOf({ ...mirror("https://a.example"), padding: "x".repeat(1 << 16) }),
  "a password": listOf(mirror("https://me:secret@a.example")),
  "a control character": listOf(mirror("https://a.example/\u001b[2J")),
  "a template": listOf(mirror("https://a.example/{version}/{name}")),
  "a file of this machine": listOf(mirror("file:///etc/passwd")),
  "a token": listOf(mirror("https://a.example/?token=secret")),
  "letters that look like others": listOf(mirror("https://\u0430.example")),
};

for (const [title, list] of Object.entries(BAD_LISTS)) {
  test(`a signed list with ${title} is not used, blames nobody, and stops nothing`, async () => {
    const { repository, known, files, path } = await withList(list);
    const { operator, liar } = await stage.scene(repository, known);
    liar.serve(files);
    const { stderr, stdout } = await operator.succeed("check");
    requirePrintable(stderr);
    assert.match(stderr, /the signed list of mirrors is not used: mirrors\.json/);
    assert.doesNotMatch(stderr, /secret/);
    assert.match(stdout, /1\.0\.0/);
    assert.deepEqual(await urlsOf(operator), [liar.url]);
    assert.deepEqual(operator.snapshot().alerts, []);
    assert.equal(existsSync(storedList(operator)), false);
    if (title === "more than 64 KiB") assert.ok(liar.questions.every((q) => q.path !== path), "it was fetched");
  });
}

test("a signed list that names plain http and private addresses sends nobody there", async () => {
  const victim = await startLyingMirror(), tlsVictim = await startLyingMirror({ tls: true });
  try {
    const urls = [victim.url, tlsVictim.url, `https://localhost:${tlsVictim.port}`, "http://signed.example"];
    const { repository, known, files } = await withList(listOf(...urls.map(mirror)));
    const { operator, liar } = await stage.scene(repository, known);
    liar.serve(files);
    await operator.succeed("check");
    const { stdout } = await operator.succeed("check", "--json");
    assert.deepEqual(JSON.parse(stdout).mirrors.map((m: { url: string }) => m.url), [liar.url]);
    await operator.succeed("download", "--version", "1.0.0", "--platform", "linux-x64");
    await operator.succeed("test-mirrors");
    assert.equal(victim.questions.length + tlsVictim.questions.length, 0);
    assert.equal((await urlsOf(operator)).length, 5, "they are shown");
  } finally {
    await Promise.all([victim.close(), tlsVictim.close()]);
  }
});

test("a list that was altered in the home is not believed, and fetched again", async () => {
  const { repository, known, files } = await withList(GENUINE);
  const { operator, liar } = await stage.scene(repository, known);
  liar.serve(files);
  await operator.succeed("check");
  for (const forged of [listOf(mirror("https://evil.example")), new Uint8Array(), new Uint8Array(1 << 20)]) {
    writeFileSync(storedList(operator), forged);
    assert.deepEqual(await urlsOf(operator), [liar.url]);
    await operator.succeed("check");
    assert.deepEqual(new Uint8Array(readFileSync(storedList(operator))), GENUINE);
  }
});

test("a list that the release keys have withdrawn is forgotten, though its file is still there", async () => {
  const { repository, known, files } = await withList(GENUINE);
  const { operator, liar } = await stage.scene(repository, known);
  liar.serve(files);
  await operator.succeed("check");
  const next = listOf(mirror("https://other.example"));
  repository.addTarget("mirrors.json", next);
  repository.publish();
  liar.serve(repository.files(), { [`targets/${sha256(next)}.mirrors.json`]: page(404, "") });
  await operator.succeed("check");
  assert.deepEqual(await urlsOf(operator), [liar.url]);
});
