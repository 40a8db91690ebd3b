// 20 upgrades in a row on 10 nodes under `run`, real processes all: each node switches at the first answer of its chain
// that says it is time, and never before; nobody answers for at most a second more than the program needs to start.
// DCHAT_BENCH_NODES and DCHAT_BENCH_UPGRADES make it smaller.
import { rmSync } from "node:fs";
import process from "node:process";
import { median, round } from "../support/measure.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { upgradesInARow } from "../support/upgrades-in-a-row.ts";

const NODES = Number(process.env["DCHAT_BENCH_NODES"] ?? 10);
const UPGRADES = Number(process.env["DCHAT_BENCH_UPGRADES"] ?? 20);
/** As `run` has it when nobody says anything else. */
const POLL_SECONDS = 1;
/** Besides its own start. */
const MAX_DOWNTIME_MS = 1000;

const folder = tempFolder("bench");
try {
  const onProgress = (text: string) => console.error(text);
  const { switches, ownStartMs, readyMs } = await upgradesInARow({
    folder,
    nodes: NODES,
    upgrades: UPGRADES,
    pollSeconds: POLL_SECONDS,
    onProgress,
  });
  const delays = switches.map((s) => s.delayMs), downtimes = switches.map((s) => s.downtimeMs);
  const early = switches.filter((s) => !(s.delayMs >= 0)).length;
  const late = switches.filter((s) => s.polls !== 1).length;
  const figures = {
    nodes: NODES,
    upgrades: UPGRADES,
    switches: switches.length,
    early,
    late,
    delayMedianMs: median(delays),
    delayMostMs: Math.max(...delays),
    ownStartMs: round(ownStartMs),
    downtimeMedianMs: round(median(downtimes)),
    downtimeMostMs: round(Math.max(...downtimes)),
    readyMs: Math.round(readyMs),
  };
  const ok = switches.length === NODES * UPGRADES && early === 0 && late === 0 &&
    figures.downtimeMostMs <= MAX_DOWNTIME_MS + ownStartMs;
  console.table(figures);
  console.log(JSON.stringify({ bench: "upgrades", ...figures, ok }));
  if (!ok) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
