// download of 512 MiB from loopback, the whole process, against `curl` to a file, which checks nothing, and against
// `aria2c --checksum`, which checks SHA-256 alone. Medians in turn; read the ratios.
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { runtimes } from "../runtimes/runtimes.ts";
import { type CommandLine, isInstalled, mediansInTurn, round, timeMs, writeRandomFile } from "../support/measure.ts";
import { BUNDLE, publishRelease } from "../support/release-fixture.ts";
import { serveFolder } from "../support/mirror-process.ts";
import { tempFolder } from "../support/temp-folder.ts";

const MEBIBYTES = 512;
const ROUNDS = 5;

if (!isInstalled("curl") || !isInstalled("aria2c")) {
  console.log("skipped: needs curl and aria2c");
  process.exit(0);
}
const folder = tempFolder("bench");
try {
  const original = join(folder, "original");
  writeRandomFile(original, MEBIBYTES);
  const { repo, root } = publishRelease(folder, original);
  rmSync(original);
  const server = await serveFolder(repo);
  try {
    const released = "targets/dchat/1.0.0";
    const name = readdirSync(join(repo, released))[0] ?? "";
    const url = `${server.url}/${released}/${name}`;
    const output = join(folder, "output");
    const curl: CommandLine = ["curl", "--silent", "--fail", "--output", output, url];
    const checksum = `--checksum=sha-256=${name.slice(0, 64)}`;
    const aria2: CommandLine = ["aria2c", "--quiet", checksum, "--dir", folder, "--out", "output", url];
    const rival = (command: CommandLine) => () => {
      rmSync(output, { force: true });
      return timeMs(command);
    };
    const rows = runtimes().map(({ name: runtime, fileCommand }) => {
      const home = join(folder, `home-${runtime}`);
      timeMs(fileCommand(BUNDLE, ["init", "--home", home, "--repo", server.url, "--root", root]));
      const args = ["download", "--home", home, "--version", "1.0.0", "--platform", "linux-x64", "--quiet"];
      const ours = () => {
        rmSync(join(home, "packages"), { recursive: true, force: true });
        return timeMs(fileCommand(BUNDLE, args));
      };
      const [oursMs = NaN, curlMs = NaN, aria2Ms = NaN] = mediansInTurn([ours, rival(curl), rival(aria2)], ROUNDS);
      rmSync(home, { recursive: true });
      return {
        runtime,
        downloadMs: round(oursMs),
        curlMs: round(curlMs),
        ratioToCurl: round(oursMs / curlMs, 2),
        aria2Ms: round(aria2Ms),
        ratioToAria2: round(oursMs / aria2Ms, 2),
      };
    });
    console.table(rows);
    console.log(JSON.stringify({ bench: "download", mebibytes: MEBIBYTES, rounds: ROUNDS, rows }));
  } finally {
    await server.stop();
  }
} finally {
  rmSync(folder, { recursive: true });
}
