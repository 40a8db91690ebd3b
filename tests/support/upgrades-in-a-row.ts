// Nodes under `run`, real processes all, and upgrade after upgrade: when each node was told that it is time, when it
// switched, and for how long nobody answered. Must not: judge what it measures.
import { spawn } from "node:child_process";
import { get } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createCrowd, type Crowd, type CrowdNode } from "./governed-crowd.ts";
import { serveFolder } from "./mirror-process.ts";
import { nodeAt } from "./node-program.ts";
import { runBundle } from "./release-fixture.ts";
import { killHard, linesOf, runScript } from "./run-script.ts";
import { until } from "./until.ts";
import type { Polls, WatchedChainPlace } from "./watched-chain-program.ts";

export interface UpgradesOptions {
  readonly folder: string;
  readonly nodes: number;
  readonly upgrades: number;
  /** Of `run`. */
  readonly pollSeconds: number;
  readonly onProgress?: (text: string) => void;
}

/** One node and one upgrade. */
export interface Switch {
  readonly node: number;
  readonly version: string;
  /** From the answer of its chain that said it is time to the end of the old program; less than 0 would be early. */
  readonly delayMs: number;
  /** Answers of its chain that said so before it acted: 1 is the first. */
  readonly polls: number;
  /** From the last answer of the old program to the first of the new one. */
  readonly downtimeMs: number;
}

export interface UpgradesInARow {
  readonly switches: readonly Switch[];
  /** A program started by hand, on a machine that does nothing else: from its start to its first answer, median. */
  readonly ownStartMs: number;
  /** From the announcement until every node had all versions ready. */
  readonly readyMs: number;
}

const START_HEIGHT = 1200;
/** More than the network's lead, and each upgrade has heights of its own. */
const STEP = 20;
const ASK_MS = 15;
/** Between the block before an upgrade's last block and that one, in polls: whoever is early switches then. */
const QUIET_POLLS = 2;

export async function upgradesInARow(o: UpgradesOptions): Promise<UpgradesInARow> {
  const chain = await startWatchedChain(o.nodes, START_HEIGHT);
  const named = { kind: "simulated", genesis: chain.place.genesis, finality: "instant" };
  const crowd = createCrowd(o.folder, named);
  const mirror = await serveFolder(crowd.governed.repo);
  const asking = new AbortController();
  try {
    const nodes = await startNodes(crowd, mirror.url, chain.place, o);
    const answers = nodes.map((n) => ask(n.node.port, asking.signal));
    await until("all answer", () => answers.every((a) => a.version() === "1.0.0"));
    const ownStartMs = await ownStart(o.folder, join(nodes[0]?.home ?? "", "versions", "1.0.0", "dchat"));
    const versions = Array.from({ length: o.upgrades }, (_, i) => `1.0.${i + 1}`);
    const heightOf = (i: number) => START_HEIGHT + STEP * (i + 1);
    versions.forEach((version, i) => {
      o.onProgress?.(`approving ${version}`);
      crowd.approve(version, heightOf(i), START_HEIGHT);
    });
    const announcedMs = performance.now();
    runBundle(["check", "--no-gossip", "--home", nodes[0]?.home ?? ""]); // one is told; the others hear of it
    const readyIn = (n: CrowdNode) => versions.every((v) => n.isReady(v));
    await untilLong("all is ready", () => nodes.every(readyIn));
    const readyMs = performance.now() - announcedMs;
    for (const [i, version] of versions.entries()) {
      await chain.finalize(heightOf(i) - 2);
      await delay(QUIET_POLLS * 1000 * o.pollSeconds);
      await chain.finalize(heightOf(i) - 1);
      await untilLong(`all switch to ${version}`, () => answers.every((a) => a.version() === version));
      o.onProgress?.(`${version} runs on all`);
    }
    const polls = await chain.polls();
    const switches = versions.flatMap((version, i) =>
      nodes.map((n, node) => switchOf(n, node, version, pollsFrom(polls, node, heightOf(i) - 1), answers[node]))
    );
    return { switches, ownStartMs, readyMs };
  } finally {
    asking.abort();
    await crowd.stop();
    await Promise.all([mirror.stop(), chain.stop()]);
  }
}

