// How a release spreads: daemons in processes of their own, each at its own loopback address, in a random graph of degree
// four; one of them has the release. Targets: all know of it within 2 s of its announcement; all have the proven artifact
// of 64 MiB, of which the publisher uploads at most 4 copies, by its own counter and by that of the wire. Writes the plot.
import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { runtimes } from "../runtimes/runtimes.ts";
import { round } from "../support/measure.ts";
import { spreadPlot } from "../support/spread-plot.ts";
import { createSwarm } from "../support/swarm.ts";
import { tempFolder } from "../support/temp-folder.ts";

const NODES = Number(process.env["DCHAT_BENCH_NODES"] ?? 24);
const MEBIBYTES = Number(process.env["DCHAT_BENCH_MIB"] ?? 64);
// Another graph each time; `DCHAT_BENCH_SEED=…` repeats one.
const SEED = process.env["DCHAT_BENCH_SEED"] ?? String(Date.now());
const MAX_KNOWN_MS = 2_000;
const MAX_COPIES = 4;
/** The library's mesh is made in some heartbeats of a second. */
const SETTLE_MS = 6_000;
const DEADLINE_MS = 600_000;
const PLOT = fileURLToPath(new URL("../../docs/gossip-spread.svg", import.meta.url));

const folder = tempFolder("bench");
// The one that starts and runs on the least memory, so that the machine bears many.
const runtime = runtimes().find((r) => r.name === "node24") ?? runtimes()[0]!; // there is always one
const swarm = await createSwarm({ folder, nodes: NODES, mebibytes: MEBIBYTES, seed: SEED, runtime: () => runtime });
const [publisher, ...others] = swarm.nodes;
if (publisher === undefined) throw new Error("there is a publisher");

async function all(what: string, event: string): Promise<number[]> {
  const endMs = Date.now() + DEADLINE_MS;
  for (;;) {
    const times = others.map((n) => n.atMs(event));
    const found = times.filter((t) => t !== undefined);
    if (found.length === others.length) return found.sort((a, b) => a - b);
    if (Date.now() > endMs) throw new Error(`after ${DEADLINE_MS} ms ${found.length} of ${others.length} ${what}`);
    await delay(200);
  }
}

try {
  for (const node of swarm.nodes) await node.start();
  const isConnected = () => swarm.nodes.every((n) => n.count("connected") >= n.neighbours);
  for (let waitedMs = 0; !isConnected(); waitedMs += 200) {
    if (waitedMs > DEADLINE_MS) throw new Error("not everybody is connected");
    await delay(200);
  }
  await delay(SETTLE_MS);
  const before = swarm.wireBytes();
  await swarm.publish();
  const known = await all("know of it", "learnt");
  const have = await all("have it", "downloaded");
  // When the publisher knew of it: what it announces is what it knows.
  const t0 = publisher.atMs("learnt") ?? NaN;
  const wire = swarm.wireBytes() - before;
  const sha256 = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");
  const right = sha256(join(publisher.home, swarm.file));
  const proven = others.filter((n) => sha256(join(n.home, swarm.file)) === right).length;
  const { givenBytes } = await publisher.stop();
  const since = (times: readonly number[]) => times.map((t) => t - t0);
  const at = (times: readonly number[], share: number) => since(times)[Math.ceil(times.length * share) - 1] ?? NaN;
  const copies = givenBytes / swarm.artifactBytes, wireCopies = wire / swarm.artifactBytes;
  const row = {
    nodes: NODES,
    mebibytes: MEBIBYTES,
    knownHalfMs: at(known, 0.5),
    knownAllMs: at(known, 1),
    haveHalfMs: at(have, 0.5),
    haveAllMs: at(have, 1),
    copies: round(copies, 2),
    wireCopies: round(wireCopies, 2),
    fromOthers: round((others.length - copies) / others.length, 2),
    proven,
    ok: at(known, 1) <= MAX_KNOWN_MS && copies <= MAX_COPIES && wireCopies <= MAX_COPIES * 1.02 &&
      proven === others.length,
  };
  console.log(`seed ${SEED}, ${runtime.name}`);
  console.table([row]);
  writeFileSync(
    PLOT,
    spreadPlot({ known: since(known), have: since(have), nodes: others.length, mebibytes: MEBIBYTES }),
  );
  console.log(JSON.stringify({ bench: "gossip-spread", seed: SEED, runtime: runtime.name, ...row }));
  if (!row.ok) process.exitCode = 1;
} finally {
  await swarm.close();
  rmSync(folder, { recursive: true, force: true });
}
