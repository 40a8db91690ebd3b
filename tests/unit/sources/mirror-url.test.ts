import assert from "node:assert/strict";
import { test } from "node:test";
import {
  artifactUrl,
  fileUrl,
  isTemplate,
  mirrorId,
  parseMirrorUrl,
  pieceListUrl,
} from "../../../src/sources/mirror-url.ts";
import { artifactOf, testBytes } from "../../support/artifact.ts";
import { fails } from "../../support/fails.ts";

const TEMPLATE = "https://code.example/org/repo/releases/download/v{version}/{name}";

test("an artifact is looked for where a release repository has it, below whatever path the mirror has", async () => {
  const a = await artifactOf(testBytes(5));
  const tail = `targets/dchat/1.0.0/${a.sha256}.dchat-1.0.0-linux-x64`;
  assert.equal(artifactUrl("https://a.example", a), `https://a.example/${tail}`);
  assert.equal(artifactUrl("https://a.example/deep/er//", a), `https://a.example/deep/er/${tail}`);
  assert.equal(artifactUrl("https://u:p@a.example/x?token=1", a), `https://u:p@a.example/x/${tail}?token=1`);
});

test("a template has every placeholder filled, percent-encoded", async () => {
  const a = { ...await artifactOf(testBytes(5)), name: "a b?#.bin", path: "dchat/1.0.0/ü/a b?#.bin" };
  assert.ok(isTemplate(TEMPLATE));
  assert.equal(artifactUrl(TEMPLATE, a), "https://code.example/org/repo/releases/download/v1.0.0/a%20b%3F%23.bin");
  assert.equal(
    artifactUrl("https://x.example/{path}?{sha256}&{platform}", a),
    `https://x.example/dchat/1.0.0/%C3%BC/a%20b%3F%23.bin?${a.sha256}&linux-x64`,
  );
});

test("a piece list lies beside its artifact, before the query", async () => {
  const a = await artifactOf(testBytes(5));
  assert.equal(
    pieceListUrl("https://a.example/x?token=1", a),
    artifactUrl("https://a.example/x", a) + ".pieces?token=1",
  );
  assert.equal(pieceListUrl(TEMPLATE + "?raw", a), artifactUrl(TEMPLATE, a) + ".pieces?raw");
});

test("an unknown placeholder, one that would choose the server, and what is no URL are usage errors", () => {
  assert.equal(parseMirrorUrl(TEMPLATE).host, "code.example");
  assert.equal(parseMirrorUrl("https://a.example/x").href, "https://a.example/x");
  for (
    const bad of [
      "https://a.example/{digest}",
      "https://a.example/{}",
      "https://a.example/{name",
      "https://a.example/{toString}",
    ]
  ) {
    assert.throws(() => parseMirrorUrl(bad), fails("E_USAGE", "placeholder"), bad);
  }
  for (const bad of ["https://{name}/x", "https://{name}@a.example/", "https://a.example{name}/"]) {
    assert.throws(() => parseMirrorUrl(bad), fails("E_USAGE"), bad);
  }
  for (const bad of ["", "a.example", "ftp://a.example/", "/folder", "ipfs://x"]) {
    assert.throws(() => parseMirrorUrl(bad), fails("E_USAGE"), bad);
  }
});

test("a mirror's id shows no credentials, no query and no trailing slash, and a template's braces", () => {
  assert.equal(mirrorId("https://user:secret@a.example:8443/x/y/?token=1#f"), "https://a.example:8443/x/y");
  assert.equal(
    mirrorId("https://user:secret@code.example/v{version}/{name}"),
    "https://code.example/v{version}/{name}",
  );
  assert.equal(mirrorId("https://a.example"), "https://a.example");
  assert.throws(
    () => mirrorId("ftp://user:secret@a.example/"),
    (e) => fails("E_USAGE")(e) && !String(e).includes("secret"),
  );
});

test("a path cannot climb out of the mirror", () => {
  assert.equal(fileUrl("https://a.example/r", "metadata/1.root.json"), "https://a.example/r/metadata/1.root.json");
  for (const path of ["../x", "a/../../x", "a/%2e%2E/x", "./x", "/x", "a//x", "", "%2e"]) {
    assert.throws(() => fileUrl("https://a.example/r", path), fails("E_MALFORMED"), path);
  }
});
