// Key rotations as the library's TUF client sees them: chains of roots, and the recovery from versions that an attacker
// drove to the end of the range. TUF 5.3.4, 5.3.11.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ErrorCode } from "../../dchat-update.ts";
import { keyObject } from "../../src/trust/keys.ts";
import { fails } from "../support/fails.ts";
import { type MutableObject, put, type TestKey } from "../support/signed-file.ts";
import type { TopLevelRole } from "../../src/trust/metadata.ts";
import { createTufScene, type TufScene } from "./tuf-scene.ts";

/** Keys are numbers; the same number is the same key. */
interface Rule {
  readonly keys: readonly number[];
  readonly threshold: number;
  readonly sigs: readonly number[];
}
const rule = (keys: number[], threshold: number, sigs: number[]): Rule => ({ keys, threshold, sigs });

function createKeys(scene: TufScene): (n: number) => TestKey {
  const keys = Array.from({ length: 10 }, () => scene.repo.newKey());
  return (n) => keys[n] ?? assert.fail(`no key ${n}`);
}

/** Gives a role new keys in the root's draft, and new signers. */
function apply(scene: TufScene, role: TopLevelRole, r: Rule, key: (n: number) => TestKey): void {
  const { repo } = scene;
  const root = repo.draft("root");
  for (const n of r.keys) put(root, ["keys", key(n).id], keyObject(key(n).publicKey) as MutableObject);
  put(root, ["roles", role], { keyids: r.keys.map((n) => key(n).id), threshold: r.threshold });
  repo.signers(role).splice(0, Infinity, ...r.sigs.map(key));
}

const FIVE = [0, 1, 2, 3, 4], OTHER_FIVE = [5, 6, 7, 8, 9], ONE_ROTATED = [0, 1, 3, 4, 5];

const chains: Record<string, [ErrorCode | "accepted", ...Rule[]]> = {
  "a key replaced by another": ["accepted", rule([1], 1, [1]), rule([2], 1, [2, 1]), rule([2], 1, [2])],
  "signatures of strangers among the right ones": [
    "accepted",
    rule([1], 1, [3, 1, 4]),
    rule([2], 1, [3, 2, 1, 4]),
    rule([2], 1, [3, 2, 4]),
  ],
  "three of five, other three each time": [
    "accepted",
    ...[[0, 2, 4], [0, 4, 1], [0, 1, 3], [1, 2, 3]].map((sigs) => rule(FIVE, 3, sigs)),
  ],
  "one of five replaced": ["accepted", rule(FIVE, 3, [0, 2, 4]), rule(ONE_ROTATED, 3, [0, 4, 1])],
  "one of five replaced, signed by old and new": [
    "accepted",
    rule(FIVE, 3, [0, 2, 4]),
    rule(ONE_ROTATED, 3, [0, 2, 4, 5]),
    rule(ONE_ROTATED, 3, [0, 4, 5]),
  ],
  "all five replaced": [
    "accepted",
    rule(FIVE, 3, [0, 2, 4]),
    rule(OTHER_FIVE, 3, [0, 2, 4, 5, 6, 7]),
    rule(OTHER_FIVE, 3, [5, 6, 7]),
  ],
  "a threshold raised": ["accepted", rule([1, 2, 3], 1, [1]), rule([1, 2, 3], 2, [1, 2])],
  "a threshold raised with a new key": ["accepted", rule([1], 1, [1]), rule([1, 2], 2, [1, 2])],
  "a threshold lowered": [
    "accepted",
    rule([1, 2, 3], 2, [1, 2]),
    rule([1, 2, 3], 1, [1, 2]),
    rule([1, 2, 3], 1, [1]),
  ],
  "a key replaced without the old one's word": ["E_UNTRUSTED_KEY", rule([1], 1, [1]), rule([2], 1, [2, 3, 4])],
  "a key replaced without the new one's word": ["E_UNTRUSTED_KEY", rule([1], 1, [1]), rule([2], 1, [1, 3, 4])],
  "one of five replaced with too few of the new": [
    "E_THRESHOLD",
    rule(FIVE, 3, [0, 2, 4]),
    rule(ONE_ROTATED, 3, [0, 2, 4]),
  ],
  "one of five replaced with too few of the old": [
    "E_THRESHOLD",
    rule(FIVE, 3, [0, 2, 4]),
    rule(ONE_ROTATED, 3, [0, 4, 5]),
  ],
  "a raised threshold not reached": ["E_THRESHOLD", rule([1, 2, 3], 1, [1]), rule([1, 2, 3], 2, [2])],
  "a lowered threshold before the old one was reached": [
    "E_THRESHOLD",
    rule([1, 2, 3], 2, [1, 2]),
    rule([1, 2, 3], 1, [1]),
  ],
};

