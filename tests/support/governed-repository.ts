// A published repository with governors, made by the real commands of the bundled file: a release, keys of three
// governors, and an approved certificate. Must not: judge anything.
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testBytes } from "./artifact.ts";
import { runBundle } from "./release-fixture.ts";

export interface GovernedRepository {
  readonly repo: string;
  /** Release, snapshot and timestamp key. */
  readonly key: string;
  readonly root: string;
  /** Private keys of the governors a (40), b (30) and c (30). */
  governor(name: "a" | "b" | "c"): string;
  /** Runs a governance command on the repository. */
  governance(...args: readonly string[]): string;
  publish(): void;
  /** A copy of the repository as it is now. */
  copy(name: string): string;
}

/** The chain that the root names. */
export interface NamedChain {
  readonly kind: string;
  readonly genesis: string;
  /** As `release init` takes it. */
  readonly finality: string;
}

const CHAIN: NamedChain = { kind: "evm", genesis: "0xabc", finality: "depth:12" };

/**
 * Publishes 1.0.0 in folders below `folder`, approved from block 1000 on, with ten blocks of lead.
 * @param content of the artifact: something that cannot be run by default
 */
export function createGovernedRepository(
  folder: string,
  named: NamedChain = CHAIN,
  content: Uint8Array = testBytes(40_000, "governed"),
): GovernedRepository {
  const repo = join(folder, "repo"), key = join(folder, "k.pem"), file = join(folder, "artifact");
  const governor = (name: string) => join(folder, `${name}.pem`);
  for (const k of [key, governor("a"), governor("b"), governor("c")]) runBundle(["release", "keygen", k]);
  const governors = [["a", 40], ["b", 30], ["c", 30]].flatMap((
    [n, w],
  ) => ["--governor", `${join(folder, `${n}.pub`)}:${w}`]);
  const { kind, genesis, finality } = named;
  const chain = [
    "--chain-kind",
    kind,
    "--chain-genesis",
    genesis,
    "--chain-finality",
    finality,
    "--min-lead-blocks",
    "10",
  ];
  runBundle(["release", "init", repo, "--network", "testnet", "--key", key, ...governors, ...chain]);
  writeFileSync(file, content);
  const what = ["--version", "1.0.0", "--platform", "linux-x64", "--format", "executable"];
  runBundle(["release", "add", repo, file, ...what]);
  const r: GovernedRepository = {
    repo,
    key,
    root: join(repo, "metadata", "1.root.json"),
    governor,
    governance: (...args) => runBundle(["governance", ...args, "--repo", repo]),
    publish: () => void runBundle(["release", "publish", repo, "--key", key]),
    copy(name) {
      cpSync(repo, join(folder, name), { recursive: true });
      return join(folder, name);
    },
  };
  r.publish();
  const keys = ["--key", governor("a"), "--key", governor("b")];
  r.governance("propose", "--version", "1.0.0", "--height", "1000", "--current-height", "100", ...keys);
  r.publish();
  return r;
}
