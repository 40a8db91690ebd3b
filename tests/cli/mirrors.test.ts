// The list of mirrors and what they are worth. docs/cli.md, "add-mirror, remove-mirror, list-mirrors, test-mirrors".
import assert from "node:assert/strict";
import { test } from "node:test";
import { createNetwork, expect, json, succeed } from "./network.ts";

const network = await createNetwork();

interface Listed {
  readonly url: string;
}
const urlsOf = (document: { mirrors: readonly Listed[] }) => document.mirrors.map((m) => m.url);

test("mirrors are listed in the order in which they are asked", async () => {
  const at = ["--home", network.newHome()];
  for (const [url, ...more] of [["https://c.example", "--priority", "200"], ["https://b.example"]]) {
    await succeed(["add-mirror", "--url", url ?? "", "--mirror-type", "https", ...more, ...at]);
  }
  await succeed(["add-mirror", "--url", "https://a.example/dchat/", "--priority", "0", "--region", "eu", ...at]);
  await succeed(["add-mirror", "--url", "https://d.example", ...at]);
  const listed = await json(["list-mirrors", ...at]);
  assert.deepEqual(urlsOf(listed), [
    "https://a.example/dchat",
    "https://b.example",
    "https://d.example",
    "https://c.example",
  ]);
  const { stdout } = await succeed(["list-mirrors", ...at]);
  const [head, first] = stdout.split("\n");
  assert.match(head ?? "", /^ {2}PRIORITY {2}TYPE {3}REGION {2}LATENCY {2}RATE {2}FRESHNESS {2}FAILED {2}LIES {2}URL$/);
  assert.match(first ?? "", /^ {2}0 {9}https {2}eu {6}- {8}- {5}- {10}- {7}- {5}https:\/\/a\.example\/dchat$/);
});

test("a mirror that is added again is changed", async () => {
  const at = ["--home", network.newHome()];
  await succeed(["add-mirror", "--url", "https://a.example", ...at]);
  const { mirrors } = await json(["add-mirror", "--url", "https://a.example/", "--priority", "7", ...at]);
  assert.deepEqual(mirrors, [
    { url: "https://a.example", type: "https", region: null, priority: 7, supported: true },
  ]);
});

test("a mirror is removed by its URL, and only one that is there", async () => {
  const at = ["--home", network.newHome()];
  await succeed(["add-mirror", "--url", "https://a.example", ...at]);
  await succeed(["add-mirror", "--url", "https://b.example", ...at]);
  const { stderr } = await expect(2, ["remove-mirror", "--url", "https://c.example", ...at]);
  assert.match(stderr, /there is no mirror "https:\/\/c\.example"\n {2}see: dchat-update list-mirrors/);
  const { removed, ...rest } = await json(["remove-mirror", "--url", "https://a.example/", ...at]);
  assert.equal(removed, "https://a.example");
  assert.deepEqual(urlsOf(rest), ["https://b.example"]);
});

for (const type of ["ipfs", "bittorrent"]) {
  test(`a mirror of type ${type} is kept, and nobody is told that it is used`, async () => {
    const at = ["--home", network.newHome()];
    const add = ["add-mirror", "--url", `${type}://bafy`, "--mirror-type", type, ...at];
    const { stderr } = await succeed(add);
    assert.match(stderr, new RegExp(`downloads over https only: the ${type} mirror is kept .* not used`));
    assert.equal((await json(["list-mirrors", ...at])).mirrors[0].supported, false);
    assert.match((await succeed(["list-mirrors", ...at])).stdout, /not used by this version/);
    await expect(25, ["test-mirrors", ...at]);
    await succeed(["add-mirror", "--url", `${type}://other/`, "--mirror-type", type, ...at]);
    for (const url of [`${type}://bafy`, `${type}://other/`]) await succeed(["remove-mirror", "--url", url, ...at]);
    assert.deepEqual((await json(["list-mirrors", ...at])).mirrors, []);
  });
}

