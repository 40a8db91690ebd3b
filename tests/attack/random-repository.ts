// Repositories and their honest histories at random, the same from the same seed: thresholds, rotations, delegations,
// layouts. What a correct client has to accept, and what attacks start from. Must not: contain a lie.
import { type SeededRandom, seededRandom } from "../support/seeded-random.ts";
import { at, type MutableObject } from "../support/signed-file.ts";
import { createTufRepository, type RoleOptions, type TufRepository } from "../support/tuf-repository.ts";

/** Far enough ahead for every client's clock, and fixed: the bytes are the same in every run. */
export const REPOSITORY_NOW_MS = Date.UTC(2100, 0, 1);

export type Files = ReadonlyMap<string, Uint8Array>;

export interface RandomRepository {
  readonly repo: TufRepository;
  readonly random: SeededRandom;
  /** Target paths that some role holds, not all of them delegated to it. */
  readonly targets: readonly string[];
}

const TOP_LEVEL = ["root", "timestamp", "snapshot", "targets"] as const;
const FOLDERS = ["", "a/", "a/b/", "c/"];
const PATTERNS = ["*", "a/*", "a/b/*", "c/*", "*/*", "a/*/*", "file-?", "a/file-*", "c/file-1*"];

function randomRule(r: SeededRandom): RoleOptions {
  const threshold = r.pick([1, 1, 1, 2, 2, 3]);
  return { threshold, keys: threshold + r.below(3) };
}

function randomRepository(seed: string): { repo: TufRepository; random: SeededRandom } {
  const random = seededRandom(seed);
  const repo = createTufRepository({
    // Few key families: public keys that were seen are checked faster.
    seed: `random ${random.below(8)}`,
    nowMs: REPOSITORY_NOW_MS,
    consistentSnapshot: random.chance(0.7),
    metaHashes: random.chance(0.6),
    roles: Object.fromEntries(TOP_LEVEL.map((name) => [name, randomRule(random)])),
  });
  return { repo, random };
}

const content = (r: SeededRandom) => new TextEncoder().encode(`content ${r.below(1e9)}`);

function addTargets(repo: TufRepository, r: SeededRandom, roles: readonly string[], targets: string[]): void {
  for (let i = r.below(4); i >= 0; i--) {
    const path = `${r.pick(FOLDERS)}file-${r.below(20)}`;
    repo.addTarget(path, content(r), { role: r.pick(roles), ...(r.chance(0.3) ? { custom: { n: r.below(9) } } : {}) });
    targets.push(path);
  }
}

/** Leaves each role with some of its keys as signers, at least as many as its threshold asks for. */
function trimSigners(repo: TufRepository, r: SeededRandom): void {
  const rules = Object.entries(at(repo.draft("root"), "roles") as Record<string, MutableObject>);
  for (const name of repo.roles()) {
    const delegations = repo.draft(name)["delegations"] as { roles?: MutableObject[] } | undefined;
    for (const role of delegations?.roles ?? []) rules.push([String(role["name"]), role]);
  }
  for (const [name, rule] of rules) {
    const keys = repo.signers(name), threshold = Number(rule["threshold"]);
    keys.splice(0, Infinity, ...r.sample(keys, threshold + (keys.length > threshold && r.chance(0.3) ? 1 : 0)));
  }
}

/** A repository with up to five delegated roles, or with hash bins; nothing of it published yet but the empty start. */
export function createRandomRepository(seed: string): RandomRepository {
  const { repo, random: r } = randomRepository(seed);
  const roles = ["targets"], targets: string[] = [];
  if (r.chance(0.15)) {
    const bitLength = 1 + r.below(4);
    repo.delegateSuccinctly({ namePrefix: "bin", bitLength, ...randomRule(r) });
  } else {
    for (let i = r.below(6); i > 0; i--) {
      const name = r.chance(0.1) ? `odd name/${i}` : `role-${i}`;
      const where = r.chance(0.2)
        ? { pathHashPrefixes: r.sample([..."0123456789abcdef"], 8) }
        : { paths: r.sample(PATTERNS, 1 + r.below(3)) };
      repo.delegate({ name, parent: r.pick(roles), terminating: r.chance(0.25), ...where, ...randomRule(r) });
      roles.push(name);
    }
  }
  addTargets(repo, r, roles, targets);
  trimSigners(repo, r);
  repo.publish();
  return { repo, random: r, targets };
}

/** One honest change, published. */
export function honestStep({ repo, random: r }: RandomRepository): void {
  const roles = repo.roles();
  switch (r.below(7)) {
    case 0:
      return repo.publishTimestamp();
    case 1:
      return repo.refresh();
    case 2:
      repo.publishRoot();
      return r.chance(0.5) ? repo.refresh() : undefined;
    case 3: {
      const role = r.pick(TOP_LEVEL);
      repo.rotate(role, randomRule(r));
      if (role === "targets") return repo.publish("targets");
      return role === "timestamp" ? repo.publishTimestamp() : repo.refresh();
    }
    case 4:
      repo.addTarget(`${r.pick(FOLDERS)}file-${r.below(20)}`, content(r), { role: r.pick(roles) });
      return repo.publish();
    default:
      return repo.publish(...r.sample(roles, 1 + r.below(roles.length)));
  }
}

/** A path to look up: often one that is there, sometimes one that is not. */
export function somePath({ random: r, targets }: RandomRepository): string {
  return r.chance(0.7) ? r.pick(targets) : `${r.pick(FOLDERS)}file-${r.below(30)}`;
}
