// download of 512 MiB, killed (-9) at 10 random moments and started again each time. The mirror counts what it sends
// twice. Target: at most 16 MiB a kill, and the proof of the whole holds at the end.
import process from "node:process";
import { measuredRuntimes } from "../runtimes/runtimes.ts";
import { round } from "../support/measure.ts";
import { createDownloadHome, downloadUntil, MIB, publishRandomRelease } from "../support/measured-download.ts";
import { startMirror } from "../support/mirror-process.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { tempFolder } from "../support/temp-folder.ts";

const MEBIBYTES = 512;
const KILLS = 10;
const MAX_REPEATED_MIB = 16;
// Slower than a client, so that what it has sent was received: else it counts what sockets still hold.
const BYTES_PER_SECOND = 64 * MIB;
const MEASURED = ["node20", "node24", "deno2", "bun1"];
// Another one each time; `deno task bench resume` with DCHAT_BENCH_SEED=… repeats one.
const SEED = process.env["DCHAT_BENCH_SEED"] ?? String(Date.now());

const folder = tempFolder("bench");
const { repo, root, sha256 } = publishRandomRelease(folder, MEBIBYTES);

const rows: { runtime: string; repeatedMiB: number[]; mostMiB: number; ok: boolean }[] = [];
for (const runtime of measuredRuntimes(MEASURED)) {
  const mirror = await startMirror(repo, { bytesPerSecond: BYTES_PER_SECOND });
  const home = createDownloadHome(folder, runtime, [mirror.url], root);
  try {
    const random = seededRandom(`${SEED} ${runtime.name}`);
    const moments = Array.from({ length: KILLS }, () => random.below(MEBIBYTES * MIB)).sort((a, b) => a - b);
    const repeatedMiB: number[] = [];
    for (const moment of [...moments, Infinity]) {
      const { code, repeatedBytes, report } = await downloadUntil(home, mirror, moment);
      repeatedMiB.push(round(repeatedBytes / MIB));
      if (moment === Infinity && report().sha256 !== sha256) throw new Error("another file");
      if (moment !== Infinity && code !== null) throw new Error(`ended with ${code} before it was killed`);
    }
    const [, ...afterKills] = repeatedMiB; // before the first kill nothing is sent twice but hedges
    const mostMiB = Math.max(...afterKills);
    rows.push({ runtime: runtime.name, repeatedMiB: afterKills, mostMiB, ok: mostMiB <= MAX_REPEATED_MIB });
  } finally {
    await mirror.stop();
    home.remove();
  }
}
console.log(`seed ${SEED}`);
console.table(rows.map(({ repeatedMiB, ...row }) => ({ ...row, repeatedMiB: repeatedMiB.join(" ") })));
console.log(JSON.stringify({ bench: "resume", mebibytes: MEBIBYTES, kills: KILLS, seed: SEED, rows }));
if (rows.some(({ ok }) => !ok)) process.exitCode = 1;
