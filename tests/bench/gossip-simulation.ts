// An announcement in networks of 1,000 and 10,000 nodes, simulated: the product's own relay at each node, and flooding with
// a time to live of 5 beside it, over the same modelled network (tests/support/gossip-simulation.ts). The same figures in
// every run of a seed. Target: everybody knows in the end.
import process from "node:process";
import { round } from "../support/measure.ts";
import { simulate } from "../support/gossip-simulation.ts";

const SIZES = (process.env["DCHAT_BENCH_NODES"] ?? "1000,10000").split(",").map(Number);
const DEGREES = [4, 8];
const TTL = 5;
const SEED = process.env["DCHAT_BENCH_SEED"] ?? "1";

const rows: Record<string, unknown>[] = [];
for (const nodes of SIZES) {
  for (const degree of DEGREES) {
    for (const way of ["product", { ttl: TTL }] as const) {
      const beganMs = performance.now();
      const { halfMs, p99Ms, allMs, everybodyMs, reached, messagesPerNode } = await simulate({
        nodes,
        degree,
        seed: SEED,
        way,
      });
      const seconds = (ms: number | undefined) => ms === undefined ? "never" : round(ms / 1000, 2);
      rows.push({
        nodes,
        degree,
        way: way === "product" ? way : `TTL ${way.ttl}`,
        half: seconds(halfMs),
        p99: seconds(p99Ms),
        all: seconds(allMs),
        everybody: seconds(everybodyMs),
        reached: round(reached * 100, 1),
        messagesPerNode: round(messagesPerNode, 1),
        ok: way !== "product" || reached === 1,
        tookS: round((performance.now() - beganMs) / 1000, 0),
      });
    }
  }
}
console.table(rows);
console.log(JSON.stringify({ bench: "gossip-simulation", seed: SEED, rows }));
if (rows.some(({ ok }) => ok === false)) process.exitCode = 1;
