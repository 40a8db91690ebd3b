import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createAttackScene } from "../attack/attack-scene.ts";
import { mutateBytes } from "../attack/byte-mutations.ts";
import { METADATA_ATTACKS } from "../attack/metadata-attacks.ts";
import { MIRROR_ATTACKS } from "../attack/mirror-attacks.ts";
import { createRandomRepository, type Files, honestStep, somePath } from "../attack/random-repository.ts";
import { createOurClient } from "./our-client.ts";
import { createTufJsClient, type RepositoryServer, startRepositoryServer, type Verdict } from "./tuf-js-client.ts";
import { DISAGREEMENTS } from "./tuf-js-exceptions.ts";

const HISTORIES = 40;
const MUTATIONS = 150;

/** Repositories in the state in which both clients were asked about them. */
const counted = { valid: 0, attacked: 0, agreed: 0, disagreed: 0 };

let server: RepositoryServer;
before(async () => {
  server = await startRepositoryServer();
});
after(async () => {
  await server.close();
  console.log(
    `tuf-js and we: ${counted.valid} valid and ${counted.attacked} attacked repositories, ` +
      `${counted.agreed} verdicts the same, ${counted.disagreed} explained`,
  );
});

interface Opinions {
  readonly ours: Verdict;
  readonly theirs: Verdict;
}

/** Both clients, each with a memory of its own, before the same files. */
function bothClients(name: string, pinnedRoot: Uint8Array) {
  const ours = createOurClient(pinnedRoot);
  const theirs = createTufJsClient(`${server.url}/${name}`, pinnedRoot);
  return {
    async ask(files: Files, targetPath: string): Promise<Opinions> {
      server.serve(name, files);
      return { ours: ours.update(files, targetPath), theirs: await theirs.update(targetPath) };
    },
    close: () => theirs.close(),
  };
}

function show({ ours, theirs }: Opinions): string {
  return `we: ${ours.said} ${ours.versions} ${ours.why}; tuf-js: ${theirs.said} ${theirs.versions} ${theirs.why}`;
}

/** Both accept, find the same and trust the same versions. */
function requireBothAccept(o: Opinions): void {
  counted.valid++;
  counted.agreed++;
  assert.notEqual(o.ours.said, "refused", show(o));
  assert.deepEqual([o.ours.said, o.ours.versions], [o.theirs.said, o.theirs.versions], show(o));
}

const kind = (v: Verdict) => (v.said === "refused" ? "refused" : v.said === "accepted, absent" ? "absent" : "found");

describe("honest repositories are accepted by tuf-js and by us, with the same findings", () => {
  for (let i = 0; i < HISTORIES; i++) {
    test(`history ${i}`, async () => {
      const repository = createRandomRepository(`history ${i}`);
      const clients = bothClients(`history-${i}`, repository.repo.pinnedRoot);
      for (let step = repository.random.below(4); step >= 0; step--) {
        requireBothAccept(await clients.ask(repository.repo.files(), somePath(repository)));
        honestStep(repository);
      }
      clients.close();
    });
  }
});

describe("attacked repositories are refused by tuf-js and by us", () => {
  assert.equal(new Set(METADATA_ATTACKS.map((a) => a.name)).size, METADATA_ATTACKS.length);

  for (const [i, attack] of METADATA_ATTACKS.entries()) {
    const disagreement = DISAGREEMENTS[attack.name];
    test(disagreement === undefined ? attack.name : `${attack.name} (tuf-js: ${disagreement.theirs})`, async () => {
      const scene = createAttackScene(`scene ${i}`, attack.needs);
      const honest = new Map(scene.files);
      attack.tell(scene);
      const clients = bothClients(`attack-${i}`, scene.repo.pinnedRoot);
      for (const files of scene.before) requireBothAccept(await clients.ask(files, scene.target));
      const o = await clients.ask(scene.files, scene.target);
      // Whatever a mirror told, the truth is believed afterwards.
      if (MIRROR_ATTACKS.includes(attack)) requireBothAccept(await clients.ask(honest, scene.target));
      clients.close();
      counted.attacked++;
      assert.equal(o.ours.said === "refused" ? "refused" : "harmless", attack.outcome ?? "refused", show(o));
      if (disagreement === undefined) {
        counted.agreed++;
        assert.deepEqual([o.ours.said, o.ours.versions], [o.theirs.said, o.theirs.versions], show(o));
      } else {
        counted.disagreed++;
        assert.deepEqual([kind(o.ours), kind(o.theirs)], [disagreement.ours, disagreement.theirs], show(o));
        assert.notEqual(disagreement.ours, disagreement.theirs);
      }
    });
  }

  test("every explained disagreement is about an attack that there is", () => {
    const names = METADATA_ATTACKS.map((a) => a.name);
    assert.deepEqual(Object.keys(DISAGREEMENTS).filter((name) => !names.includes(name)), []);
  });
});

describe("files with one random change are accepted by both or refused by both", () => {
  /** Why tuf-js may accept what we refuse: the only two ways in which it is more lenient about bytes. */
  function explanation(original: Uint8Array, mutated: Uint8Array): string | undefined {
    const read = (b: Uint8Array) => new TextDecoder().decode(b);
    if (read(original).toLowerCase() === read(mutated).toLowerCase()) return "hex in capitals";
    if (read(mutated).includes("\ufffd")) return "bytes that are not UTF-8";
    return undefined;
  }

  test(`${MUTATIONS} changes`, async () => {
    const explained: string[] = [];
    let repository = createRandomRepository("mutations");
    for (let i = 0; i < MUTATIONS; i++) {
      if (i % 10 === 0) repository = createRandomRepository(`mutations ${i}`);
      const { repo, random } = repository;
      const role = random.pick(["timestamp", "timestamp", "snapshot", "targets"]);
      const mutation = mutateBytes(repo.bytes(role), random);
      const files = repo.files().set(repo.path(role), mutation.bytes);
      const clients = bothClients(`mutation-${i}`, repo.pinnedRoot);
      const o = await clients.ask(files, somePath(repository));
      clients.close();
      counted.attacked++;
      if (o.ours.said === o.theirs.said && o.ours.versions === o.theirs.versions) {
        counted.agreed++;
        continue;
      }
      counted.disagreed++;
      const why = explanation(repo.bytes(role), mutation.bytes);
      assert.ok(
        why !== undefined && o.ours.said === "refused",
        `mutation ${i} of ${role}: ${mutation.what}: ${show(o)}`,
      );
      explained.push(why);
    }
    assert.ok(explained.length <= 3, explained.join(", "));
  });
});

test("there were enough repositories of both kinds", () => {
  assert.ok(counted.valid >= 300 && counted.attacked >= 300, JSON.stringify(counted));
  assert.ok(counted.disagreed >= Object.keys(DISAGREEMENTS).length, JSON.stringify(counted));
});