const REFUSED: readonly (readonly [code: number, says: RegExp, url: string, ...more: string[]])[] = [
  [24, /E_FORBIDDEN_ADDRESS: a mirror needs https/, "http://a.example"],
  [24, /E_FORBIDDEN_ADDRESS/, "http://10.0.0.1"],
  [2, /is not an http or https URL/, "ftp://a.example"],
  [2, /is not an http or https URL/, "a.example"],
  [2, /unknown placeholder "\{file\}"/, "https://a.example/{file}"],
  [2, /placeholder outside its path/, "https://{version}.example/x"],
  [2, /--mirror-type must be one of/, "https://a.example", "--mirror-type", "ftp"],
  [2, /--priority must be a whole number/, "https://a.example", "--priority=-1"],
  [2, /--priority must be a whole number/, "https://a.example", "--priority", "1.5"],
];

for (const [code, says, url, ...more] of REFUSED) {
  test(`add-mirror refuses ${[url, ...more].join(" ")}`, async () => {
    const at = ["--home", network.newHome()];
    assert.match((await expect(code, ["add-mirror", "--url", url, ...more, ...at])).stderr, says);
    assert.deepEqual(urlsOf(await json(["list-mirrors", ...at])), []);
  });
}

test("plain http is for this machine, or for whoever asks for it", async () => {
  const at = ["--home", network.newHome()];
  for (const url of ["http://127.0.0.1:8080", "http://localhost:8080/x", "http://[::1]:8080"]) {
    await succeed(["add-mirror", "--url", url, ...at]);
  }
  await succeed(["add-mirror", "--url", "http://10.0.0.1", "--allow-insecure", ...at]);
  assert.equal((await json(["list-mirrors", ...at])).mirrors.length, 4);
});

test("passwords in a URL are not shown in errors", async () => {
  const { stderr } = await expect(2, ["add-mirror", "--url", "https://me:secret@a.example/{x}"]);
  assert.doesNotMatch(stderr, /secret/);
});

test("test-mirrors counts a stale mirror and not a dead one: 2/3 mirrors operational", async () => {
  const fresh = await network.mirror(), stale = await network.mirror(network.oldRepo), dead = await network.mirror();
  await dead.close();
  const home = await network.initialised(fresh.url, stale.url, dead.url);
  const quickly = ["test-mirrors", "--home", home];
  for (const known of ["nothing", "the newest metadata"]) {
    const { stdout } = await succeed(quickly);
    const lines = stdout.trimEnd().split("\n");
    assert.match(lines[0] ?? "", /MIRROR +LATENCY +RATE +FRESHNESS/);
    assert.match(lines[1] ?? "", new RegExp(`✅ ${fresh.url} +\\d+ ms .*fresh \\(timestamp 2\\)`), known);
    assert.match(lines[2] ?? "", new RegExp(`✅ ${stale.url} +\\d+ ms .*stale`), known);
    assert.match(lines[3] ?? "", new RegExp(`❌ ${dead.url} +- +- +unknown +.*connection refused`), known);
    assert.equal(lines[4], "2/3 mirrors operational");
    await succeed(["check", "--home", home]);
  }
  const { operational, total, mirrors } = await json(quickly);
  assert.deepEqual([operational, total], [2, 3]);
  assert.deepEqual(mirrors.map((m: { freshness: string }) => m.freshness), ["fresh", "stale", "unknown"]);
  assert.ok(mirrors[0].bytesPerSecond > 0, "the rate was measured");
});

test("test-mirrors trusts nothing it is given", async () => {
  const liar = await network.mirror();
  liar.serve(new Map([["metadata/timestamp.json", new TextEncoder().encode('{"signed":{},"signatures":[]}')]]));
  const home = await network.initialised(liar.url);
  const { operational, mirrors } = await json(["test-mirrors", "--home", home]);
  assert.deepEqual([operational, mirrors[0].operational], [0, false]);
  assert.match(mirrors[0].code, /^E_(THRESHOLD|MALFORMED)$/);
});

test("of a template only its host is asked before anything is known", async () => {
  const host = await network.mirror();
  const home = network.newHome();
  await succeed(["add-mirror", "--url", `${host.url}/{version}/{name}`, "--home", home]);
  const { operational } = await json(["test-mirrors", "--home", home]);
  assert.equal(operational, 1);
  assert.deepEqual(host.questions.map((q) => q.path), [""]);
});
