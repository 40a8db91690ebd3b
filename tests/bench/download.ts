// download of 512 MiB from one nginx on loopback, the whole process, against `curl -o`, which proves nothing, and
// against `aria2c -x4 -s4 --checksum`, which computes one digest of our two. In turn, ratios of pairs.
// Targets: at most 1.5 times curl, at most half of aria2.
import { rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { runtimes } from "../runtimes/runtimes.ts";
import { type CommandLine, isInstalled, median, medianRatio, round, timeMs, timesInTurn } from "../support/measure.ts";
import { createDownloadHome, publishRandomRelease } from "../support/measured-download.ts";
import { serveFolder } from "../support/mirror-process.ts";
import { tempFolder } from "../support/temp-folder.ts";

const MEBIBYTES = 512;
const ROUNDS = 5;
const MAX_RATIO = { curl: 1.5, aria2: 0.5 };

if (!isInstalled("curl") || !isInstalled("aria2c")) {
  console.log("skipped: needs curl and aria2c");
  process.exit(0);
}
const folder = tempFolder("bench");
const { repo, root, artifact, sha256 } = publishRandomRelease(folder, MEBIBYTES);
const server = await serveFolder(repo);
try {
  const url = `${server.url}/${artifact}`;
  const output = join(folder, "output");
  const timed = (command: CommandLine) => () => {
    rmSync(output, { force: true });
    return timeMs(command);
  };
  const curl = timed(["curl", "--silent", "--fail", "--output", output, url]);
  const split = ["-x4", "-s4", `--checksum=sha-256=${sha256}`];
  const aria2 = timed(["aria2c", "--quiet", ...split, "--dir", folder, "--out", "output", url]);
  const rows = runtimes().map((runtime) => {
    const home = createDownloadHome(folder, runtime, [server.url], root);
    const download = () => {
      home.forget();
      return timeMs(home.command("--quiet"));
    };
    const [ours = [], curls = [], aria2s = []] = timesInTurn([download, curl, aria2], ROUNDS);
    home.remove();
    const ratioToCurl = round(medianRatio(ours, curls), 2), ratioToAria2 = round(medianRatio(ours, aria2s), 2);
    return {
      runtime: runtime.name,
      downloadMs: round(median(ours), 0),
      curlMs: round(median(curls), 0),
      ratioToCurl,
      aria2Ms: round(median(aria2s), 0),
      ratioToAria2,
      ok: ratioToCurl <= MAX_RATIO.curl && ratioToAria2 <= MAX_RATIO.aria2,
    };
  });
  console.table(rows);
  console.log(JSON.stringify({ bench: "download", mebibytes: MEBIBYTES, rounds: ROUNDS, rows }));
  if (rows.some(({ ok }) => !ok)) process.exitCode = 1;
} finally {
  await server.stop();
}
