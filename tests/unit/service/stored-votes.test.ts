// Votes as the long-running node keeps them: on the disk before they count, beside commands that do the same.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { createHomeTrustStore } from "../../../src/config/trust-store.ts";
import { createStoredKnowledge } from "../../../src/service/stored-knowledge.ts";
import { withSignatures } from "../../../src/trust/certificate.ts";
import { approvedUpgrades } from "../../../src/trust/effect.ts";
import { countNewVotes } from "../../../src/trust/votes.ts";
import { fails } from "../../support/fails.ts";
import { activation, createGovernedNetwork, learnt, signed } from "../../support/governed-network.ts";
import { NETWORK, PLATFORM } from "../../support/release-repository.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const folder = tempFolder("stored-votes");
after(() => rmSync(folder, { recursive: true, force: true }));
const o = { signal: new AbortController().signal };
const network = createGovernedNetwork({ seed: "stored votes" });
const first = activation(undefined);
let count = 0;

async function place() {
  const file = join(folder, String(count++), "state.json"), store = createHomeTrustStore(file);
  const initial = network.state();
  await store.save(initial, "complete", o);
  const grown: number[] = [];
  const knowledge = createStoredKnowledge({
    network: NETWORK,
    store,
    file,
    initial,
    platform: PLATFORM,
    now: () => network.repo.nowMs,
    onGrowth: (before, after) => void grown.push(countNewVotes(before, after)),
  });
  /** What a process that starts now knows. */
  const stored = async () => {
    const state = await store.load();
    assert.ok(state !== undefined);
    return state;
  };
  return { store, knowledge, grown, stored };
}

test("votes are stored one by one, told of, and complete a certificate that every later process knows", async () => {
  const { knowledge, grown, stored } = await place();
  for (const name of ["a", "b", "c"]) {
    const [taken] = await knowledge.votes.learn([signed(first, name)], o);
    assert.equal(taken?.added.length, 1);
  }
  assert.deepEqual(grown, [1, 1, 1]);
  assert.equal(approvedUpgrades(knowledge.state()).length, 1);
  assert.equal(approvedUpgrades(await stored()).length, 1);
  const [again] = await knowledge.votes.learn([signed(first, "a")], o);
  assert.deepEqual([again?.outcome, grown.length], ["known", 3]);
});

test("a vote that a command stores meanwhile is noticed, and neither loses the other's", async () => {
  const { store, knowledge, grown, stored } = await place();
  await knowledge.votes.learn([signed(first, "a")], o);
  await store.addSchedule(learnt(network.state(), signed(first, "b")).schedule, o);
  await knowledge.votes.learn([signed(first, "c")], o);
  assert.deepEqual(grown, [1, 2]);
  await knowledge.reload();
  assert.equal(approvedUpgrades(await stored()).length, 1);
});

test("of a list with a lie in it what comes before is kept, and the lie is told", async () => {
  const { knowledge, stored } = await place();
  const genuine = signed(first, "b");
  const [id = "", hex = ""] = [...genuine.signatures][0] ?? [];
  const forged = withSignatures(genuine, new Map([[id, hex.replace(/^../, "00")]]));
  await assert.rejects(
    knowledge.votes.learn([signed(first, "a"), forged, signed(first, "c")], o),
    fails("E_SIGNATURE"),
  );
  assert.equal((await stored()).schedule.certificates.get(genuine.sha256)?.signatures.size, 1);
});
