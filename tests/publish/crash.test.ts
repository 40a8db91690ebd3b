// A publisher that dies at any write: the same command, run again, completes the work, and readers never notice.
// The death is a write that throws with nothing after it; the last test kills a real process.
import assert from "node:assert/strict";
import { once } from "node:events";
import { cp, readdir, stat } from "node:fs/promises";
import { describe, test } from "node:test";
import { createRepositoryFiles, loadRepository, type RepositoryFiles } from "../../src/publish/repository.ts";
import { publish } from "../../src/publish/publish.ts";
import { readBundle } from "../../src/trust/bundle.ts";
import { scheduleHead } from "../../src/trust/effect.ts";
import { runScript } from "../support/run-script.ts";
import { createMaintainer, type Maintainer, publishedFiles } from "./maintainer.ts";
import { pinned, readAll, readBundleOf, releasesOf, versionsOf } from "./reader.ts";

class Died extends Error {}

/** The repository's files, until `lives` changes have been made. */
function dyingFiles(folder: string, lives: number): RepositoryFiles {
  const inner = createRepositoryFiles(folder);
  let left = lives;
  const breathe = () => {
    if (left-- <= 0) throw new Died();
  };
  return {
    ...inner,
    write(path, bytes) {
      breathe();
      return inner.write(path, bytes);
    },
    remove(path) {
      breathe();
      return inner.remove(path);
    },
  };
}

async function publishAs(m: Maintainer, files: RepositoryFiles, keys: string[]): Promise<void> {
  await publish(files, {
    what: "staged",
    signers: await m.signer(...keys),
    nowMs: m.nowMs,
    lifetimes: {},
    renew: new Set(),
    signal: AbortSignal.timeout(60_000),
  });
}

interface Scenario {
  readonly name: string;
  readonly keys: string[];
  readonly prepare: (m: Maintainer) => Promise<unknown>;
  readonly after: Record<string, number>;
  /** Readers are promised a valid repository at the moment of death as well. */
  readonly gapless: boolean;
}

const addNext = async (m: Maintainer) =>
  m.run("add repo --version 1.1.0 --platform linux-x64", await m.file("dchat-1.1.0"));

const SCENARIOS: Scenario[] = [
  {
    name: "a release",
    keys: ["k"],
    prepare: addNext,
    after: { root: 1, targets: 2, snapshot: 2, timestamp: 2 },
    gapless: true,
  },
  {
    name: "a release and a root with another key for all roles",
    keys: ["k", "k2"],
    async prepare(m) {
      await m.keygen("k2");
      await m.run("rotate-root repo --key k2.pem");
      await addNext(m);
    },
    after: { root: 2, targets: 2, snapshot: 2, timestamp: 2 },
    gapless: true,
  },
  {
    name: "a release and a root that replaces a lost timestamp key",
    keys: ["k", "c2"],
    async prepare(m) {
      await m.keygen("c2");
      await m.run("rotate-root repo --timestamp-key c2.pem");
      await addNext(m);
    },
    after: { root: 2, targets: 2, snapshot: 2, timestamp: 2 },
    gapless: false,
  },
  {
    name: "a release and a certificate",
    keys: ["k"],
    async prepare(m) {
      await m.keygen("g");
      const chain = "--chain-kind evm --chain-genesis 0xabc --chain-finality depth:12 --min-lead-blocks 10";
      await m.run(`rotate-root repo --key k.pem --governor g.pub:1 ${chain}`);
      await m.run("publish repo --key k.pem");
      await m.run("governance propose --repo repo --version 1.0.0 --height 1000 --current-height 1 --key g.pem");
      await addNext(m);
    },
    after: { root: 2, targets: 2, snapshot: 2, timestamp: 2 },
    gapless: true,
  },
];

/** A repository with one release, and the scenario staged; copied for every death. */
async function prepared(scenario: Scenario): Promise<Maintainer> {
  const m = createMaintainer();
  await m.keygen("k");
  await m.keygen("c");
  await m.run(`init repo --network testnet --key k.pem ${scenario.gapless ? "" : "--timestamp-key c.pem"}`);
  await m.run("add repo --version 1.0.0 --platform linux-x64", await m.file("dchat"));
  await m.run("publish repo --key k.pem --key c.pem");
  await scenario.prepare(m);
  await cp(m.path("repo"), m.path("prepared"), { recursive: true, preserveTimestamps: true });
  return m;
}

