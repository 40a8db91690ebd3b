// A small network of honest daemons, the bundled file as processes, over a repository in memory; what each of them costs,
// in processor time and memory; and a cable through its middle. Hostile nodes come from outside.
// Must not: judge.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { expect } from "../cli/network.ts";
import type { Runtime } from "../runtimes/runtimes.ts";
import { type Running, startDchat } from "./bundled-cli.ts";
import { type LogLine, logLines } from "./log-lines.ts";
import { startLyingMirror } from "./lying-mirror.ts";
import { freePort } from "./free-port.ts";
import { createReleaseRepository, nameOf, type ReleaseRepository } from "./release-repository.ts";
import { startTcpProxy } from "./tcp-proxy.ts";
import { tempFolder } from "./temp-folder.ts";
import { until } from "./until.ts";

export interface HonestNode {
  readonly home: string;
  /** Its own, with its id. */
  readonly address: string;
  readonly id: string;
  lines(): LogLine[];
  count(event: string): number;
  /** The newest that it has proven and stored. */
  timestampVersion(): number;
  /** Messages of the topic that were of no use to it or lies, by its own counters. */
  refused(): Promise<number>;
  /** Processor time used so far; 0 where the system does not say. */
  cpuMs(): number;
  /** The most memory it had at any time; 0 where the system does not say. */
  peakBytes(): number;
  stop(): Promise<void>;
}

export interface HonestNetwork {
  readonly repository: ReleaseRepository;
  readonly nodes: readonly HonestNode[];
  /** The bytes of release 1.0.0, which lie in the first node's cache. */
  readonly content: Uint8Array;
  /** One more node. */
  start(o: {
    readonly peers: readonly string[];
    readonly autoUpdate?: boolean;
    readonly runtime?: Runtime;
  }): Promise<HonestNode>;
  /** What the repository has now is learnt by the first node from its mirror; it tells the others. */
  tell(): Promise<void>;
  /** Until all know what the repository has now. @returns how long that took */
  converged(of?: readonly HonestNode[]): Promise<number>;
  /** Between the first half of the nodes and the others. */
  cut(): void;
  heal(): void;
  /** Ends everything. */
  close(): Promise<void>;
}

const NOWHERE = "http://127.0.0.1:9";
/** Of the system's ticks a second. */
const TICK_MS = 10;

let hosts = 0;

/** @param runtime default: Deno */
export async function createHonestNetwork(
  size: number,
  content: Uint8Array,
  runtime?: Runtime,
): Promise<HonestNetwork> {
  const folder = tempFolder("hostile");
  const repository = createReleaseRepository({ seed: "hostile network", nowMs: Date.now() });
  await repository.addRelease("1.0.0", { content });
  repository.publish();
  const mirror = await startLyingMirror();
  mirror.serve(repository.files());
  const root = join(folder, "root.json");
  writeFileSync(root, repository.pinnedRoot);
  const running = new Set<Running>();
  const network = `127.${20 + Math.floor(Math.random() * 200)}.${Math.floor(Math.random() * 250)}`;
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  async function start(
    repo: string,
    peers: readonly string[],
    autoUpdate: boolean,
    on: Runtime | undefined,
  ): Promise<HonestNode> {
    const host = ++hosts, home = join(folder, `home-${host}`);
    await expect(0, ["init", "--repo", repo, "--root", root, "--home", home]);
    if (autoUpdate) await expect(0, ["configure-auto-update", "--enabled", "--home", home]);
    const listen = `/ip4/${network}.${host}/tcp/${port}`;
    const metricsPort = await freePort();
    const where = ["--home", home, "--listen", listen, "--metrics-port", String(metricsPort)];
    const args = ["daemon", "--json", ...where, ...peers.flatMap((p) => ["--peer", p])];
    const daemon = startDchat(args, { deadlineMs: 600_000, ...(on === undefined ? {} : { runtime: on }) });
    running.add(daemon);
    const lines = () => logLines(daemon.said());
    await until("it listens", () => lines().some((l) => l.event === "listening") || daemon.child.exitCode !== null);
    const address = lines().find((l) => l.event === "listening")?.addresses?.[0];
    if (address === undefined) throw new Error(daemon.said());
    const proc = (file: string) => {
      try {
        return readFileSync(`/proc/${daemon.child.pid}/${file}`, "utf8");
      } catch {
        return ""; // not Linux
      }
    };
    return {
      home,
      address,
      id: address.split("/").at(-1) ?? "",
      lines,
      count: (event) => lines().filter((l) => l.event === event).length,
      timestampVersion: () => lines().findLast((l) => l.event === "learnt")?.timestampVersion ?? 0,
      async refused() {
        const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
        const counts = text.matchAll(/^dchat_update_announcements_total\{verdict="(?:ignored|rejected)"\} (\d+)$/gm);
        return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
      },
      cpuMs() {
        const [, , , , , , , , , , , user = 0, system = 0] = proc("stat").replace(/^.*\) /, "").split(" ").map(Number);
        return (user + system) * TICK_MS;
      },
      peakBytes: () => Number(/^VmHWM:\s+(\d+) kB$/m.exec(proc("status"))?.[1] ?? 0) * 1024,
      async stop() {
        process.kill(daemon.child.pid ?? 0, "SIGTERM");
        const { code, stderr } = await daemon.outcome;
        running.delete(daemon);
        if (code !== 0) throw new Error(`a node ended with ${code}: ${stderr.slice(-2_000)}`);
      },
    };
  }

  const half = Math.ceil(size / 2);
  const cables: Awaited<ReturnType<typeof startTcpProxy>>[] = [];
  const nodes: HonestNode[] = [];

  /** Each dials the two before it; those of the second half reach the first through a cable. */
  async function addressOf(i: number, from: number): Promise<string> {
    if (from < half || i >= half) return nodes[i]!.address; // it was started before
    const target = `${network}.${i + 1}`, cable = `${network}.${200 + cables.length}`;
    cables.push(await startTcpProxy(cable, target, port));
    return nodes[i]!.address.replace(target, cable);
  }

  for (let i = 0; i < size; i++) {
    const peers: string[] = [];
    for (const other of [i - 1, i - 2]) if (other >= 0) peers.push(await addressOf(other, i));
    nodes.push(await start(i === 0 ? mirror.url : NOWHERE, peers, false, runtime));
  }
  const [first] = nodes;
  if (first === undefined) throw new Error("a network of no nodes");
  mkdirSync(join(first.home, "packages"), { recursive: true });
  writeFileSync(join(first.home, "packages", nameOf("1.0.0")), content);

  const wanted = () => JSON.parse(Buffer.from(repository.bytes("timestamp")).toString()).signed.version as number;
  return {
    repository,
    nodes,
    content,
    start: (o) => start(NOWHERE, o.peers, o.autoUpdate ?? false, o.runtime),
    async tell() {
      mirror.serve(repository.files());
      await expect(0, ["check", "--no-gossip", "--home", first.home]);
    },
    async converged(of = nodes) {
      const beganMs = performance.now();
      for (const node of of) await until("it knows", () => node.timestampVersion() === wanted());
      return performance.now() - beganMs;
    },
    async close() {
      for (const { child } of running) child.kill("SIGKILL");
      await Promise.all([...running].map((r) => r.outcome));
      await Promise.all([mirror.close(), ...cables.map((c) => c.close())]);
    },
    cut: () => cables.forEach((c) => c.cut()),
    heal: () => cables.forEach((c) => c.heal()),
  };
}
