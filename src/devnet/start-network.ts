// Sets a network up and starts it: keys, repository, mirrors, homes, then the processes that stay.
// Design: docs/devnet.md. It is driven by the product's command line alone. Must not: judge what happens.
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createChain } from "./chain.ts";
import type { Children, Outcome, RunOptions } from "./children.ts";
import { FIRST_VERSION, type GovernorPlace, LEAD_BLOCKS, type Network, type NodePlace } from "./network.ts";
import { afterLine, newNodeView, type NodeView } from "./node-view.ts";
import { ENTRYPOINT, type Manner, type Pack, releaseFile } from "./release-files.ts";
import type { PlanView } from "./table.ts";

export interface NetworkOptions {
  readonly folder: string;
  readonly children: Children;
  readonly signal: AbortSignal;
  readonly nodes: number;
  readonly blockTimeMs: number;
  /** Of this machine, as in the names of artifacts. */
  readonly platform: string;
  /** Program and arguments that run a JavaScript file. */
  readonly runtime: readonly string[];
  readonly pack: Pack;
  /** The product's file, and what runs it from standard input. */
  readonly file: string;
  readonly piped: readonly string[];
}

/** Asked before the honest one: a liar that nobody asks is not caught. */
const LIAR_PRIORITY = "50";
/** Slow enough to be seen; all of it is on one machine. */
const MIRROR_RATE = "1M";
const LOOK_MS = 50;
/** Nothing that is waited for takes a quarter of it. */
const WAIT_MS = 40_000;

