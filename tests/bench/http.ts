// Receiving 512 MiB from nginx on loopback, by four ranges at a time into buffers of a piece: our client against the
// other ones that the runtimes and packages have, and HTTP/1.1 against HTTP/2 over TLS. One client a process, in turn;
// time of the processor, of the first round, in which everything is cold, and of the best one. Wall time says little on a
// busy machine. A rival that cannot do it on a runtime has no row there.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { runtimes } from "../runtimes/runtimes.ts";
import { CA_FILE } from "../support/http-server.ts";
import { median, round, writeRandomFile } from "../support/measure.ts";
import { startNginx } from "../support/nginx.ts";
import { tempFolder } from "../support/temp-folder.ts";

const MEBIBYTES = 512;
const PROCESSES = 2;
const PLAIN = ["ours", "ours, chunks kept", "undici", "node:http", "fetch", "socket"];
const TLS = ["ours", "node:http2"];

const folder = tempFolder("bench");
const www = join(folder, "www");
mkdirSync(www);
writeRandomFile(join(www, "file"), MEBIBYTES);
const nginx = await startNginx(www);
if (nginx === undefined) {
  console.log("skipped: needs nginx");
  process.exit(0);
}
const program = join(folder, "program.mjs");
await esbuild.build({
  entryPoints: [fileURLToPath(new URL("../support/http-speed-program.ts", import.meta.url))],
  bundle: true,
  platform: "node",
  format: "esm",
  target: "es2022",
  outfile: program,
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
});
await esbuild.stop();

interface Row {
  runtime: string;
  client: string;
  coldCpuMs: number;
  bestCpuMs: number;
  bestMs: number;
}

const rows: Row[] = [];
try {
  for (const { name: runtime, fileCommand } of runtimes()) {
    const measured = [
      ...PLAIN.map((client) => ({ client, url: nginx.url, label: client })),
      ...TLS.map((client) => ({ client, url: nginx.tlsUrl, label: `${client}, TLS` })),
    ].map((m) => ({ ...m, runs: [] as { ms: number; cpuMs: number }[][] }));
    for (let i = 0; i < PROCESSES; i++) {
      for (const { client, url, runs } of measured) {
        const [command, ...args] = fileCommand(program, [client, `${url}/file`, `${MEBIBYTES}`, CA_FILE]);
        const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: "utf8" });
        if (status === 0) runs.push(JSON.parse(stdout));
        else if (client.startsWith("ours")) throw new Error(`${client} on ${runtime} ended with ${status}: ${stderr}`);
      }
    }
    for (const { label: client, runs } of measured) {
      if (runs.length === 0) continue; // a rival that cannot do it there
      const all = runs.flat();
      rows.push({
        runtime,
        client,
        coldCpuMs: round(median(runs.map(([first]) => first?.cpuMs ?? NaN)), 0),
        bestCpuMs: round(Math.min(...all.map((r) => r.cpuMs)), 0),
        bestMs: round(Math.min(...all.map((r) => r.ms)), 0),
      });
    }
  }
} finally {
  await nginx.stop();
  rmSync(folder, { recursive: true });
}
console.table(rows);
console.log(JSON.stringify({ bench: "http", mebibytes: MEBIBYTES, processes: PROCESSES, rows }));
