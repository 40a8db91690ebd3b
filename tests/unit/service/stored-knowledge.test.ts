// What the daemon trusts: learnt from bundles of anybody, stored before it counts, shared with commands through the disk.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { createHomeTrustStore } from "../../../src/config/trust-store.ts";
import { createStoredKnowledge, type StoredKnowledge } from "../../../src/service/stored-knowledge.ts";
import { writeBundle } from "../../../src/trust/bundle.ts";
import { pinRoot } from "../../../src/trust/client.ts";
import { fails } from "../../support/fails.ts";
import {
  createReleaseRepository,
  NETWORK,
  PLATFORM,
  type ReleaseRepository,
} from "../../support/release-repository.ts";
import { put } from "../../support/signed-file.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { strictClock, updated } from "../../support/trust-client.ts";
import { DAY_MS } from "../../support/tuf-repository.ts";

const NOW = Date.UTC(2026, 0, 1);
const folder = tempFolder("stored-knowledge");
after(() => rmSync(folder, { recursive: true, force: true }));
const o = { signal: new AbortController().signal };
let count = 0;

const followed = (r: ReleaseRepository) => updated(pinRoot(r.pinnedRoot), r.files(), strictClock(NOW));
const bundleOf = (r: ReleaseRepository, network = NETWORK) => writeBundle(followed(r), network);

interface Place {
  readonly repository: ReleaseRepository;
  readonly file: string;
  readonly knowledge: StoredKnowledge;
  /** Timestamp versions after each growth. */
  readonly grown: number[];
}

const CORRUPT = { code: "E_STATE_CORRUPT" };

async function place(nowMs = NOW): Promise<Place> {
  const repository = createReleaseRepository({ seed: `stored knowledge ${count}`, nowMs: NOW });
  const dir = join(folder, String(count++)), file = join(dir, "state.json");
  mkdirSync(dir);
  const store = createHomeTrustStore(file);
  const initial = pinRoot(repository.pinnedRoot);
  await store.save(initial, "complete", o);
  const grown: number[] = [];
  const onGrowth: Parameters<typeof createStoredKnowledge>[0]["onGrowth"] = (_, after) =>
    grown.push(after.timestamp?.signed.version ?? 0);
  const options = { network: NETWORK, store, file, initial, platform: PLATFORM, now: () => nowMs, onGrowth };
  return { repository, file, knowledge: createStoredKnowledge(options), grown };
}

test("what could not be read once is read again, and not taken for known", async () => {
  const { repository, file, knowledge, grown } = await place();
  await knowledge.reload();
  repository.publish();
  await createHomeTrustStore(file).save(followed(repository), "complete", o);
  const whole = readFileSync(file);
  writeFileSync(file, whole.subarray(0, whole.length >> 1));
  for (const _ of [1, 2, 3]) await assert.rejects(knowledge.reload(), CORRUPT);
  writeFileSync(file, whole);
  await knowledge.reload();
  assert.equal(knowledge.state().timestamp?.signed.version, 2);
  assert.deepEqual(grown, [2]);
});

test("the root of another network is not taken over by a node that runs, and no peer is blamed for it", async () => {
  const { repository, file, knowledge, grown } = await place();
  await repository.addRelease("1.0.0");
  repository.publish();
  await knowledge.learn(bundleOf(repository), o);
  const other = createReleaseRepository({
    seed: "another network",
    nowMs: NOW,
    rootFields: { "x-dchat": { network: "othernet" } },
  });
  rmSync(file);
  await createHomeTrustStore(file).save(followed(other), "complete", o);
  const before = knowledge.state();
  await assert.rejects(knowledge.reload(), CORRUPT);
  await assert.rejects(knowledge.learn(bundleOf(repository), o), CORRUPT);
  assert.equal(knowledge.state(), before);
  assert.equal(grown.length, 1);
});

test("a root that renames the network, however rightly signed, is not stored: the home would be another network's", async () => {
  const { repository, file, knowledge, grown } = await place();
  await repository.addRelease("1.0.0");
  repository.publish();
  await knowledge.learn(bundleOf(repository), o);
  const before = readFileSync(file);
  put(repository.draft("root"), ["x-dchat", "network"], "othernet");
  repository.publishRoot();
  repository.publish();
  await assert.rejects(knowledge.learn(bundleOf(repository), o), fails("E_MALFORMED", "othernet"));
  assert.deepEqual(readFileSync(file), before);
  assert.equal(grown.length, 1);
});

test("a bundle is proven, stored and told of; then it is what others are given", async () => {
  const { repository, file, knowledge, grown } = await place();
  await repository.addRelease("1.0.0");
  repository.rotate("timestamp");
  repository.publish();
  assert.equal(knowledge.bundle(), undefined);
  await knowledge.learn(bundleOf(repository), o);
  const stored = await createHomeTrustStore(file).load();
  assert.equal(stored?.timestamp?.signed.version, 2);
  assert.equal(stored?.root.signed.version, 2);
  assert.deepEqual(grown, [2]);
  assert.deepEqual(knowledge.bundle(), bundleOf(repository));
  await knowledge.learn(bundleOf(repository), o);
  assert.deepEqual(grown, [2], "the same again is no growth");
});

test("a lie leaves everything as it was", async () => {
  const { repository, file, knowledge, grown } = await place();
  const before = readFileSync(file);
  const other = createReleaseRepository({ seed: "somebody else", nowMs: NOW });
  await assert.rejects(knowledge.learn(bundleOf(other), o), fails("E_UNTRUSTED_KEY"));
  await assert.rejects(knowledge.learn(bundleOf(repository, "mainnet"), o), fails("E_MALFORMED", "mainnet"));
  await assert.rejects(knowledge.learn(new TextEncoder().encode("{}"), o), fails("E_MALFORMED"));
  assert.deepEqual(readFileSync(file), before);
  assert.deepEqual(grown, []);
});

test("what has expired is not learnt", async () => {
  const { repository, knowledge, grown } = await place(NOW + 3 * DAY_MS);
  await assert.rejects(knowledge.learn(bundleOf(repository), o), fails("E_EXPIRED"));
  assert.deepEqual(grown, []);
});

test("an older bundle takes nothing away", async () => {
  const { repository, knowledge, grown } = await place();
  const older = bundleOf(repository);
  repository.publish();
  await knowledge.learn(bundleOf(repository), o);
  await assert.rejects(knowledge.learn(older, o), fails("E_ROLLBACK"));
  assert.deepEqual(grown, [2]);
});

test("what another process has stored is known at the next look", async () => {
  const { repository, file, knowledge, grown } = await place();
  await knowledge.reload();
  assert.deepEqual(grown, []);
  await createHomeTrustStore(file).save(followed(repository), "complete", o);
  await knowledge.reload();
  assert.deepEqual(grown, [1]);
  assert.equal(knowledge.state().timestamp?.signed.version, 1);
});

test("bundles that come together are taken one after another, and the newest stays", async () => {
  const { repository, knowledge } = await place();
  const bundles = [1, 2, 3].map(() => {
    repository.publish();
    return bundleOf(repository);
  });
  await Promise.allSettled([bundles[1]!, bundles[2]!, bundles[0]!].map((b) => knowledge.learn(b, o)));
  assert.equal(knowledge.state().timestamp?.signed.version, 4);
});
