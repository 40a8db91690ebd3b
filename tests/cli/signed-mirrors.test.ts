// Mirrors that the release keys have signed, as the operator meets them. docs/cli.md, "Signed mirrors".
import assert from "node:assert/strict";
import { cpSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { LyingMirror } from "../support/lying-mirror.ts";
import { createNetwork, expect, filesOf, json, PLATFORM, succeed } from "./network.ts";

const network = await createNetwork();
const signedMirror = await network.mirror(), second = await network.mirror();

interface Entry {
  readonly url: string;
  readonly priority: number;
  readonly kind?: string;
  readonly region?: string;
}

let count = 0;
/** A copy of the repository that is published with this list. */
async function withList(...entries: readonly Entry[]): Promise<string> {
  const repo = join(network.folder, `listed-${count++}`), file = `${repo}.json`;
  cpSync(network.repo, repo, { recursive: true });
  const mirrors = entries.map((e) => ({ kind: "https", ...e }));
  writeFileSync(file, JSON.stringify({ format: "dchat-mirrors-1", mirrors }));
  await succeed(["release", "mirrors", repo, file]);
  await succeed(["release", "publish", repo, "--key", network.key]);
  return repo;
}

const repo = await withList(
  { url: signedMirror.url, region: "eu", priority: 100 },
  { url: second.url, priority: 5 },
  { url: "https://127.0.0.1:9/inside", priority: 100 },
  { url: "ipfs://bafy", kind: "ipfs", priority: 100 },
);
for (const m of [signedMirror, second]) m.serve(filesOf(repo));
// The test mirrors are on this machine, where nobody but the operator himself may send a node.
const PRIVATE = "--allow-private";

interface Listed extends Entry {
  readonly origin: string;
}
async function listed(home: string): Promise<[string, string][]> {
  const { mirrors } = await json(["list-mirrors", "--home", home]);
  return mirrors.map((m: Listed) => [m.url, m.origin]);
}
const asked = (m: LyingMirror) => m.questions.length > 0;

test("after a check they are listed behind the operator's own, and asked from then on", async () => {
  const own = await network.mirror(repo);
  const home = await network.initialised(own.url), at = ["--home", home];
  for (const m of [signedMirror, second]) m.serve(filesOf(repo));
  await succeed(["check", PRIVATE, ...at]);
  assert.ok(!asked(signedMirror) && !asked(second), "nobody knew them before");
  assert.deepEqual(await listed(home), [
    [second.url, "signed"], // its priority is a lower number
    [own.url, "config"],
    [signedMirror.url, "signed"],
    ["https://127.0.0.1:9/inside", "signed"],
    ["ipfs://bafy", "signed"],
  ]);
  const { stdout } = await succeed(["list-mirrors", ...at]);
  assert.match(stdout, new RegExp(`${own.url}$`, "m"));
  assert.match(
    stdout,
    /127\.0\.0\.1:9\/inside +signed by the release keys; not used without --allow-insecure or --allow-/,
  );

  await own.close();
  const { mirrors } = await json(["check", PRIVATE, ...at]);
  assert.deepEqual(mirrors.map((m: { url: string; status: string }) => [m.url, m.status]), [
    [second.url, "ok"],
    [own.url, "failed"],
    [signedMirror.url, "ok"],
    ["https://127.0.0.1:9/inside", "failed"],
  ]);
  const got = await json(["download", "--version", "1.0.0", "--platform", PLATFORM, PRIVATE, ...at]);
  assert.equal(got.source, second.url);
  assert.equal((await json(["test-mirrors", PRIVATE, "--connect-timeout", "1", ...at])).operational, 2);
});

test("they are not asked where they lead into a private network, unless that is allowed", async () => {
  const own = await network.mirror(repo);
  const home = await network.initialised(own.url);
  await succeed(["check", "--home", home]);
  for (const m of [signedMirror, second]) m.serve(filesOf(repo));
  const { mirrors } = await json(["check", "--home", home]);
  assert.deepEqual(mirrors.map((m: { url: string }) => m.url), [own.url]);
  assert.ok(!asked(signedMirror) && !asked(second));
  const tested = await json(["test-mirrors", "--home", home]);
  assert.equal(tested.total, 1);
});

test("an operator's entry for the same place stays as it is, and comes back when it is removed", async () => {
  const own = await network.mirror(repo);
  const home = await network.initialised(own.url), at = ["--home", home];
  await succeed(["add-mirror", "--url", `${signedMirror.url}/`, "--priority", "900", "--region", "home", ...at]);
  await succeed(["check", ...at]);
  const { mirrors } = await json(["list-mirrors", ...at]);
  const same = mirrors.filter((m: Listed) => m.url === signedMirror.url);
  assert.deepEqual(same.map((m: Listed) => [m.origin, m.priority, m.region]), [["config", 900, "home"]]);
  await succeed(["remove-mirror", "--url", signedMirror.url, ...at]);
  assert.ok((await listed(home)).some(([url, origin]) => url === signedMirror.url && origin === "signed"));
});

test("remove-mirror of a signed one says what to do, and an operator can do without them", async () => {
  const own = await network.mirror(repo);
  const home = await network.initialised(own.url), at = ["--home", home];
  await succeed(["check", ...at]);
  const { stderr } = await expect(2, ["remove-mirror", "--url", signedMirror.url, ...at]);
  assert.match(
    stderr,
    /is not yours to remove: the release keys have signed it\n {2}use no signed mirrors: configure-mir/,
  );
  await succeed(["configure-mirrors", "--no-signed-mirrors", ...at]);
  assert.deepEqual(await listed(home), [[own.url, "config"]]);
  assert.equal((await json(["show-config", ...at])).signedMirrors, false);
  for (const m of [signedMirror, second]) m.serve(filesOf(repo));
  await succeed(["check", PRIVATE, ...at]);
  assert.ok(!asked(signedMirror) && !asked(second));
  await succeed(["configure-mirrors", "--signed-mirrors", ...at]);
  assert.equal((await listed(home)).length, 5);
});

test("whoever wants no signed mirrors does not ask for the list", async () => {
  const own = await network.mirror(repo);
  const home = await network.initialised(own.url);
  await succeed(["configure-mirrors", "--no-signed-mirrors", "--home", home]);
  await succeed(["check", "--home", home]);
  assert.ok(own.questions.every((q) => !q.path.endsWith("mirrors.json")));
  assert.equal(existsSync(join(home, "trust", "mirrors.json")), false);
});

test("the list is fetched once, and again when another is signed", async () => {
  const own = await network.mirror(repo);
  const home = await network.initialised(own.url);
  const fetched = () => own.questions.filter((q) => q.path.endsWith(".mirrors.json")).length;
  await succeed(["check", "--home", home]);
  await succeed(["check", "--home", home]);
  assert.equal(fetched(), 1);
  const file = join(network.folder, "next.json"), next = join(network.folder, "next");
  cpSync(repo, next, { recursive: true });
  writeFileSync(file, JSON.stringify({ format: "dchat-mirrors-1", mirrors: [] }));
  await succeed(["release", "mirrors", next, file]);
  await succeed(["release", "publish", next, "--key", network.key]);
  own.serve(filesOf(next));
  await succeed(["check", "--home", home]);
  assert.equal(fetched(), 1);
  assert.deepEqual(await listed(home), [[own.url, "config"]]);
});

test("one-shot verify takes bundles with a list and without, and opens none of it", async () => {
  const file = network.packageFile("1.0.0");
  for (const bundle of [network.bundle, join(repo, "bundle.json")]) {
    const verify = ["verify", "--package", file, "--bundle", bundle, "--root", network.rootFile];
    await succeed([...verify, "--home", network.newHome()]);
  }
});

test("a damaged trust state hides the signed mirrors and not the operator's own", async () => {
  const own = await network.mirror(repo);
  const home = await network.initialised(own.url);
  await succeed(["check", "--home", home]);
  writeFileSync(join(home, "trust", "state.json"), "{");
  assert.deepEqual(await listed(home), [[own.url, "config"]]);
  await succeed(["remove-mirror", "--url", own.url, "--home", home]);
});
