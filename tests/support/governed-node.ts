// A governed network and nodes of it under `run`, from end to end through the bundled file: a repository, governors who
// approve upgrades, a chain that does what it is told behind any RPC, and homes with everything installed.
// Must not: judge anything.
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SimulatedChain } from "../../src/chain/simulated-chain.ts";
import { filesOf, json, type Network, PLATFORM, succeed } from "../cli/network.ts";
import { type Running, startDchat } from "./bundled-cli.ts";
import { type DialectName, type DialectServer, type Plan, startDialect } from "./chain-dialects.ts";
import type { LyingMirror } from "./lying-mirror.ts";
import { nodeAt, nodeProgram, type RunningNode } from "./node-program.ts";
import { until } from "./until.ts";

export interface ApprovedSpec {
  readonly version: string;
  /** The first block under the new rules. */
  readonly height: number;
  /** Default: soft-fork. */
  readonly type?: string;
  /** Default: 50. */
  readonly proposedAt?: number;
  /** More words for `governance propose`. */
  readonly how?: readonly string[];
}

export interface NodesOptions {
  readonly kind: DialectName;
  /** As `release init` takes it. */
  readonly finality: string;
  /** Blocks that can still be replaced. Default: 0. */
  readonly finalityLag?: number;
  /** Default: walk. */
  readonly sync?: "walk" | "latest";
  /** Weights by name. Default: one governor. */
  readonly governors?: Readonly<Record<string, number>>;
  /** Released, and approved by nobody. */
  readonly released?: readonly string[];
  /** Approved by all, one after the other. The network begins with 1.0.0. */
  readonly upgrades: readonly ApprovedSpec[];
}

export interface NodeOptions {
  /** The newest block at the beginning. Default: 100. */
  readonly height?: number;
  /** What x/upgrade plans, on a chain that has it. Default: nothing. */
  readonly plan?: Plan;
  /** How the node asks its chain. Default: by the URL of the server. */
  readonly way?: (server: DialectServer, folder: string) => ChainWay;
}

export interface ChainWay {
  /** For `configure-chain`. */
  readonly options: readonly string[];
  /** How many questions came so far. */
  readonly asked: () => number;
}

/** To be disposed of at the end of its test: a node that runs on costs the next ones their time. */
export interface GovernedNode extends AsyncDisposable {
  readonly server: DialectServer;
  readonly chain: SimulatedChain;
  readonly node: RunningNode;
  readonly home: string;
  /** `--home` and the home. */
  readonly at: readonly string[];
  /** Starts `run`. */
  start(...options: readonly string[]): Running;
  /** Ends `run` and with it the node. */
  stop(running: Running): Promise<void>;
  /** Makes the node end by itself, with this exit code. */
  end(code: number): Promise<void>;
  /** The height that counts, as it is kept. */
  kept(): number | undefined;
  /** The versions that were started, in order. */
  starts(): readonly string[];
  answers(version: string): Promise<void>;
  /** Until this height counts, and the chain was asked again and again since: what happens then would have happened. */
  seen(height: number): Promise<void>;
  // deno-lint-ignore no-explicit-any -- tests look into documents whose shape tests/cli/schemas.test.ts asserts
  status(): Promise<any>;
}

export interface GovernedNodes {
  readonly folder: string;
  readonly repo: string;
  readonly mirror: LyingMirror;
  /** The file of a private key: a governor's by its name, or "release". */
  key(name: string): string;
  /** Makes the repository known as it is now. */
  publish(): Promise<void>;
  /** Runs a governance command as all governors. */
  governance(...args: readonly string[]): Promise<void>;
  /** A chain of its own, and a home where every version is installed. Not started. */
  create(o?: NodeOptions): Promise<GovernedNode>;
}

const FIRST = "1.0.0";
/** Six polls of at most four questions. */
const STILL_QUESTIONS = 24;
const POLL = ["--poll", "0.05"];
let networks = 0;

