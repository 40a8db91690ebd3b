// governance propose, vote, list, show and cancel through the bundled file: on a repository and in a home.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createGovernedRepository } from "../support/governed-repository.ts";
import { createNetwork, expect, json, succeed } from "./network.ts";

const network = await createNetwork();
const folder = join(network.folder, "governed");
mkdirSync(folder);
const governed = createGovernedRepository(folder);
const mirror = await network.mirror(governed.repo);
const now = ["--current-height", "200"];
let files = 0;
const fresh = () => join(folder, `file-${files++}.json`);

/** A home that knows what is published. */
async function home(): Promise<string[]> {
  const at = ["--home", network.newHome()];
  await succeed(["init", "--repo", mirror.url, "--root", governed.root, ...at]);
  await succeed(["check", "--platform", "linux-x64", ...at]);
  return at;
}

/** A copy of the repository, for one test. */
const copy = () => ["--repo", governed.copy(`copy-${files++}`)];

test("show says who has voted, what is missing, and when it would take effect", async () => {
  const at = copy(), file = fresh();
  await succeed(["governance", "cancel", "1", "--output", file, ...now, ...at]);
  await succeed(["governance", "vote", file, "--key", governed.governor("a"), ...at]);
  const { stdout } = await succeed(["governance", "show", file, ...now, ...at]);
  assert.match(stdout, /cancels 1/);
  assert.match(stdout, /governor [0-9a-f]{64}, weight 40/);
  assert.equal(stdout.match(/not yet: governor/g)?.length, 2);
  assert.match(stdout, /weight 40 of 51 needed \(all governors: 100\), 11 missing/);
  assert.match(stdout, /complete before block 990, 790 blocks from now/);
});

test("votes come in any order, by files that meet in a place", async () => {
  const at = copy(), [proposal, one, two] = [fresh(), fresh(), fresh()];
  await succeed(["governance", "cancel", "1", "--output", proposal, ...now, ...at]);
  for (const [file, name] of [[two, "c"], [one, "a"]] as const) {
    const elsewhere = copy();
    const args = [proposal, "--key", governed.governor(name), "--output", file, ...elsewhere];
    assert.equal((await json(["governance", "vote", ...args])).certificate.status, "voting");
  }
  const merged = await json(["governance", "vote", two, one, two, "--output", fresh(), ...at]);
  assert.deepEqual([merged.added.length, merged.certificate.weight, merged.certificate.status], [2, 70, "effective"]);
  const again = await json(["governance", "vote", one, two, ...at]);
  assert.deepEqual([again.added, again.certificate.weight], [[], 70]);
});

test("a home keeps votes, shows them, and hands them on as a file", async () => {
  const at = await home(), file = fresh();
  await succeed(["governance", "cancel", "1", "--key", governed.governor("a"), ...now, ...at]);
  const { certificate } = await json(["governance", "show", ...at]);
  assert.deepEqual([certificate.sequence, certificate.status, certificate.weight], [2, "voting", 40]);
  await succeed(["governance", "vote", "--sequence", "2", "--output", file, ...at]);
  const other = copy();
  assert.equal((await json(["governance", "vote", file, ...other])).certificate.weight, 40);
  // A check brings nothing that voids them.
  await succeed(["check", "--platform", "linux-x64", ...at]);
  assert.equal((await json(["governance", "list", ...at])).certificates.length, 2);
});

test("an external signer votes for a public key", async () => {
  const at = copy(), file = fresh(), secret = governed.governor("c");
  await succeed(["governance", "cancel", "1", "--output", file, ...now, ...at]);
  const signer = `openssl pkeyutl -sign -rawin -inkey '${secret}' -in "$DCHAT_FILE"`;
  const pub = secret.replace(".pem", ".pub");
  const voted = await json(["governance", "vote", file, "--key", pub, "--external-signer", signer, ...at]);
  assert.equal(voted.certificate.weight, 30);
});