async function assertPublished(m: Maintainer, repo: string, scenario: Scenario): Promise<void> {
  const files = await publishedFiles(m.path(repo));
  const state = readAll(pinned(files), files, m.nowMs);
  assert.deepEqual(versionsOf(state), scenario.after);
  assert.deepEqual(versionsOf(readBundleOf(files, m.nowMs)), scenario.after);
  assert.deepEqual(releasesOf(state, m.nowMs), ["1.1.0 linux-x64", "1.0.0 linux-x64"]);
  const left = await readdir(m.path(repo, "staging"), { recursive: true });
  assert.deepEqual(left.filter((name) => name !== "schedule"), []);
  const bundle = readBundle(files.get("bundle.json") ?? new Uint8Array());
  const head = scheduleHead(state)?.sequence;
  assert.equal(head, bundle.schedule.length === 0 ? undefined : 1);
  assert.equal(files.has("schedule/1.json"), head === 1);
}

describe("a publisher that dies while publishing", () => {
  for (const scenario of SCENARIOS) {
    test(`${scenario.name}: at each write, and runs again`, { timeout: 120_000 }, async () => {
      await using m = await prepared(scenario);
      const before = await publishedFiles(m.path("repo"));
      const reader = readAll(pinned(before), before, m.nowMs);
      let deaths = 0;
      for (let lives = 0;; lives++) {
        const repo = `repo-${lives}`;
        await cp(m.path("prepared"), m.path(repo), { recursive: true, preserveTimestamps: true });
        try {
          await publishAs(m, dyingFiles(m.path(repo), lives), scenario.keys);
          break; // it had lives enough
        } catch (e) {
          assert.ok(e instanceof Died, String(e));
          deaths++;
        }
        const files = await publishedFiles(m.path(repo));
        if (scenario.gapless) {
          readAll(reader, files, m.nowMs);
          readAll(pinned(files), files, m.nowMs);
        }
        readBundleOf(files, m.nowMs);
        // Once every signature is made, nobody is needed to finish: the staged files are the journal.
        const { staged } = await loadRepository(createRepositoryFiles(m.path(repo)));
        const isSigned = staged.timestamp !== undefined || files.size > before.size;
        await publishAs(m, createRepositoryFiles(m.path(repo)), isSigned ? [] : scenario.keys);
        await assertPublished(m, repo, scenario);
      }
      assert.ok(deaths >= 8, `only ${deaths} deaths`);
    });
  }

  test("and does other work before he publishes again: nothing is lost, and readers see every step", {
    timeout: 120_000,
  }, async () => {
    const [scenario] = SCENARIOS;
    assert.ok(scenario !== undefined);
    await using m = await prepared(scenario);
    for (let lives = 0; lives < 12; lives += 2) {
      const repo = `repo-${lives}`;
      await cp(m.path("prepared"), m.path(repo), { recursive: true, preserveTimestamps: true });
      await publishAs(m, dyingFiles(m.path(repo), lives), ["k"]).catch((e) => assert.ok(e instanceof Died));
      let reader = readAll(pinned(await publishedFiles(m.path(repo))), await publishedFiles(m.path(repo)), m.nowMs);
      for (
        const command of [
          `refresh ${repo} --snapshot --key k.pem`,
          `add ${repo} ${m.path("dchat")} --version 1.2.0 --platform linux-x64`,
          `refresh ${repo} --key k.pem`,
          `publish ${repo} --key k.pem`,
        ]
      ) {
        await m.run(command);
        reader = readAll(reader, await publishedFiles(m.path(repo)), m.nowMs);
      }
      assert.deepEqual(releasesOf(reader, m.nowMs), ["1.2.0 linux-x64", "1.1.0 linux-x64", "1.0.0 linux-x64"]);
    }
  });

  test("by a real kill: its lock is no obstacle and the next publisher completes the work", {
    timeout: 120_000,
  }, async () => {
    const [scenario] = SCENARIOS;
    assert.ok(scenario !== undefined);
    await using m = await prepared(scenario);
    for (const lives of [0, 4, 6]) {
      const repo = `repo-${lives}`;
      await cp(m.path("prepared"), m.path(repo), { recursive: true, preserveTimestamps: true });
      const script = new URL("./killed-publisher.ts", import.meta.url);
      const child = runScript(script, [m.path(repo), m.path("k.pem"), String(lives)]);
      const [, signal] = await once(child, "exit");
      assert.equal(signal, "SIGKILL");
      await stat(m.path(repo, ".lock"));
      await m.run(`publish ${repo} --key k.pem`);
      await assertPublished(m, repo, scenario);
    }
  });
});
