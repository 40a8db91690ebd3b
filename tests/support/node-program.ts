// A small node: a real HTTP server that answers its version and pid, and writes down when it starts, when it is told
// something, and whether another one of it runs. Asked for /end/N it ends with N. Design: "Health" of docs/activation.md.
// Must not: know the product.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { runtimes } from "../runtimes/runtimes.ts";
import { freePort } from "./free-port.ts";

/** "ends": with 3, at once. "lies": answers another version. "deaf": does not end when it is asked to. */
export type Manner = "good" | "ends" | "lies" | "deaf";

/** The bytes of an executable. */
export function nodeProgram(version: string, manner: Manner = "good"): Uint8Array {
  return new TextEncoder().encode(`#!${interpreter()}
const { appendFileSync, readFileSync, writeFileSync } = require("node:fs");
const [port, folder] = process.argv.slice(2);
const log = (line) => {
  appendFileSync(folder + "/log", line + "\\n");
  appendFileSync(folder + "/times", Date.now() + " " + line + "\\n");
};
try {
  const other = Number(readFileSync(folder + "/pid", "utf8"));
  process.kill(other, 0);
  // One that has ended and that nobody has collected answers to its number still.
  if (!/\\) [ZX] /.test(readFileSync("/proc/" + other + "/stat", "latin1"))) log("two");
} catch {}
writeFileSync(folder + "/pid", String(process.pid));
const said = ["VERSION", "HALT_HEIGHT", "ACTIVATION_HEIGHT"].map((name) => process.env["DCHAT_" + name] ?? "-");
log("start ${version} " + said.join(" "));
if (${manner === "ends"}) process.exit(3);
for (const name of ["SIGHUP", "SIGUSR2"]) process.on(name, () => log(name));
for (const name of ["SIGTERM", "SIGINT"]) {
  process.on(name, () => {
    log(name);
    if (${manner !== "deaf"}) process.exit(7);
  });
}
const version = ${JSON.stringify(manner === "lies" ? `${version}-other` : version)};
require("node:http").createServer((asked, answer) => {
  const end = /^\\/end\\/(\\d)$/.exec(asked.url);
  if (end) process.exit(Number(end[1]));
  answer.setHeader("connection", "close");
  answer.end(JSON.stringify({ version, pid: process.pid }));
}).listen(Number(port), "127.0.0.1");
`);
}

/** A script's first line takes no arguments everywhere: so a Node, by its own path. */
function interpreter(): string {
  const node = runtimes().find((r) => r.name === "node24")?.fileCommand("", [])[0];
  return node ?? process.execPath;
}

export interface RunningNode {
  readonly port: number;
  /** Where the program writes. */
  readonly folder: string;
  /** What is behind "--". */
  readonly command: readonly string[];
  readonly url: string;
  /** What it answers now; undefined when nobody does. */
  ask(): Promise<{ version: string; pid: number } | undefined>;
  log(): string[];
  /** Its log with the milliseconds of each line. */
  times(): { readonly atMs: number; readonly line: string }[];
}

export async function nodeAt(folder: string): Promise<RunningNode> {
  const port = await freePort(), url = `http://127.0.0.1:${port}/`;
  return {
    port,
    folder,
    url,
    command: ["{program}", String(port), folder],
    async ask() {
      try {
        return await (await fetch(url)).json();
      } catch {
        return undefined;
      }
    },
    log: () => linesOf(join(folder, "log")),
    times: () =>
      linesOf(join(folder, "times")).map((text) => {
        const [atMs = "", ...words] = text.split(" ");
        return { atMs: Number(atMs), line: words.join(" ") };
      }),
  };
}

function linesOf(file: string): string[] {
  return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
}