test("what must not be signed is not signed", async () => {
  const at = copy(), file = fresh();
  const vote = (name: string, code: number, target = file, ...more: string[]) =>
    expect(code, ["governance", "vote", target, "--key", name, ...more, ...at]);
  const upgrade = ["--version", "1.0.0", "--height", "2000", "--output"];
  await succeed(["governance", "propose", ...upgrade, file, ...now, ...at]);
  await vote(governed.key, 32); // a release key
  await vote(governed.governor("a"), 0);
  const rival = fresh();
  await succeed(["governance", "cancel", "1", "--output", rival, ...now, ...at]);
  await vote(governed.governor("a"), 16, rival); // a second one of that sequence
  await vote(governed.governor("b"), 16, file, "--current-height", "1990"); // expired
  const altered = fresh();
  writeFileSync(altered, readFileSync(file, "utf8").replace(/"sha256":"[0-9a-f]{8}/, '"sha256":"00000000'));
  await vote(governed.governor("b"), 31, altered); // its vote does not verify any more
  const bare = fresh();
  const text = readFileSync(altered, "utf8").replace(/"signatures":\[[^\]]*\]/, '"signatures":[]');
  writeFileSync(bare, text);
  await vote(governed.governor("b"), 19, bare); // other bytes than are released
  assert.equal((await json(["governance", "show", file, ...at])).certificate.weight, 40);
});

test("a proposal that cannot be is refused before anybody sees it", async () => {
  const at = copy(), output = ["--output", fresh()];
  const propose = (code: number, ...args: string[]) =>
    expect(code, ["governance", "propose", ...args, ...output, ...at]);
  await propose(26, "--version", "3.0.0", "--height", "2000", ...now);
  await propose(16, "--version", "1.0.0", "--height", "205", ...now); // within the lead
  await propose(16, "--version", "1.0.0", "--height", "900", ...now); // below what is in force
  await propose(2, "--version", "1.0.0", "--height", "2000"); // without the chain's height
  await propose(2, "--version", "1.0.0", "--height", "2000", "--switch", "at", "--switch-from", "1900", ...now);
  await expect(16, ["governance", "cancel", "7", ...output, ...now, ...at]);
  await expect(16, ["governance", "cancel", "1", "--current-height", "995", ...output, ...at]); // too late
  await expect(2, ["governance", "cancel", "1", ...now, ...at]); // neither file nor key
  assert.throws(() => readFileSync(output[1] ?? ""));
});

test("a replacement may have a lower height, and a file is never overwritten", async () => {
  const at = copy(), file = fresh();
  const args = ["--version", "1.0.0", "--height", "900", "--replaces", "1", "--output", file, ...now, ...at];
  const { certificate } = await json(["governance", "propose", ...args]);
  assert.deepEqual([certificate.replaces, certificate.expiresHeight], [[1], 890]);
  await expect(2, ["governance", "propose", ...args]);
});

test("without governors there is nothing to propose, and list says so", async () => {
  const at = ["--repo", network.repo];
  const propose = ["--version", "1.0.0", "--height", "2000", "--output", fresh(), ...now];
  await expect(14, ["governance", "propose", ...propose, ...at]);
  assert.equal((await json(["governance", "list", ...at])).governed, false);
});

test("list-versions and check show what is approved, and from which height", async () => {
  const at = await home();
  const { versions: [version] } = await json(["list-versions", "--all-platforms", ...at]);
  assert.deepEqual([version.approved, version.activationHeight], ["approved", 1000]);
  const { versions: [checked] } = await json(["check", "--platform", "linux-x64", ...at]);
  assert.deepEqual([checked.approved, checked.activationHeight], ["approved", 1000]);
  const { stdout } = await succeed(["list-versions", "--all-platforms", ...at]);
  assert.match(stdout, /approved +1000/);
});

test("a state of before there was a schedule is readable, and fills up at the next check", async () => {
  const at = await home();
  const file = join(at[1] ?? "", "trust", "state.json");
  const { schedule: _, ...old } = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify(old));
  assert.equal((await json(["governance", "list", ...at])).head, null);
  await succeed(["check", "--platform", "linux-x64", ...at]);
  assert.equal((await json(["governance", "list", ...at])).head, 1);
  rmSync(file);
  await expect(43, ["governance", "list", ...at]);
});
