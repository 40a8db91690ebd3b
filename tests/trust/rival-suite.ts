// The suite in which another TUF client and ours are asked about the same repositories, honest and attacked.
// Must not: excuse a disagreement that is not in the table it is given.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { createAttackScene } from "../attack/attack-scene.ts";
import { mutateBytes } from "../attack/byte-mutations.ts";
import { METADATA_ATTACKS } from "../attack/metadata-attacks.ts";
import { MIRROR_ATTACKS } from "../attack/mirror-attacks.ts";
import { createRandomRepository, type Files, honestStep, somePath } from "../attack/random-repository.ts";
import { createOurClient } from "./our-client.ts";
import type { Disagreement } from "./rival-exceptions.ts";
import { type RepositoryServer, type Rival, startRepositoryServer, type Verdict } from "./rival.ts";

const HISTORIES = 40;
const MUTATIONS = 150;

interface Opinions {
  readonly ours: Verdict;
  readonly theirs: Verdict;
}

const kind = (v: Verdict) => (v.said === "refused" ? "refused" : v.said === "accepted, absent" ? "absent" : "found");
const sameVerdict = ({ ours, theirs }: Opinions) => ours.said === theirs.said && ours.versions === theirs.versions;

export function rivalSuite(rival: Rival, disagreements: Readonly<Record<string, Disagreement>>): void {
  /** Repositories in the state in which both clients were asked about them. */
  const counted = { valid: 0, attacked: 0, agreed: 0, explained: 0 };

  let server: RepositoryServer;
  before(async () => {
    server = await startRepositoryServer();
  });
  after(async () => {
    await rival.close();
    await server.close();
    console.log(
      `${rival.name} and we: ${counted.valid} valid and ${counted.attacked} attacked repositories, ` +
        `${counted.agreed} verdicts the same, ${counted.explained} explained`,
    );
  });

  /** Both clients, each with a memory of its own, before the same files. */
  function bothClients(name: string, pinnedRoot: Uint8Array) {
    const ours = createOurClient(pinnedRoot);
    const theirs = rival.createClient(`${server.url}/${name}`, pinnedRoot);
    return {
      async ask(files: Files, targetPath: string): Promise<Opinions> {
        server.serve(name, files);
        return { ours: ours.update(files, targetPath), theirs: await theirs.update(targetPath) };
      },
      close: () => theirs.close(),
    };
  }

  const show = ({ ours, theirs }: Opinions): string =>
    `we: ${ours.said} ${ours.versions} ${ours.why}; ${rival.name}: ${theirs.said} ${theirs.versions} ${theirs.why}`;

  /** Both accept, find the same and trust the same versions. */
  function requireBothAccept(o: Opinions): void {
    counted.valid++;
    counted.agreed++;
    assert.ok(sameVerdict(o) && o.ours.said !== "refused", show(o));
  }

  describe(`honest repositories are accepted by ${rival.name} and by us, with the same findings`, () => {
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

  describe(`attacked repositories are refused by ${rival.name} and by us`, () => {
    for (const [i, attack] of METADATA_ATTACKS.entries()) {
      const disagreement = disagreements[attack.name];
      const name = disagreement === undefined ? attack.name : `${attack.name} (${rival.name}: ${disagreement.theirs})`;
      test(name, async () => {
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
          assert.ok(sameVerdict(o), show(o));
        } else {
          counted.explained++;
          assert.deepEqual([kind(o.ours), kind(o.theirs)], [disagreement.ours, disagreement.theirs], show(o));
          assert.notEqual(disagreement.ours, disagreement.theirs);
        }
      });
    }

    test("the catalogue names each attack once, and the table of disagreements nothing else", () => {
      const names = new Set(METADATA_ATTACKS.map((a) => a.name));
      assert.equal(names.size, METADATA_ATTACKS.length);
      assert.deepEqual(Object.keys(disagreements).filter((name) => !names.has(name)), []);
    });
  });

  describe("files with one random change are accepted by both or refused by both", () => {
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
        if (sameVerdict(o)) {
          counted.agreed++;
          continue;
        }
        counted.explained++;
        const why = o.ours.said === "refused" ? moreLenient(repo.bytes(role), mutation.bytes) : undefined;
        assert.ok(why !== undefined, `change ${i} of ${role}: ${mutation.what}: ${show(o)}`);
        explained.push(why);
      }
      assert.ok(explained.length <= 3, explained.join(", "));
    });
  });

  test("there were enough repositories of both kinds", () => {
    assert.ok(counted.valid >= 300 && counted.attacked >= 300, JSON.stringify(counted));
    assert.ok(counted.explained >= Object.keys(disagreements).length, JSON.stringify(counted));
  });
}

/** Why a rival may accept changed bytes that we refuse: the only two ways in which rivals are more lenient about bytes. */
function moreLenient(original: Uint8Array, changed: Uint8Array): string | undefined {
  const read = (b: Uint8Array) => new TextDecoder().decode(b);
  if (read(original).toLowerCase() === read(changed).toLowerCase()) return "hex in capitals";
  return read(changed).includes("\ufffd") ? "bytes that are not UTF-8" : undefined;
}
