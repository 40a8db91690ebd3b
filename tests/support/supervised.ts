// Homes with versions of the small node, and supervisors that run them. Everything that was started is stopped at the
// end of the test file. Must not: judge anything.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { once } from "node:events";
import { after } from "node:test";
import { type Running, type RunOptions, startDchat } from "./bundled-cli.ts";
import { isAlive, ownIdentity } from "../../src/disk/process-identity.ts";
import { filesOf, json, succeed } from "../cli/network.ts";
import { startLyingMirror } from "./lying-mirror.ts";
import { type Manner, nodeAt, nodeProgram, type RunningNode } from "./node-program.ts";
import { tempFolder } from "./temp-folder.ts";

export interface Supervised {
  readonly home: string;
  readonly node: RunningNode;
  /** Starts `run` with these options before the "--". */
  run(options?: readonly string[], o?: RunOptions): Running;
  /** Not `child.kill`: on Deno that makes up how the process ended. */
  signal(r: Running, name: NodeJS.Signals): void;
  /** kill -9 of the supervisor alone; its node lives on and keeps the pipes open. */
  kill(r: Running): Promise<void>;
  /** Runs another command on the home. */
  // deno-lint-ignore no-explicit-any -- tests look into documents whose shape tests/cli/schemas.test.ts asserts
  json(args: readonly string[], code?: number): Promise<any>;
}

export const VERSIONS: readonly (readonly [version: string, manner: Manner])[] = [
  ["1.0.0", "good"],
  ["1.1.0", "good"],
  ["1.2.0", "ends"],
  ["1.3.0", "lies"],
  ["1.4.0", "deaf"],
];

/** To be called once, at the top of a test file. @returns makes homes where 1.0.0 is activated and the others are installed */
export async function createSupervised(): Promise<() => Promise<Supervised>> {
  const folder = tempFolder("run");
  const running: Running[] = [];
  const homes: string[] = [];
  const mirror = await startLyingMirror();
  after(async () => {
    for (const { child } of running) child.kill("SIGKILL");
    // A node that outlives its supervisor holds its pipes: only then is everything closed.
    for (const home of homes) killRecorded(home);
    await Promise.all(running.map((r) => r.outcome));
    await mirror.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const repo = join(folder, "repo"), key = join(folder, "key.pem"), first = join(folder, "first");
  await succeed(["release", "keygen", key]);
  await succeed(["release", "init", repo, "--network", "testnet", "--key", key]);
  for (const [version, manner] of VERSIONS) {
    const file = join(folder, version);
    writeFileSync(file, nodeProgram(version, manner));
    const what = ["--version", version, "--platform", "linux-x64", "--format", "executable"];
    await succeed(["release", "add", repo, file, ...what]);
  }
  await succeed(["release", "publish", repo, "--key", key]);
  mirror.serve(filesOf(repo));
  const root = join(repo, "metadata", "1.root.json");
  await succeed(["init", "--repo", mirror.url, "--root", root, "--home", first]);
  for (const [version] of VERSIONS) await succeed(["install", "--version", version, "--home", first]);
  return async () => {
    const home = join(folder, `home-${homes.length}`), place = join(folder, `node-${homes.length}`);
    homes.push(home);
    cpSync(first, home, { recursive: true, verbatimSymlinks: true });
    mkdirSync(place);
    const node = await nodeAt(place);
    return {
      home,
      node,
      signal: ({ child }, name) => void process.kill(child.pid ?? 0, name),
      async kill({ child }) {
        if (child.exitCode !== null || child.signalCode !== null) return; // what it waited for ended it
        const ended = once(child, "exit");
        child.kill("SIGKILL");
        await ended;
      },
      run(options = [], o = {}) {
        const args = ["run", "--home", home, "--health-url", node.url, "--poll", "0.1", "--offline", ...options];
        const r = startDchat([...args, "--", ...node.command], o);
        running.push(r);
        return r;
      },
      json: (args, code) => json([...args, "--home", home], code),
    };
  };
}

/** The supervisor, which a tracer that was killed leaves alone, and the node. */
function killRecorded(home: string): void {
  for (const [name, sign] of [["run.lock", 1], ["child.json", -1]] as const) {
    const file = join(home, name);
    if (!existsSync(file)) continue;
    try {
      const recorded = JSON.parse(readFileSync(file, "utf8"));
      // A number of another container is somebody else's here.
      if (isAlive(recorded, ownIdentity()) === true) process.kill(sign * recorded.pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  }
}