describe("a chain of roots", () => {
  for (const [what, [verdict, ...rules]] of Object.entries(chains)) {
    test(`with ${what} is ${verdict === "accepted" ? "followed" : "followed up to there"}`, async () => {
      const scene = await createTufScene({ seed: what });
      const key = createKeys(scene);
      const roots = rules.map((r) => {
        apply(scene, "root", r, key);
        scene.repo.publishRoot();
        return scene.repo.bytes("root");
      });
      const client = scene.client();
      await client.init(roots[0] ?? assert.fail());
      if (verdict === "accepted") await client.refresh();
      else await assert.rejects(client.refresh(), fails(verdict));
      const last = verdict === "accepted" ? roots.at(-1) : roots.at(-2);
      assert.deepEqual(await client.stored("root.json"), last);
    });
  }

  test("is followed from any root on, one version at a time", async () => {
    const scene = await createTufScene({ seed: "long chain" });
    for (let i = 0; i < 40; i++) scene.repo.rotate("root");
    const client = scene.client();
    await client.init(scene.repo.pinnedRoot);
    await client.refresh();
    assert.equal((await client.trusted())["root"], 41);
    const roots = scene.takeAsked().filter((path) => path.endsWith(".root.json"));
    assert.deepEqual(roots, Array.from({ length: 41 }, (_, i) => `${i + 2}.root.json`));
  });

  test("must hold the version that was asked for", async () => {
    const scene = await createTufScene({ seed: "skips" });
    const { repo } = scene;
    const client = scene.client();
    await client.init(repo.pinnedRoot);
    repo.draft("root")["version"] = 2;
    repo.publishRoot(); // version 3
    scene.lies.set("2.root.json", repo.bytes("root"));
    await assert.rejects(client.refresh(), fails("E_ROLLBACK", "holds version 3"));
    scene.lies.set("2.root.json", repo.pinnedRoot);
    await assert.rejects(client.refresh(), fails("E_ROLLBACK", "holds version 1"));
    assert.deepEqual(await client.stored("root.json"), repo.pinnedRoot);
  });
});

const rotations: Record<string, [ErrorCode | "accepted", Rule]> = {
  "a new key": ["accepted", rule([2], 1, [2])],
  "a stranger's signatures besides": ["accepted", rule([1], 1, [3, 1, 4])],
  "three of five": ["accepted", rule(FIVE, 3, [2, 3, 4])],
  "strangers' signatures alone": ["E_UNTRUSTED_KEY", rule([2], 1, [1, 3, 4])],
  "two of three that are needed and a stranger's": ["E_THRESHOLD", rule(ONE_ROTATED, 3, [0, 2, 4])],
  "two of three that are needed": ["E_THRESHOLD", rule(ONE_ROTATED, 3, [0, 4])],
};

for (const role of ["timestamp", "snapshot", "targets"] as const) {
  describe(`new keys of ${role}`, () => {
    for (const [what, [verdict, r]] of Object.entries(rotations)) {
      test(`with ${what} are ${verdict === "accepted" ? "followed" : "not enough"}`, async () => {
        const scene = await createTufScene({ seed: `${role} ${what}` });
        const client = scene.client();
        await client.init(scene.repo.pinnedRoot);
        await client.refresh();
        apply(scene, role, r, createKeys(scene));
        scene.repo.publishRoot();
        scene.repo.publish();
        if (verdict === "accepted") await client.refresh();
        else await assert.rejects(client.refresh(), fails(verdict, `${role}.json`));
        const trusted = await client.trusted();
        assert.equal(trusted["root"], 2);
        const isOld = trusted[role] === undefined || trusted[role] === 1; // what a rotated key signed may be gone
        assert.equal(isOld, verdict !== "accepted");
      });
    }
  });
}

for (const role of ["timestamp", "snapshot"] as const) {
  test(`what a replaced key of ${role} signed is gone before anything new is there`, async () => {
    const scene = await createTufScene({ seed: `gone ${role}` });
    const client = scene.client();
    await client.init(scene.repo.pinnedRoot);
    await client.refresh();
    scene.repo.rotate(role);
    scene.lies.set("timestamp.json", undefined);
    await assert.rejects(client.refresh(), fails("E_ABSENT"));
    assert.deepEqual(await client.trusted(), { root: 2, targets: 1 });
  });
}

describe("after a version at the end of the range", () => {
  const last = Number.MAX_SAFE_INTEGER;
  // A parent's record of the version has to go with the role's own: section 6.1 of the specification.
  const remedies: [TopLevelRole, TopLevelRole[]][] = [
    ["timestamp", ["timestamp"]],
    ["snapshot", ["timestamp", "snapshot"]],
    ["targets", ["snapshot"]],
  ];
  for (const [role, rotated] of remedies) {
    test(`of ${role}, new keys let it start again, and nothing else does`, async () => {
      const scene = await createTufScene({ seed: `fast-forward ${role}` });
      const { repo } = scene;
      const client = scene.client();
      await client.init(repo.pinnedRoot);
      repo.draft(role)["version"] = last - 1;
      repo.publish();
      await client.refresh();
      assert.equal((await client.trusted())[role], last);

      repo.draft(role)["version"] = 1;
      repo.publish();
      await assert.rejects(client.refresh(), fails("E_ROLLBACK"));
      assert.equal((await client.trusted())[role], last);

      for (const name of rotated) repo.rotate(name);
      repo.publish();
      await client.refresh();
      assert.equal((await client.trusted())[role], 3);
    });
  }
});