/** @throws Error naming the command that did not do what it must */
export async function startNetwork(o: NetworkOptions): Promise<Network> {
  const { folder, children, signal } = o;
  const at = (name: string) => join(folder, name);
  const repo = at("repo"), key = at("release.pem"), root = join(repo, "metadata", "1.root.json");

  async function dchat(args: readonly string[], code = 0, how: RunOptions = {}): Promise<Outcome> {
    const outcome = await children.run(args, how);
    if (outcome.code === code) return outcome;
    const said = outcome.stderr.trim() || outcome.stdout.trim();
    throw new Error(`dchat-update ${args.join(" ")} ended with ${outcome.code}, not ${code}: ${said}`);
  }

  const piped = async (args: readonly string[], code = 0) =>
    await dchat(args, code, { program: await readFile(o.file), command: o.piped });

  /** The shape is the one that docs/schemas/ has for the command. */
  const json = async <T>(args: readonly string[], code = 0) =>
    JSON.parse((await dchat([...args, "--json"], code)).stdout) as T;

  async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    // By looks, not by the clock: a machine that slept was not slow.
    for (let looks = WAIT_MS / LOOK_MS; !(await isSo()); looks--) {
      if (looks <= 0) throw new Error(`this was waited for in vain: ${what}`);
      await delay(LOOK_MS, undefined, { signal });
    }
  }

  /** Starts a command that says where it listens. */
  async function serve(name: string, args: readonly string[]): Promise<{ url: string; genesis?: string }> {
    const said: { url: string }[] = [];
    children.start(name, [...args, "--json"], (line) => {
      if (line.startsWith("{")) said.push(JSON.parse(line)); // its first line says where; runtimes warn in words
    });
    await until(`${name} listens`, () => said.length > 0);
    return said[0] ?? { url: "" };
  }

  async function makeFile(version: string, manner: Manner): Promise<string> {
    const file = at(`node-${version}.tar.gz`);
    await writeFile(file, await releaseFile({ version, manner, runtime: o.runtime, pack: o.pack }));
    return file;
  }

  async function add(version: string, manner: Manner): Promise<void> {
    const what = ["--version", version, "--platform", o.platform, "--entrypoint", ENTRYPOINT, "--no-delta"];
    await dchat(["release", "add", repo, await makeFile(version, manner), ...what]);
  }

  async function makeRepository(genesis: string): Promise<void> {
    await Promise.all([key, ...governors.map((g) => g.key)].map((file) => dchat(["release", "keygen", file])));
    const chain = ["--chain-kind", "simulated", "--chain-genesis", genesis, "--chain-finality", "instant"];
    const governed = governors.flatMap((g) => ["--governor", `${g.key.replace(/pem$/, "pub")}:${g.weight}`]);
    const file = await makeFile(FIRST_VERSION, "well");
    const first = ["--genesis-version", FIRST_VERSION, "--genesis", `${o.platform}=${file}`];
    const rules = [...chain, "--min-lead-blocks", String(LEAD_BLOCKS), ...governed, ...first];
    await dchat(["release", "init", repo, "--network", "devnet", "--key", key, ...rules]);
    await add(FIRST_VERSION, "well");
    await dchat(["release", "publish", repo, "--key", key]);
  }

  async function makeHome({ home }: { readonly home: string }): Promise<void> {
    await dchat(["init", "--repo", honest, "--root", root, "--home", home]);
    await dchat(["check", "--home", home]);
  }

  async function makeNode(node: NodePlace): Promise<void> {
    const home = ["--home", node.home];
    await makeHome(node);
    await dchat(["add-mirror", "--url", liar, "--mirror-type", "https", "--priority", LIAR_PRIORITY, ...home]);
    await dchat(["configure-chain", "--url", chain, ...home]);
    await dchat(["configure-auto-update", "--enabled", "--auto-restart", ...home]);
    const first = ["--version", FIRST_VERSION, "--package", at(`node-${FIRST_VERSION}.tar.gz`)];
    await dchat(["install", ...first, ...home]);
  }

  function startDaemon({ name, home, address }: Omit<NodePlace, "url">, peer: NodePlace | undefined): void {
    const to = peer === undefined ? [] : ["--peer", peer.address];
    if (peer !== undefined) links.push([name, peer.name]);
    const args = ["daemon", "--home", home, "--listen", address, ...to, "--json"];
    children.start(name, args, (line) => hear(name, line));
  }

  function startNode({ name, home, url, address }: NodePlace, peer: NodePlace): void {
    const gossip = ["--listen", address, "--peer", peer.address];
    links.push([name, peer.name]);
    const timing = ["--poll", "0.2", "--health-timeout", "2", "--stop-timeout", "3"];
    const program = ["--", "{program}", new URL(url).port];
    const args = ["run", "--home", home, ...gossip, "--health-url", url, ...timing, "--json", ...program];
    children.start(name, args, (line) => hear(name, line), home);
  }

  const ids = new Map<string, string>();
  const views = new Map<string, NodeView>();
  const links: [string, string][] = [];
  let plan: PlanView | null = null;

  const view = ({ name }: { readonly name: string }): NodeView => views.get(name) ?? newNodeView(name);

  function hear(name: string, line: string): void {
    const peerId = /"event":"listening".*\/p2p\/(\w+)"/.exec(line)?.[1];
    if (peerId !== undefined) ids.set(peerId, name);
    const nameOf = (id: string) => ids.get(id.replace(/^peer:/, "")) ?? id;
    views.set(name, afterLine(view({ name }), line, { nameOf, mirrors: [honest, liar], height: watched.height() }));
  }

  const ports = await freePorts(2 * o.nodes + 6);
  const place = (name: string): NodePlace => ({
    name,
    home: at(name),
    url: `http://127.0.0.1:${ports.pop()}/`,
    address: `/ip4/127.0.0.1/tcp/${ports.pop()}`,
  });
  const maintainer = place("maintainer");
  const governor = (name: string, weight: number): GovernorPlace => (
    { name, weight, home: at(name), key: at(`${name}.pem`), address: `/ip4/127.0.0.1/tcp/${ports.pop()}` }
  );
  // More than half of the weight takes two of them, whichever they are.
  const governors = [governor("alice", 40), governor("bob", 35), governor("carol", 25)] as const;
  const nodes = Array.from({ length: o.nodes }, (_, i) => place(`node-${i + 1}`));
  const dead = `http://127.0.0.1:${ports.pop()}`;

  const { url: chain, genesis = "" } = await serve("the chain", [
    "devnet-chain",
    "--block-time",
    seconds(o.blockTimeMs),
  ]);
  const watched = createChain(chain, signal);
  await makeRepository(genesis);
  const mirror = ["devnet-mirror", repo, "--max-rate", MIRROR_RATE];
  const [{ url: honest }, { url: liar }] = await Promise.all([
    serve("mirror-a", mirror),
    serve("mirror-b", [...mirror, "--alters"]),
  ]);
  ids.set(honest, "mirror-a").set(liar, "mirror-b");
  await Promise.all([...nodes.map(makeNode), ...[maintainer, ...governors].map(makeHome)]);
  startDaemon(maintainer, undefined);
  for (const [i, node] of nodes.entries()) startNode(node, nodes[i - 1] ?? maintainer);
  // Each beside another node, so that their votes have a way to go.
  for (const [i, governor] of governors.entries()) startDaemon(governor, nodes[i * 2 % nodes.length] ?? maintainer);

  return {
    ...{ folder, repo, key, root, maintainer, governors, nodes, links, honest, liar, dead, chain },
    platform: o.platform,
    view,
    table: () => ({ height: watched.height(), plan, nodes: nodes.map(view) }),
    setPlan: (next) => void (plan = next),
    height: watched.height,
    order: watched.order,
    async ask({ url }) {
      try {
        const answer = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(2_000)]) });
        return (await answer.json() as { version: string }).version; // as release-files.ts answers
      } catch {
        return undefined;
      }
    },
    makeFile,
    add,
    async publish() {
      await dchat(["release", "publish", repo, "--key", key]);
      const { metadata } = await json<{ metadata: { timestampVersion: number } }>(["check", "--home", maintainer.home]);
      return metadata.timestampVersion;
    },
    dchat,
    piped,
    json,
    until,
  };
}

const seconds = (ms: number) => String(ms / 1000);

/** Free a moment ago, and different from each other. */
async function freePorts(count: number): Promise<number[]> {
  const listening = Array.from(
    { length: count },
    () =>
      new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
        const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => resolve(server));
      }),
  );
  const servers = await Promise.all(listening);
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
