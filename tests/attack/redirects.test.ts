// The lie: "it is over there", where "there" is the operator's own network, or a place without TLS. The bytes would not
// be believed; the request itself would be the damage.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { ErrorCode } from "../../src/errors.ts";
import { requireCaught } from "../support/caught.ts";
import { startConnectProxy } from "../support/connect-proxy.ts";
import { CA_FILE } from "../support/http-server.ts";
import { redirects, startLyingMirror } from "../support/lying-mirror.ts";
import { createRelease, createStage } from "../support/scene.ts";

const stage = await createStage();
const { repository, path } = await createRelease("redirects");
const files = repository.files();
const victim = await startLyingMirror(), tlsVictim = await startLyingMirror({ tls: true });
const tlsLiar = await startLyingMirror({ tls: true });
// What is reached through a proxy counts as public: its redirects are allowed the least.
const proxy = await startConnectProxy({ "mirror.test": tlsLiar.port });
after(() => Promise.all([victim, tlsVictim, tlsLiar, proxy].map((server) => server.close())));

const DOWNLOAD = ["download", "--version", "1.0.0", "--platform", "linux-x64"] as const;

/** Where a mirror on loopback sends people. */
const FROM_LOOPBACK: readonly (readonly [string, ErrorCode])[] = [
  ["http://169.254.169.254/latest/meta-data/", "E_FORBIDDEN_ADDRESS"],
  ["https://169.254.169.254/latest/meta-data/", "E_FORBIDDEN_ADDRESS"],
  ["https://[::ffff:169.254.169.254]/", "E_FORBIDDEN_ADDRESS"],
  [`http://0.0.0.0:${victim.port}/`, "E_FORBIDDEN_ADDRESS"],
  ["http://10.0.0.1/admin", "E_FORBIDDEN_ADDRESS"],
  ["file:///etc/passwd", "E_HTTP_STATUS"],
  ["/metadata/timestamp.json", "E_HTTP_STATUS"],
];

for (const [location, code] of FROM_LOOPBACK) {
  test(`a redirect of the timestamp to ${location} is not followed, or not for ever (${code})`, async () => {
    const scene = await stage.scene(repository, files);
    scene.liar.serve(files, { "metadata/timestamp.json": redirects(location) });
    scene.honest.serve(files);
    victim.serve(files);
    await requireCaught(scene, ["check"], { code, verdict: "fault" });
    assert.equal(victim.questions.length, 0);
  });
}

test("a redirect of an artifact into the machine's own services is not followed", async () => {
  const scene = await stage.scene(repository, files);
  scene.liar.serve(files, { [path]: redirects("http://169.254.169.254/latest/meta-data/") });
  scene.honest.serve(files);
  await requireCaught(scene, DOWNLOAD, { code: "E_FORBIDDEN_ADDRESS", verdict: "fault" });
});

for (
  const [to, location] of [
    ["this machine", `https://127.0.0.1:${tlsVictim.port}/`],
    ["this machine by its name", `https://localhost:${tlsVictim.port}/`],
    ["plain http", `http://127.0.0.1:${victim.port}/`],
    ["a neighbour", "https://192.168.0.1/"],
  ] as const
) {
  test(`a public mirror's redirect to ${to} is not followed`, async () => {
    const env = { HTTPS_PROXY: proxy.url };
    const url = "https://mirror.test";
    const operator = await stage.operator({ pinnedRoot: repository.pinnedRoot, mirrors: [url], env });
    for (const server of [victim, tlsVictim]) server.serve(files);
    tlsLiar.serve(files, { "metadata/timestamp.json": redirects(location) });
    stage.honest.serve(files);
    const scene = { operator, liar: { ...tlsLiar, url }, honest: stage.honest, digests: repository.digests };
    await requireCaught(scene, ["check", "--ca-file", CA_FILE], { code: "E_FORBIDDEN_ADDRESS", verdict: "fault" });
    assert.equal(victim.questions.length + tlsVictim.questions.length, 0);
  });
}
