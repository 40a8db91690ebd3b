// download of 512 MiB from several mirrors, each of 20 MiB/s as a whole, from the start of the process to its end.
// Targets: three honest ones give 95 % of their sum (aria2 beside it); two honest ones, one that alters random pieces and
// one that dies half-way take at most 1.5 times what the honest two would, and the liar is refused and named.
import { rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { measuredRuntimes, type Runtime } from "../runtimes/runtimes.ts";
import { isInstalled, round, timeMs } from "../support/measure.ts";
import { createDownloadHome, MIB, publishRandomRelease, watchDownload } from "../support/measured-download.ts";
import type { MirrorOptions } from "../support/mirror-program.ts";
import { type MirrorProcess, startMirror } from "../support/mirror-process.ts";
import { areRefusalsRight } from "../support/right-refusals.ts";
import { tempFolder } from "../support/temp-folder.ts";

const MEBIBYTES = 512;
const MIB_PER_SECOND = 20;
const MIN_SHARE_OF_SUM = 0.95;
const MAX_RATIO_WITH_FAULTS = 1.5;
/** From the last byte to the proof: SHA-256 keeps up with pieces that come from several sources, and not in order. */
const MAX_PROOF_MS = 50;
const MEASURED = ["node20", "node24", "deno2", "bun1"];
// Another one each time; `deno task bench mirrors` with DCHAT_BENCH_SEED=… repeats one.
const SEED = process.env["DCHAT_BENCH_SEED"] ?? String(Date.now());

const folder = tempFolder("bench");
const { repo, root, artifact, sha256 } = publishRandomRelease(folder, MEBIBYTES);
const limited = { bytesPerSecond: MIB_PER_SECOND * MIB };

/** Starts mirrors, uses them, ends them. */
async function withMirrors<T>(options: readonly MirrorOptions[], use: (m: MirrorProcess[]) => Promise<T>): Promise<T> {
  const mirrors = await Promise.all(options.map((o) => startMirror(repo, { ...limited, ...o })));
  try {
    return await use(mirrors);
  } finally {
    await Promise.all(mirrors.map((m) => m.stop()));
  }
}

async function download(runtime: Runtime, mirrors: readonly MirrorProcess[]) {
  const home = createDownloadHome(folder, runtime, mirrors.map(({ url }) => url), root);
  try {
    const { elapsedMs, report } = await watchDownload(home).ended;
    return { elapsedMs, ...report() };
  } finally {
    home.remove();
  }
}

const honestMs = (mirrors: number) => MEBIBYTES * 1000 / (mirrors * MIB_PER_SECOND);

async function threeHonest(runtime: Runtime) {
  const { elapsedMs, proofMs } = await withMirrors([{}, {}, {}], (mirrors) => download(runtime, mirrors));
  const shareOfSum = round(honestMs(3) / elapsedMs, 3);
  const ok = shareOfSum >= MIN_SHARE_OF_SUM && proofMs <= MAX_PROOF_MS;
  return { runtime: runtime.name, ms: round(elapsedMs, 0), shareOfSum, proofMs, ok };
}

async function aria2() {
  const elapsedMs = await withMirrors([{}, {}, {}], (mirrors) => {
    const urls = mirrors.map(({ url }) => `${url}/${artifact}`);
    const split = ["-x4", "-s12", `--checksum=sha-256=${sha256}`];
    return Promise.resolve(timeMs(["aria2c", "--quiet", ...split, "--dir", folder, "--out", "output", ...urls]));
  });
  rmSync(join(folder, "output"));
  const shareOfSum = round(honestMs(3) / elapsedMs, 3);
  return { runtime: "aria2c", ms: round(elapsedMs, 0), shareOfSum, proofMs: NaN, ok: true };
}

async function withFaults(runtime: Runtime) {
  // The one that dies could give a third, once the liar is gone; it gives half of that.
  const faults = [{}, {}, { alters: { seed: SEED, share: 0.1 } }, { diesAfterBytes: MEBIBYTES * MIB / 6 }];
  return await withMirrors(faults, async (mirrors) => {
    const { elapsedMs, proofMs, sources, refused } = await download(runtime, mirrors);
    const [, , liar, dying] = mirrors;
    const counts = await liar!.counts(); // it is the third of them
    const lies = sources.find(({ id }) => id === liar?.url)?.lies ?? 0;
    const ratio = round(elapsedMs / honestMs(2), 2);
    const namedOnly = refused.length > 0 && refused.every(({ source }) => source === liar?.url);
    return {
      runtime: runtime.name,
      ms: round(elapsedMs, 0),
      ratio,
      proofMs,
      alteredSent: counts.alteredPieces,
      perhapsUnread: counts.alteredLast,
      lies,
      refused: namedOnly ? "the liar" : refused.map(({ source }) => source).join(", "),
      dyingSentMiB: round(((await dying?.counts())?.sentBytes ?? 0) / MIB, 0),
      ok: ratio <= MAX_RATIO_WITH_FAULTS && proofMs <= MAX_PROOF_MS && namedOnly && areRefusalsRight(lies, counts),
    };
  });
}

const measured = measuredRuntimes(MEASURED);
const honest: Awaited<ReturnType<typeof threeHonest>>[] = [];
if (isInstalled("aria2c")) honest.push(await aria2());
for (const runtime of measured) honest.push(await threeHonest(runtime));
console.table(honest);
const faulty: Awaited<ReturnType<typeof withFaults>>[] = [];
for (const runtime of measured) faulty.push(await withFaults(runtime));
console.log(`seed ${SEED}`);
console.table(faulty);
console.log(JSON.stringify({ bench: "mirrors", mebibytes: MEBIBYTES, seed: SEED, honest, faulty }));
if ([...honest, ...faulty].some(({ ok }) => !ok)) process.exitCode = 1;