export async function createGovernedNodes(network: Network, o: NodesOptions): Promise<GovernedNodes> {
  const folder = join(network.folder, `governed-${networks++}`);
  mkdirSync(folder);
  const { genesis, close } = await startDialect(o.kind);
  await close(); // every chain of this name has the same first block
  const governors = o.governors ?? { governor: 1 }, names = Object.keys(governors);
  const repo = join(folder, "repo"), file = (version: string) => join(folder, version);
  const key = (name: string) => file(`${name}.pem`);
  for (const name of ["release", ...names]) await succeed(["release", "keygen", key(name)]);
  writeFileSync(file(FIRST), nodeProgram(FIRST));
  const chain = ["--chain-kind", o.kind, "--chain-genesis", genesis, "--chain-finality", o.finality];
  const weights = Object.entries(governors).flatMap(([name, w]) => ["--governor", `${file(`${name}.pub`)}:${w}`]);
  const rules = ["--min-lead-blocks", "5", "--sync", o.sync ?? "walk", ...weights];
  const begin = ["--genesis-version", FIRST, "--genesis", `${PLATFORM}=${file(FIRST)}`];
  await succeed(["release", "init", repo, "--network", "run", "--key", key("release"), ...chain, ...rules, ...begin]);
  const add = async (version: string, type: string) => {
    const what = ["--version", version, "--platform", PLATFORM, "--format", "executable", "--upgrade-type", type];
    await succeed(["release", "add", repo, file(version), ...what]);
  };
  await add(FIRST, "soft-fork");
  const versions: readonly Pick<ApprovedSpec, "version" | "type">[] = [
    ...o.upgrades,
    ...(o.released ?? []).map((version) => ({ version })),
  ];
  for (const { version, type = "soft-fork" } of versions) {
    writeFileSync(file(version), nodeProgram(version));
    await add(version, type);
  }
  const mirror = await network.mirror(folder), root = join(repo, "metadata", "1.root.json");
  const publish = async () => {
    await succeed(["release", "publish", repo, "--key", key("release")]);
    mirror.serve(filesOf(repo));
  };
  const governance = async (...args: readonly string[]) =>
    void await succeed(["governance", ...args, "--repo", repo, ...names.flatMap((name) => ["--key", key(name)])]);
  await publish();
  for (const { version, height, proposedAt = 50, how = [] } of o.upgrades) {
    const when = ["--height", String(height), "--current-height", String(proposedAt)];
    await governance("propose", "--version", version, ...when, ...how);
  }
  await publish();
  const first = join(folder, "first"), atFirst = ["--home", first];
  await succeed(["init", "--repo", mirror.url, "--root", root, ...atFirst]);
  await succeed(["configure-auto-update", "--auto-restart", ...atFirst]);
  await succeed(["install", "--version", FIRST, ...atFirst]);
  for (const { version } of versions) await succeed(["install", "--version", version, ...atFirst]);

  let nodes = 0;
  const create = async (
    { height = 100, plan = null, way = byUrl }: NodeOptions = {},
  ): Promise<GovernedNode> => {
    const own = join(folder, `node-${nodes++}`), home = join(own, "home"), at = ["--home", home];
    mkdirSync(join(own, "data"), { recursive: true });
    cpSync(first, home, { recursive: true, verbatimSymlinks: true });
    const server = await startDialect(o.kind, { finalityLag: o.finalityLag ?? 0, height, plan });
    const runs: Running[] = [];
    const { options, asked } = way(server, own);
    await succeed(["configure-chain", ...options, ...at]);
    const node = await nodeAt(join(own, "data"));
    const heights = join(home, "chain-heights.json");
    const g: GovernedNode = {
      server,
      chain: server.chain,
      node,
      home,
      at,
      start(...options) {
        const args = ["run", "--offline", ...at, "--health-url", node.url, ...POLL, ...options, "--", ...node.command];
        const running = startDchat(args);
        runs.push(running);
        return running;
      },
      async stop({ child, outcome }) {
        if (child.exitCode === null && child.signalCode === null) process.kill(child.pid ?? 0, "SIGTERM");
        await outcome;
      },
      async end(code) {
        await fetch(`${node.url}end/${code}`).catch(() => {}); // it answers nothing any more
      },
      kept() {
        if (!existsSync(heights)) return undefined;
        return JSON.parse(readFileSync(heights, "utf8")).chains[`${o.kind} ${genesis}`]?.height;
      },
      starts: () => node.log().filter((l) => l.startsWith("start")).map((l) => l.split(" ")[1] ?? ""),
      answers: (version) => until(`${version} answers`, async () => (await node.ask())?.version === version),
      async seen(wanted) {
        await until(`block ${wanted} counts`, () => g.kept() === wanted);
        const before = asked();
        await until("it was asked again and again", () => asked() >= before + STILL_QUESTIONS);
      },
      status: () => json(["status", ...at]),
      async [Symbol.asyncDispose]() {
        for (const running of runs) await g.stop(running);
        await server.close();
      },
    };
    return g;
  };
  return { folder, repo, mirror, key, publish, governance, create };
}

const byUrl = ({ url, asked }: DialectServer): ChainWay => ({ options: ["--url", url], asked });
