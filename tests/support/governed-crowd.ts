// Nodes under `run` on one governed network: a simulated chain, a published repository that governors approve versions
// of, and homes that hear of them. Everything that was started is stopped at the end. Must not: judge anything.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Running, type RunOptions, startDchat } from "./bundled-cli.ts";
import { createGovernedRepository, type GovernedRepository, type NamedChain } from "./governed-repository.ts";
import { type Manner, nodeAt, nodeProgram, type RunningNode } from "./node-program.ts";
import { runBundle } from "./release-fixture.ts";
import { until } from "./until.ts";

export const PLATFORM = "linux-x64";

export interface CrowdNode {
  readonly home: string;
  readonly node: RunningNode;
  /** Whether a version stands under its number. */
  isReady(version: string): boolean;
  /** Starts `run` with these options before the "--". */
  run(options?: readonly string[], o?: RunOptions): RunUnderTest;
}

export interface RunUnderTest extends Running {
  /** Waits until its log has this; otherwise the log is in the error. */
  says(words: RegExp): Promise<void>;
  /** Multiaddr of its network half, once it listens. */
  address(): Promise<string>;
  /** Not `child.kill`: on Deno that makes up how the process ended. */
  signal(name: NodeJS.Signals): void;
}

export interface Crowd {
  readonly governed: GovernedRepository;
  /** A home that trusts the root and asks this mirror, this chain; with auto-update as an operator wants it. */
  join(mirrorUrl: string, chainUrl: string, settings?: readonly string[]): Promise<CrowdNode>;
  /** Releases a version and has governors approve it. Nobody has heard of it yet. */
  approve(version: string, height: number, currentHeight: number, o?: ApproveOptions): void;
  stop(): Promise<void>;
}

export interface ApproveOptions {
  readonly manner?: Manner;
  readonly upgradeType?: string;
  /** More for `governance propose`. */
  readonly more?: readonly string[];
}

let addresses = 0;

/** 1.0.0 is released, and approved from block 1000 on. */
export function createCrowd(folder: string, chain: NamedChain): Crowd {
  const governed = createGovernedRepository(folder, chain, nodeProgram("1.0.0"));
  const running: Running[] = [];
  const homes: string[] = [];
  return {
    governed,
    async join(mirrorUrl, chainUrl, settings = ["--enabled", "--auto-restart"]) {
      const place = join(folder, `node-${homes.length}`), home = join(place, "home"), at = ["--home", home];
      homes.push(home);
      mkdirSync(place);
      runBundle(["init", "--repo", mirrorUrl, "--root", governed.root, ...at]);
      runBundle(["configure-chain", "--url", chainUrl, ...at]);
      runBundle(["configure-auto-update", ...settings, ...at]);
      const node = await nodeAt(place);
      const listen = ["--listen", `/ip4/127.${64 + process.pid % 64}.${homes.length}.${++addresses}/tcp/0`];
      return {
        home,
        node,
        isReady: (version) => existsSync(join(home, "versions", version, "staged.json")),
        run(options = [], o = {}) {
          const args = ["run", ...at, "--health-url", node.url, "--poll", "0.1", ...listen, ...options];
          const r = startDchat([...args, "--", ...node.command], o);
          running.push(r);
          return {
            ...r,
            async says(words) {
              await until(String(words), () => words.test(r.said())).catch((e) => {
                throw new Error(`${(e as Error).message}\n${r.said()}`); // until throws nothing else
              });
            },
            signal: (name) => void process.kill(r.child.pid ?? 0, name),
            async address() {
              await until("it listens", () => LISTENING.test(r.said()) || r.child.exitCode !== null);
              return LISTENING.exec(r.said())?.[1] ?? "";
            },
          };
        },
      };
    },
    approve(version, height, currentHeight, { manner = "good", upgradeType = "soft-fork", more = [] } = {}) {
      const file = join(folder, version);
      writeFileSync(file, nodeProgram(version, manner));
      const what = ["--version", version, "--platform", PLATFORM, "--format", "executable"];
      runBundle(["release", "add", governed.repo, file, ...what, "--upgrade-type", upgradeType]);
      governed.publish();
      const keys = (["a", "b", "c"] as const).flatMap((name) => ["--key", governed.governor(name)]);
      const heights = ["--height", String(height), "--current-height", String(currentHeight)];
      governed.governance("propose", "--version", version, ...heights, ...keys, ...more);
      governed.publish();
    },
    async stop() {
      for (const { child } of running) child.kill("SIGKILL");
      for (const home of homes) killRecorded(home);
      await Promise.all(running.map((r) => r.outcome));
    },
  };
}

const LISTENING = /listening on (\/ip4\/\S+?)(,|\s)/;

/** The node of a supervisor that was killed; it holds its pipes open. */
export function killRecorded(home: string): void {
  for (const [name, sign] of [["run.lock", 1], ["daemon.lock", 1], ["child.json", -1]] as const) {
    const file = join(home, name);
    if (!existsSync(file)) continue;
    try {
      process.kill(sign * JSON.parse(readFileSync(file, "utf8")).pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  }
}
