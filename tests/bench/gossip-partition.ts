// Seven daemons, cut in two for a minute while a release is published in one half: how long after the cable is mended until
// the other half knows. Target: two minutes; who waits longest before it dials again waits a minute and a half.
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { testBytes } from "../support/artifact.ts";
import { createHonestNetwork } from "../support/honest-network.ts";
import { round } from "../support/measure.ts";

const NODES = 7;
const CUT_MS = Number(process.env["DCHAT_BENCH_CUT_MS"] ?? 60_000);
const MAX_HEALED_MS = 120_000;

const network = await createHonestNetwork(NODES, testBytes(1_000, "partition"));
try {
  const { nodes, repository } = network;
  const near = nodes.slice(0, Math.ceil(NODES / 2)), far = nodes.slice(near.length);
  await network.tell();
  await network.converged();
  network.cut();
  repository.publish();
  await network.tell();
  await network.converged(near);
  await delay(CUT_MS);
  const newest = Math.max(...near.map((n) => n.timestampVersion()));
  const knewBefore = far.filter((n) => n.timestampVersion() === newest).length;
  network.heal();
  const beganMs = performance.now();
  const waitedMs = () => performance.now() - beganMs;
  while (!far.every((n) => n.timestampVersion() === newest) && waitedMs() < MAX_HEALED_MS) await delay(100);
  const healedMs = round(waitedMs(), 0);
  const row = { nodes: NODES, cutMs: CUT_MS, knewBefore, healedMs, ok: healedMs < MAX_HEALED_MS && knewBefore === 0 };
  console.table([row]);
  console.log(JSON.stringify({ bench: "gossip-partition", ...row }));
  if (!row.ok) process.exitCode = 1;
} finally {
  await network.close();
}
