// The lie: a mirror that hides the cancellation of an upgrade, so that nodes go on to switch.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { filesOf } from "../cli/network.ts";
import { createGovernedRepository } from "../support/governed-repository.ts";
import type { Operator } from "../support/operator.ts";
import { createStage } from "../support/scene.ts";

const folder = mkdtempSync(join(tmpdir(), "dchat-withheld-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const network = createGovernedRepository(folder);
const stage = await createStage();
const keys = ["--key", network.governor("a"), "--key", network.governor("c")];
const before = filesOf(network.repo);
network.governance("cancel", "1", "--current-height", "200", ...keys);
network.publish();
const honest = filesOf(network.repo);
const pinnedRoot = readFileSync(network.root);

const withheld = new Map(honest);
withheld.delete("schedule/2.json");

async function list(operator: Operator) {
  return JSON.parse((await operator.succeed("governance", "list", "--json")).stdout);
}

const heights = (document: { versions: { approved: string; activationHeight: number | null }[] }) =>
  document.versions.map((v) => [v.approved, v.activationHeight]);

test("it is noticed: the node learns everything else and switches to nothing", async () => {
  const operator = await stage.operator({ pinnedRoot });
  stage.liar.serve(before);
  await operator.succeed("check");
  assert.deepEqual((await list(operator)).obstacles, []);
  stage.liar.serve(withheld);
  const said = await operator.succeed("check");
  assert.match(said.stderr, /names certificate 2, this node has those up to 1/);
  assert.match(said.stderr, /switches to nothing/);
  assert.deepEqual((await list(operator)).obstacles.map((o: { code: string }) => o.code), ["E_WITHHELD"]);
});

test("another mirror has it, and the one that withheld it is named", async () => {
  const operator = await stage.operator({ pinnedRoot, mirrors: [stage.liar.url, stage.honest.url] });
  stage.liar.serve(withheld);
  stage.honest.serve(honest);
  const document = JSON.parse((await operator.succeed("list-versions", "--all-platforms", "--json")).stdout);
  assert.deepEqual(heights(document), [["cancelled", null]]);
  assert.equal(document.mirrors.find((m: { url: string }) => m.url === stage.liar.url).status, "stale");
  assert.deepEqual((await list(operator)).obstacles, []);
});

test("an older snapshot, from before the cancellation, is no way back", async () => {
  const operator = await stage.operator({ pinnedRoot });
  stage.liar.serve(honest);
  await operator.succeed("check");
  stage.liar.serve(before);
  await operator.run("check");
  const document = JSON.parse(
    (await operator.succeed("list-versions", "--offline", "--all-platforms", "--json")).stdout,
  );
  assert.deepEqual(heights(document), [["cancelled", null]]);
});
