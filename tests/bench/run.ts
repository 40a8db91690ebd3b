// Runs the measurements: every program of this folder, or those named: `deno task bench startup verify`.
// Each is a program of its own that prints its table, then its figures as one line of JSON.
// Must not: run two at a time; they would measure each other.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runtimes } from "../runtimes/runtimes.ts";

const self = fileURLToPath(import.meta.url);
const folder = dirname(self);
const all = readdirSync(folder)
  .filter((file) => file.endsWith(".ts") && file !== basename(self))
  .map((file) => basename(file, ".ts"))
  .sort();
const named = process.argv.slice(2);
const unknown = named.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`no such measurement: ${unknown.join(", ")}; there are ${all.join(", ")}`);
  process.exit(2);
}
// Installed now, as what is taken away below may name the certificates that their packages are fetched with.
runtimes();
// What is set for the runtimes on this machine belongs to no measurement. NODE_EXTRA_CA_CERTS with a system's list of
// certificates, say, costs Node 20 45 ms and 60 ms of the processor at each start: it reads all of them before anything
// else. (Deno gives its environment to those it starts, whatever it is told to give them.)
const OF_RUNTIMES = /^(NODE|DENO|BUN)_/;
for (const variable of Object.keys(process.env)) {
  if (OF_RUNTIMES.test(variable) && variable !== "DENO_DIR") delete process.env[variable];
}
for (const name of named.length > 0 ? named : all) {
  console.log(`\n== ${name}`);
  const { status } = spawnSync(process.execPath, ["run", "-A", join(folder, `${name}.ts`)], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