async function startNodes(
  crowd: Crowd,
  mirrorUrl: string,
  place: WatchedChainPlace,
  o: UpgradesOptions,
): Promise<CrowdNode[]> {
  const nodes: CrowdNode[] = [];
  let first: string | undefined;
  for (const url of place.nodeUrls) {
    // Every third knows a mirror; the others have what they have from their peers.
    const n = await crowd.join(nodes.length % 3 === 0 ? mirrorUrl : "http://127.0.0.1:9", url);
    const poll = ["--poll", String(o.pollSeconds)];
    const run = n.run([...poll, ...first === undefined ? [] : ["--peer", first]], { deadlineMs: 3_600_000 });
    first ??= await run.address();
    nodes.push(n);
    o.onProgress?.(`${nodes.length} nodes run`);
  }
  return nodes;
}

function switchOf(
  n: CrowdNode,
  node: number,
  version: string,
  timesMs: readonly number[],
  answers: Answers | undefined,
): Switch {
  const times = n.node.times(), started = times.findIndex(({ line }) => line.startsWith(`start ${version} `));
  const ended = times.slice(0, started).findLast(({ line }) => line === "SIGTERM");
  const change = answers?.changes.find((c) => c.to === version);
  if (ended === undefined || change === undefined) throw new Error(`node ${node} did not switch to ${version}`);
  return {
    node,
    version,
    delayMs: ended.atMs - (timesMs[0] ?? NaN),
    polls: timesMs.filter((at) => at <= ended.atMs).length,
    downtimeMs: change.downtimeMs,
  };
}

/** When a node was told of this height or a greater one. */
function pollsFrom(polls: Polls, node: number, height: number): number[] {
  return (polls[node] ?? []).flatMap(([finalized, times]) => finalized === height ? times : []);
}

interface Answers {
  version(): string | undefined;
  readonly changes: { readonly to: string; readonly downtimeMs: number }[];
}

/** Asks a program again and again, whoever answers. */
function ask(port: number, signal: AbortSignal): Answers {
  const changes: { to: string; downtimeMs: number }[] = [];
  let version: string | undefined, lastMs = 0;
  const loop = async () => {
    while (!signal.aborted) {
      const answer = await askOnce(port);
      if (answer !== undefined) {
        const now = performance.now();
        if (version !== undefined && answer !== version) changes.push({ to: answer, downtimeMs: now - lastMs });
        version = answer;
        lastMs = now;
      }
      await delay(ASK_MS);
    }
  };
  void loop();
  return { version: () => version, changes };
}

function askOnce(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, agent: false, timeout: 2_000 }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part) => text += part).on("error", () => resolve(undefined));
      response.on("end", () => resolve(JSON.parse(text).version));
    });
    request.on("error", () => resolve(undefined)).on("timeout", () => request.destroy());
  });
}

/** @returns the median of some starts of the program, from its start to its first answer */
async function ownStart(folder: string, program: string): Promise<number> {
  const node = await nodeAt(folder), times: number[] = [];
  for (let i = 0; i < 5; i++) {
    const startedMs = performance.now();
    const child = spawn(program, [String(node.port), folder], { stdio: "ignore" });
    while (await askOnce(node.port) === undefined) await delay(2);
    times.push(performance.now() - startedMs);
    await killHard(child);
  }
  return times.toSorted((a, b) => a - b)[2] ?? NaN;
}

/** `until` gives up sooner than many nodes on a small machine need. */
async function untilLong(what: string, condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 300_000;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`in vain: ${what}`);
    await delay(20);
  }
}

async function startWatchedChain(nodes: number, height: number) {
  const script = new URL("./watched-chain-program.ts", import.meta.url);
  const child = runScript(script, [String(nodes), String(height)]);
  const lines = linesOf(child);
  const nextLine = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error("the chain has ended");
    return value;
  };
  const place = JSON.parse(await nextLine()) as WatchedChainPlace; // the program's own line
  let at = height;
  return {
    place,
    async finalize(to: number): Promise<void> {
      const body = JSON.stringify({ produce: to - at });
      at = to;
      const response = await fetch(`${place.url}/orders`, { method: "POST", body });
      await response.text();
    },
    async polls(): Promise<Polls> {
      child.stdin?.write("polls\n");
      return JSON.parse(await nextLine()) as Polls; // the program's own line
    },
    async stop(): Promise<void> {
      await killHard(child);
    },
  };
}
