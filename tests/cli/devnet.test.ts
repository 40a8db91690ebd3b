// The devnet as it is run: the bundled file, the demo from its first process to its last, and that nothing is left of it
// however it ends. docs/devnet.md.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { after, test } from "node:test";
import { runtimes } from "../runtimes/runtimes.ts";
import { type Running, type RunOptions, startDchat } from "../support/bundled-cli.ts";
import { until } from "../support/until.ts";
import { expect } from "./network.ts";

const running = new Set<Running>();
after(async () => {
  for (const { child } of running) child.kill("SIGTERM");
  await Promise.all([...running].map((r) => r.outcome));
});

/** The demo has a limit of its own, below this. */
const DEADLINE_MS = 240_000;

function start(args: readonly string[], o: RunOptions = {}): Running {
  const devnet = startDchat(["devnet", "--json", ...args], { deadlineMs: DEADLINE_MS, ...o });
  running.add(devnet);
  void devnet.outcome.then(() => running.delete(devnet));
  return devnet;
}

interface Up extends Running {
  readonly folder: string;
  /** Of the processes that have the folder in their command line, the node's own among them. */
  readonly pids: readonly number[];
}

async function up(): Promise<Up> {
  const devnet = start(["--nodes", "1", "--block-time", "0.3"]);
  await until(
    "it is up",
    () => devnet.said().includes("is connected with his neighbours") || devnet.child.exitCode !== null,
  );
  const [line = ""] = devnet.said().split("\n");
  const { folder } = JSON.parse(line) as { folder: string };
  const pids = processesWith(folder);
  assert.ok(pids.length >= 4, devnet.said()); // two mirrors, the node's and the maintainer's processes
  return { ...devnet, folder, pids };
}

function processesWith(text: string): number[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name)).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(text);
    } catch {
      return false; // it has just ended
    }
  }).map(Number);
}

async function requireNothingLeft({ folder, pids }: Up): Promise<void> {
  // What was killed takes a moment to be gone.
  await until("no process is left", () => processesWith(folder).length === 0);
  for (const pid of pids) assert.ok(!existsSync(`/proc/${pid}`) || isZombie(pid), `process ${pid} is left`);
  assert.ok(!existsSync(folder), "the folder is left");
}

/** Where the test's own parent collects nobody, an orphan that has ended stays in the list. */
const isZombie = (pid: number) => /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));

test("the demo holds: an upgrade at its block, an operator by hand, a cancelled one, one that is taken back", async () => {
  const node = runtimes().find((r) => r.name === "node24");
  const { outcome } = start(["--scenario", "demo"], node === undefined ? {} : { runtime: node });
  const { code, stdout, stderr } = await outcome;
  const { ok, steps, problem } = JSON.parse(stdout);
  assert.deepEqual([code, ok, problem], [0, true, null], stdout + stderr);
  const acts = [...new Set(steps.map((s: { act: string }) => s.act))];
  assert.deepEqual(acts, [
    "the network",
    "an upgrade",
    "an operator by hand",
    "a cancelled upgrade",
    "an upgrade that is ill",
  ]);
  assert.match(stdout, /mirror-b, http:\/\/127\.0\.0\.1:\d+, is blamed by 5 of 5 nodes, and nobody else is/);
  const lines = stderr.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines.slice(1).map(({ event: _, ...step }) => step), steps);
  assert.deepEqual(processesWith(lines[0].folder), []);
  assert.ok(!existsSync(lines[0].folder));
});

test("it stays until it is told to end, and then nothing is left of it", async () => {
  const devnet = await up();
  process.kill(devnet.child.pid ?? 0, "SIGINT");
  const { code, stdout, stderr } = await devnet.outcome;
  assert.equal(code, 0, stderr);
  assert.equal(JSON.parse(stdout).ok, true);
  await requireNothingLeft(devnet);
});

test("when one of its processes dies, it ends, says which one, and nothing is left of it", async () => {
  const devnet = await up();
  const supervisor = devnet.pids.find((pid) =>
    readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("\0run\0--home")
  );
  process.kill(supervisor ?? 0, "SIGKILL");
  const { code, stdout } = await devnet.outcome;
  const { ok, problem } = JSON.parse(stdout);
  assert.deepEqual([code, ok], [1, false]);
  assert.match(problem, /^node-1\b.* has ended \(SIGKILL\)/);
  await requireNothingLeft(devnet);
});

test("when it is killed itself, nothing is left of it either", async () => {
  const devnet = await up();
  process.kill(devnet.child.pid ?? 0, "SIGKILL");
  await until("all of it is gone", () => !existsSync(devnet.folder));
  await requireNothingLeft(devnet);
  await devnet.outcome;
});

test("told to end while it starts, it ends with 130", async () => {
  const devnet = start(["--nodes", "1", "--scenario", "start"]);
  await until("it has begun", () => processesWith("devnet-chain").length > 0);
  process.kill(devnet.child.pid ?? 0, "SIGINT");
  const { code } = await devnet.outcome;
  assert.equal(code, 130);
});

test("what it cannot do is told at once", async () => {
  await expect(2, ["devnet", "--nodes", "0"]);
  await expect(2, ["devnet", "--nodes", "21"]);
  await expect(2, ["devnet", "--scenario", "other"]);
  await expect(2, ["devnet-mirror", "/there/is/nothing"]);
});
