// verify of 512 MiB, the whole process, against `openssl dgst -sha256` followed by `b3sum`: the same two digests by
// native tools, and against openssl alone. Both read the file from the page cache. Medians in turn; read the ratios.
import { rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { runtimes } from "../runtimes/runtimes.ts";
import { type CommandLine, isInstalled, mediansInTurn, round, timeMs, writeRandomFile } from "../support/measure.ts";
import { BUNDLE, publishRelease } from "../support/release-fixture.ts";
import { tempFolder } from "../support/temp-folder.ts";

const MEBIBYTES = 512;
const ROUNDS = 9;

if (!isInstalled("openssl") || !isInstalled("b3sum")) {
  console.log("skipped: needs openssl and b3sum");
  process.exit(0);
}
const folder = tempFolder("bench");
try {
  const file = join(folder, "dchat-1.0.0-linux-x64");
  writeRandomFile(file, MEBIBYTES);
  const { bundle, root } = publishRelease(folder, file);
  const native = (): number => timeMs(["openssl", "dgst", "-sha256", file]) + timeMs(["b3sum", file]);
  const openssl = (): number => timeMs(["openssl", "dgst", "-sha256", file]);
  const args = ["verify", "--package", file, "--bundle", bundle, "--root", root, "--home", join(folder, "home")];
  const hosts = runtimes();
  const verifications = hosts.map(({ fileCommand }) => {
    const verify: CommandLine = fileCommand(BUNDLE, args);
    return () => timeMs(verify);
  });
  // All of them in every round: an hour in which the machine is slow is one for all.
  const [both = NaN, one = NaN, ...ours] = mediansInTurn([native, openssl, ...verifications], ROUNDS);
  const rows = hosts.map(({ name }, i) => {
    const verifyMs = ours[i] ?? NaN;
    return {
      runtime: name,
      verifyMs: round(verifyMs),
      opensslThenB3sumMs: round(both),
      ratio: round(verifyMs / both, 2),
      opensslMs: round(one),
      ratioToOpenssl: round(verifyMs / one, 2),
    };
  });
  console.table(rows);
  console.log(JSON.stringify({ bench: "verify", mebibytes: MEBIBYTES, rounds: ROUNDS, rows }));
} finally {
  rmSync(folder, { recursive: true });
}
