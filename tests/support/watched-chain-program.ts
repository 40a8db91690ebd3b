// A simulated chain in a process of its own, with a URL for each node that asks it: who asked when and was told which
// height is known. `watched-chain-program.ts NODES HEIGHT`; it prints where it listens as JSON, answers each line of
// standard input by the polls so far, and ends with standard input. Must not: be imported for more than its types.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { startSimulatedServer } from "../../src/chain/simulated-server.ts";

/** What it prints first. */
export interface WatchedChainPlace {
  readonly genesis: string;
  /** For orders. */
  readonly url: string;
  /** A node's own. */
  readonly nodeUrls: readonly string[];
}

/** Of each node: when it was told of a final height, the first times of each. */
export type Polls = readonly (readonly (readonly [finalized: number, timesMs: readonly number[]])[])[];

/** The one that tells, and the next ones, which show whether anybody waited for them. */
const KEPT_TIMES = 3;

const [nodes = "1", height = "0"] = process.argv.slice(2);
const { chain, url } = await startSimulatedServer({ name: "watched", height: Number(height), finalityLag: 0 });
const polls = Array.from({ length: Number(nodes) }, () => new Map<number, number[]>());

const nodeUrls = await Promise.all(polls.map((mine) =>
  new Promise<string>((resolve) => {
    const server = createServer((request, response) => {
      const { latest, finalized, isSyncing } = chain.status();
      const body = request.url === "/status"
        ? { genesis: chain.genesis, latest, finalized, syncing: isSyncing }
        : undefined;
      response.writeHead(body === undefined ? 404 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(body ?? null));
      const times = mine.get(finalized.height) ?? [];
      mine.set(finalized.height, times);
      if (times.length < KEPT_TIMES) times.push(Date.now());
    });
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo; // it listens on TCP
      resolve(`http://127.0.0.1:${port}`);
    });
  })
));
const place: WatchedChainPlace = { genesis: chain.genesis, url, nodeUrls };
console.log(JSON.stringify(place));
createInterface({ input: process.stdin }).on("line", () => {
  const all: Polls = polls.map((mine) => [...mine]);
  console.log(JSON.stringify(all));
}).on("close", () => process.exit());
