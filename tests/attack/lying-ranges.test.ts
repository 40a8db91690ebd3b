// The lie is in the parts: an artifact of several pieces is asked for range by range and by its piece list, and each
// answer can be about something else than it says. Lies that need one piece only are told in the other files.
import assert from "node:assert/strict";
import { test } from "node:test";
import { testBytes } from "../support/artifact.ts";
import { rangeHead } from "../support/byte-range.ts";
import { type Expectation, requireCaught, requireProvenPackages } from "../support/caught.ts";
import { altered, extended } from "../support/lying-bytes.ts";
import { type Answer, gives, page, pours } from "../support/lying-mirror.ts";
import { QUICK_TIMEOUTS } from "../support/operator.ts";
import { createRelease, createStage } from "../support/scene.ts";

const MIB = 1 << 20;
const stage = await createStage();
const { repository, path, content } = await createRelease("lying ranges", testBytes(4 * MIB + 12_345, "ranges"));
const files = repository.files();
const DOWNLOAD = ["download", "--version", "1.0.0", "--platform", "linux-x64", ...QUICK_TIMEOUTS] as const;

const lie = (code: Expectation["code"]): Expectation => ({ code, verdict: "lie" });
const fault = (code: Expectation["code"]): Expectation => ({ code, verdict: "fault" });

/** The artifact with its first MiB at its end. */
const turned = (b: Uint8Array) => new Uint8Array(Buffer.concat([b.subarray(MIB), b.subarray(0, MIB)]));
/** As many bytes as were asked for, of another place, and the head says so. */
const elsewhere: Answer = ({ range, response }) => {
  const { first, end } = range(content.length);
  const other = { first: first === 0 ? 1 : 0, end: end - first + (first === 0 ? 1 : 0), isPart: true };
  const { status, headers } = rangeHead(other, content.length);
  response.writeHead(status, headers).end(content.subarray(other.first, other.end));
};
const HTML = "<!doctype html><title>Please sign in</title>";
const partOfPage = { "content-range": `bytes 0-${HTML.length - 1}/${HTML.length}` };

const IN_PARTS: readonly (readonly [string, Answer, Expectation])[] = [
  ["parts of another place, said to be the right ones", gives(turned), lie("E_HASH_MISMATCH")],
  ["parts with one bit changed", gives((b) => altered(b, "middle")), lie("E_HASH_MISMATCH")],
  ["parts of another place, said to be such", elsewhere, fault("E_HTTP_STATUS")],
  ["parts of a larger file", gives((b) => extended(b, 1)), lie("E_SIZE_MISMATCH")],
  ["parts of a page", page(206, HTML, partOfPage), lie("E_SIZE_MISMATCH")],
  ["parts in an envelope", page(206, HTML, { "content-type": "multipart/byteranges" }), fault("E_HTTP_STATUS")],
  ["word that it is shorter", page(416, HTML, { "content-range": "bytes */1000" }), lie("E_SIZE_MISMATCH")],
];
for (const [what, answer, expected] of IN_PARTS) {
  test(`a mirror that gives ${what} is caught (${expected.code})`, async () => {
    const scene = await stage.scene(repository, files);
    scene.liar.serve(files, { [path]: answer });
    scene.honest.serve(files);
    await requireCaught(scene, DOWNLOAD, expected);
  });
}

/** Only for whoever asks for all of it. */
const right = gives((b) => b);
const BROKEN: readonly (readonly [string, Answer])[] = [
  ["other parts than those asked for", elsewhere],
  ["parts without saying which", page(206, HTML, {})],
  ["parts in an envelope", page(206, HTML, { "content-type": "multipart/byteranges" })],
  ["word that there is no such part", page(416, HTML)],
];
for (const [what, answer] of BROKEN) {
  test(`a lone mirror that gives ${what}, and the whole when asked for it, is good for the artifact`, async () => {
    const scene = await stage.scene(repository, files);
    scene.liar.serve(files, { [path]: (o) => (o.request.headers.range === undefined ? right : answer)(o) });
    await scene.operator.succeed(...DOWNLOAD);
    const { packages, alerts } = scene.operator.snapshot();
    assert.equal(packages.size, 1);
    requireProvenPackages(packages, scene.digests);
    assert.deepEqual(alerts, []);
  });
}

const IN_LIST: readonly (readonly [string, Answer, Expectation])[] = [
  ["with one bit changed", gives((b) => altered(b, "last")), lie("E_HASH_MISMATCH")],
  ["of another file", gives((b) => new Uint8Array(b.length)), lie("E_HASH_MISMATCH")],
];
for (const [what, answer, expected] of IN_LIST) {
  test(`a mirror with a piece list ${what} is caught (${expected.code})`, async () => {
    const scene = await stage.scene(repository, files);
    scene.liar.serve(files, { [`${path}.pieces`]: answer });
    scene.honest.serve(files);
    await requireCaught(scene, DOWNLOAD, expected);
  });
}

const NO_LIST: readonly (readonly [string, Answer])[] = [
  ["says that it has none", page(404, HTML)],
  ["is busy", page(503, HTML)],
  ["gives a page", page(200, HTML)],
  ["gives too little", gives((b) => b.subarray(32))],
  ["never ends", pours(Infinity, { announced: false })],
];
for (const [what, answer] of NO_LIST) {
  test(`a mirror that ${what} when asked for the piece list is good for the artifact all the same`, async () => {
    const scene = await stage.scene(repository, files);
    scene.liar.serve(files, { [`${path}.pieces`]: answer });
    await scene.operator.succeed(...DOWNLOAD);
    const { packages, alerts } = scene.operator.snapshot();
    assert.equal(packages.size, 1);
    requireProvenPackages(packages, scene.digests);
    assert.deepEqual(alerts, [], "it gave nothing wrong of the artifact");
  });
}
