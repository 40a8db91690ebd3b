// The stage for lies about metadata: a repository of two publishes, of which a client has seen the second, and a third
// that is about to be served with a lie in it. Must not: lie itself.
import { type SeededRandom, seededRandom } from "../support/seeded-random.ts";
import type { MutableJson } from "../support/signed-file.ts";
import { createTufRepository, resigned, type TufRepository } from "../support/tuf-repository.ts";
import { type Files, REPOSITORY_NOW_MS } from "./random-repository.ts";

/** What a lie needs of the repository; the rest is left to chance. */
export interface SceneNeeds {
  readonly consistentSnapshot?: boolean;
  /** Whether snapshot and timestamp name digests. */
  readonly metaHashes?: boolean;
  /** Signatures that each role needs, of one key more. */
  readonly threshold?: number;
}

/** Roles: "A" speaks for `a/*` and delegates `a/b/*` to "B"; "C" speaks for `c/*`. Each holds `<its folder>/file`. */
export interface AttackScene {
  readonly repo: TufRepository;
  readonly random: SeededRandom;
  /** An honest publish that the client has not seen any more. */
  readonly older: Files;
  /** What the client saw last. */
  readonly seen: Files;
  /** Everything the client is served in turn before `files`: `seen`, and what a lie adds. */
  readonly before: Files[];
  /** What is served now: honest and newer, until the lie changes it. */
  readonly files: Map<string, Uint8Array>;
  /** Which target path the client asks for. */
  target: string;
  /** Serves other bytes in place of a role's current file. */
  put(role: string, bytes: Uint8Array): void;
  /** The current file with one edit, signed again by its own keys. */
  edited(role: string, path: readonly (string | number)[], to: MutableJson | undefined): Uint8Array;
  /** As `put` of `edited`, by someone who holds the keys: whatever names the file's digest follows. */
  forge(role: string, path: readonly (string | number)[], to: MutableJson | undefined): void;
  /** Serves what the repository has published since. */
  serveAll(): void;
}

export interface Attack {
  readonly name: string;
  readonly needs?: SceneNeeds;
  /** Default "refused". "harmless": the client goes on as if there were no lie. */
  readonly outcome?: "refused" | "harmless";
  tell(scene: AttackScene): void;
}

const bytes = (text: string) => new TextEncoder().encode(text);

export function createAttackScene(seed: string, needs: SceneNeeds = {}): AttackScene {
  const random = seededRandom(seed);
  const threshold = needs.threshold ?? random.pick([1, 1, 1, 2]);
  const rule = { threshold, keys: threshold + 1 };
  const repo = createTufRepository({
    seed: `scene ${random.below(4)}`, // few key families: keys that were seen are checked faster
    nowMs: REPOSITORY_NOW_MS,
    consistentSnapshot: needs.consistentSnapshot ?? random.chance(0.6),
    metaHashes: needs.metaHashes ?? random.chance(0.5),
    roles: { root: rule, timestamp: rule, snapshot: rule, targets: rule },
  });
  repo.delegate({ name: "A", paths: ["a/*", "a/b/*"], ...rule });
  repo.delegate({ name: "C", paths: ["c/*"], ...rule });
  repo.delegate({ name: "B", parent: "A", paths: ["a/b/*"], ...rule });
  const homes: [string, string][] = [["targets", "top"], ["A", "a/file"], ["B", "a/b/file"], ["C", "c/file"]];
  const publish = (what: string): Files => {
    for (const [role, path] of homes) repo.addTarget(path, bytes(`${what} ${path}`), { role });
    repo.publish();
    return repo.files();
  };
  for (const role of ["root", "timestamp", "snapshot", "targets", "A", "B", "C"]) repo.signers(role).length = threshold;
  const older = publish("first"), seen = publish("second"), files = new Map(publish("third"));
  const scene: AttackScene = {
    repo,
    random,
    older,
    seen,
    before: [seen],
    files,
    target: "a/file",
    put: (role, b) => void files.set(repo.path(role), b),
    edited: (role, path, to) => resigned(repo, role, path, to),
    forge: (role, path, to) => {
      repo.replace(role, resigned(repo, role, path, to));
      if (role === "snapshot") repo.publishTimestamp();
      else if (role !== "timestamp" && role !== "root") repo.refresh();
      scene.serveAll();
    },
    serveAll: () => {
      for (const [path, b] of repo.files()) files.set(path, b);
    },
  };
  return scene;
}

/** The path of the root after the newest one. */
export function nextRootPath(scene: AttackScene): string {
  return `metadata/${Number(scene.repo.draft("root")["version"]) + 1}.root.json`;
}
