// A network of daemons: the bundled file as processes, each at a loopback address of its own, in a random graph in which
// each has four neighbours; one has a release that the others do not know yet. What it sends is counted on the wire.
// Must not: judge.
import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { platformName } from "../../src/trust/naming.ts";
import { type Runtime, runtimes } from "../runtimes/runtimes.ts";
import { expect, filesOf } from "../cli/network.ts";
import { type Running, startDchat } from "./bundled-cli.ts";
import { type LogLine, logLines } from "./log-lines.ts";
import { startLyingMirror } from "./lying-mirror.ts";
import { writeRandomFile } from "./measure.ts";
import { seededRandom } from "./seeded-random.ts";
import { startTcpProxy } from "./tcp-proxy.ts";
import { until } from "./until.ts";

export interface SwarmNode {
  readonly home: string;
  /** Whom it dials; the others of its neighbours dial it. */
  readonly dials: readonly string[];
  readonly neighbours: number;
  lines(): LogLine[];
  /** How often something was logged. */
  count(event: string): number;
  /** When something was first logged, by this machine's clock; undefined before. */
  atMs(event: string): number | undefined;
  start(): Promise<void>;
  /** At once, as by a loss of power. */
  kill(): Promise<void>;
  /** @returns the document it prints at its end */
  stop(): Promise<{ readonly givenBytes: number; readonly timestampVersion: number | null }>;
}

export interface Swarm {
  /** The first is the publisher. */
  readonly nodes: readonly SwarmNode[];
  /** The artifact, as it comes to stand in a home. */
  readonly file: string;
  readonly artifactBytes: number;
  /** Bytes that the publisher has sent to all others, counted outside of it. */
  wireBytes(): number;
  /** Tells the publisher's home of the release; its daemon finds it there. */
  publish(): Promise<void>;
  /** Everything ends and is removed. */
  close(): Promise<void>;
}

export interface SwarmOptions {
  /** Exists; everything lies below it. */
  readonly folder: string;
  readonly nodes: number;
  readonly mebibytes: number;
  readonly seed: string;
  /** Of node `i`; the same one for all, by default Deno. */
  readonly runtime?: (i: number) => Runtime;
}

const NOWHERE = "http://127.0.0.1:9";
const VERSION = "1.0.0";
/** A slow machine starts dozens of processes. */
const DEADLINE_MS = 1_800_000;

/** Two rings through all nodes, each in a random order: connected, and everybody has four neighbours, or two the same. */
function randomGraph(nodes: number, seed: string): [number, number][] {
  const random = seededRandom(seed);
  const edges = new Map<string, [number, number]>();
  for (let ring = 0; ring < 2; ring++) {
    const order = random.sample(Array.from({ length: nodes }, (_, i) => i), nodes);
    order.forEach((i, at) => {
      const other = order[(at + 1) % nodes]!; // it is below the number of nodes
      const edge: [number, number] = [Math.min(i, other), Math.max(i, other)];
      edges.set(edge.join(), edge);
    });
  }
  return [...edges.values()];
}

export async function createSwarm(o: SwarmOptions): Promise<Swarm> {
  const { folder } = o;
  const platform = platformName(process.platform, process.arch);
  const name = `dchat-${VERSION}-${platform}`;
  const original = join(folder, "original"), repo = join(folder, "repo"), key = join(folder, "key.pem");
  const run = (...args: string[]) => expect(0, args);
  writeRandomFile(original, o.mebibytes);
  await run("release", "keygen", key);
  await run("release", "init", repo, "--network", "swarm", "--key", key);
  await run("release", "add", repo, original, "--version", VERSION, "--platform", platform, "--format", "executable");
  await run("release", "publish", repo, "--key", key);
  const mirror = await startLyingMirror();
  mirror.serve(new Map([...filesOf(repo)].filter(([path]) => !path.endsWith(name))));
  const root = join(repo, "metadata", "1.root.json");

  const template = join(folder, "template");
  await run("init", "--repo", NOWHERE, "--root", root, "--home", template);
  await run("configure-auto-update", "--enabled", "--home", template);

  // Any three bytes: other swarms of this machine have others.
  const [a, b] = [20 + Math.floor(Math.random() * 200), Math.floor(Math.random() * 250)];
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const proxy = await startTcpProxy(`127.${a}.${b}.254`, `127.${a}.${b}.1`, port);
  const listen = (i: number) => `/ip4/127.${a}.${b}.${i + 1}/tcp/${port}`;
  const edges = randomGraph(o.nodes, o.seed);

  function createNode(i: number): SwarmNode {
    const home = join(folder, `node-${i}`);
    const dials = edges.filter(([, to]) => to === i)
      .map(([from]) => from === 0 ? `/ip4/127.${a}.${b}.254/tcp/${port}` : listen(from));
    let running: Running | undefined;
    let said = "";
    const node: SwarmNode = {
      home,
      dials,
      neighbours: edges.filter((edge) => edge.includes(i)).length,
      lines: () => logLines(said + (running?.said() ?? "")),
      count: (event) => node.lines().filter((l) => l.event === event).length,
      atMs(event) {
        const line = node.lines().find((l) => l.event === event);
        return line === undefined ? undefined : Date.parse(line.time);
      },
      async start() {
        const args = ["daemon", "--json", "--home", home, "--listen", listen(i)];
        const runtime = o.runtime?.(i) ?? runtimes()[0];
        running = startDchat([...args, ...dials.flatMap((d) => ["--peer", d])], {
          ...(runtime === undefined ? {} : { runtime }),
          deadlineMs: DEADLINE_MS,
        });
        const mine = running;
        await until(`node ${i} listens`, () => mine.said().includes(`"listening"`) || mine.child.exitCode !== null);
        if (mine.child.exitCode !== null) throw new Error(`node ${i} ended: ${mine.said()}`);
      },
      async kill() {
        running?.child.kill("SIGKILL");
        await running?.outcome;
        said += running?.said() ?? "";
        running = undefined;
      },
      async stop() {
        if (running === undefined) throw new Error(`node ${i} does not run`);
        process.kill(running.child.pid ?? 0, "SIGTERM");
        const { code, stdout, stderr } = await running.outcome;
        said += stderr;
        running = undefined;
        if (code !== 0) throw new Error(`node ${i} ended with ${code}: ${stderr.slice(-2_000)}`);
        return JSON.parse(stdout); // docs/schemas/daemon.schema.json
      },
    };
    return node;
  }

  const nodes = Array.from({ length: o.nodes }, (_, i) => createNode(i));
  for (const { home } of nodes.slice(1)) cpSync(template, home, { recursive: true });
  const publisher = nodes[0]!; // there is at least one
  await run("init", "--repo", mirror.url, "--root", root, "--home", publisher.home);
  mkdirSync(join(publisher.home, "packages"), { recursive: true });
  cpSync(original, join(publisher.home, "packages", name));

  return {
    nodes,
    file: join("packages", name),
    artifactBytes: o.mebibytes << 20,
    wireBytes: proxy.bytes,
    publish: async () => void await run("check", "--no-gossip", "--home", publisher.home),
    async close() {
      await Promise.all(nodes.map((n) => n.kill()));
      await Promise.all([proxy.close(), mirror.close()]);
      for (const entry of readdirSync(folder)) rmSync(join(folder, entry), { recursive: true, force: true });
    },
  };
}
