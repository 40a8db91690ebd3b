// The lie: "200 OK" with a page for people in place of the file, as captive portals and content hosts do; and honest
// errors, whose bodies are nobody's business either.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Expectation, requireCaught } from "../support/caught.ts";
import { type Answer, page } from "../support/lying-mirror.ts";
import { createRelease, createStage } from "../support/scene.ts";

const stage = await createStage();
const { repository, path, content } = await createRelease("error page");
const known = repository.files();
repository.publish();
const files = repository.files();
const snapshot = repository.path("snapshot"), targets = repository.path("targets");

const HTML = "<!doctype html><title>Please sign in</title><p>error E_NOTHING: all is well</p>\n";
const OK = page(200, HTML);
const lie = (code: Expectation["code"]): Expectation => ({ code, verdict: "lie" });
const fault = (code: Expectation["code"]): Expectation => ({ code, verdict: "fault" });

const ASKED_FOR_METADATA: readonly (readonly [string, Record<string, Answer>, Expectation])[] = [
  ["everything is a page", { "": OK }, lie("E_MALFORMED")],
  ["the next root is a page", { "metadata/2.root.json": OK }, lie("E_MALFORMED")],
  ["the timestamp is a page", { "metadata/timestamp.json": OK }, lie("E_MALFORMED")],
  ["the snapshot is a page", { [snapshot]: OK }, lie("E_SIZE_MISMATCH")],
  ["the targets are a page", { [targets]: OK }, lie("E_SIZE_MISMATCH")],
  ["everything is broken", { "": page(500, HTML) }, fault("E_HTTP_STATUS")],
  ["the timestamp is not there", { "metadata/timestamp.json": page(404, HTML) }, fault("E_ABSENT")],
  ["the timestamp is forbidden", { "metadata/timestamp.json": page(403, HTML) }, fault("E_ABSENT")],
  ["the snapshot is overloaded", { [snapshot]: page(503, HTML) }, fault("E_HTTP_STATUS")],
];

for (const [title, lies, expected] of ASKED_FOR_METADATA) {
  test(`a mirror where ${title} is not believed (${expected.code})`, async () => {
    const scene = await stage.scene(repository, known);
    scene.liar.serve(files, lies);
    scene.honest.serve(files);
    const { alone } = await requireCaught(scene, ["check"], expected);
    assert.ok(!alone.stderr.includes("sign in"), "the page was shown");
  });
}

const sameSize = page(200, HTML.padEnd(content.length, " "));
const encoded = page(200, HTML, { "content-encoding": "gzip" });
const ASKED_FOR_ARTIFACT: readonly (readonly [string, Answer, Expectation])[] = [
  ["a page", OK, lie("E_SIZE_MISMATCH")],
  ["a page of the signed size", sameSize, lie("E_HASH_MISMATCH")],
  ["a page with status 404", page(404, HTML), fault("E_ABSENT")],
  ["a page with status 500", page(500, HTML), fault("E_HTTP_STATUS")],
  ["a page with status 206", page(206, HTML, { "content-range": "bytes 0-1/2" }), fault("E_HTTP_STATUS")],
  ["a page with status 416", page(416, HTML), fault("E_HTTP_STATUS")],
  ["a compressed page", encoded, fault("E_HTTP_STATUS")],
];

for (const [title, answer, expected] of ASKED_FOR_ARTIFACT) {
  test(`${title} in place of an artifact is refused (${expected.code})`, async () => {
    const scene = await stage.scene(repository, files);
    scene.liar.serve(files, { [path]: answer });
    scene.honest.serve(files);
    await requireCaught(scene, ["download", "--version", "1.0.0", "--platform", "linux-x64"], expected);
  });
}
