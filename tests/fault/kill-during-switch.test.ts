// kill -9 of a supervisor at every system call with which a switch changes the disk or a process: after the next start
// the right version runs, complete, once, and nothing is left over. docs/activation.md, "A crash in the middle".
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startNode } from "../../src/activate/supervise/node-process.ts";
import { writeRequest } from "../../src/activate/supervise/switch-request.ts";
import { homeAt } from "../../src/config/home.ts";
import type { Runtime } from "../runtimes/runtimes.ts";
import { killedAloneAt, traceableNode } from "../support/kill-at-call.ts";
import { createSupervised, type Supervised } from "../support/supervised.ts";
import { until } from "../support/until.ts";

const node = traceableNode();
const supervised = await createSupervised();

/** What changes the disk or a process. Writes wake threads besides: those are moments like others. */
const CALLS = ["unlink", "fsync", "rename", "link", "symlink", "clone", "clone3", "kill", "write"];

interface Scenario {
  readonly name: string;
  /** What is asked for. */
  readonly to: string;
  /** What runs when all is done. */
  readonly end: string;
  /** What the supervisor says at the end. */
  readonly says: string;
  /** With a backup between the two versions. */
  readonly hasBackup: boolean;
}

const SCENARIOS: readonly Scenario[] = [
  { name: "a switch", to: "1.1.0", end: "1.1.0", says: "switched to 1.1.0", hasBackup: false },
  {
    name: "a switch with a backup, that is taken back",
    to: "1.2.0",
    end: "1.0.0",
    says: "1.0.0 runs again",
    hasBackup: true,
  },
];

/** There are more; each takes a second or two. */
const LEAST_POINTS = 200;
const AT_A_TIME = 3;

const digestOf = (home: string, version: string): string =>
  JSON.parse(readFileSync(join(home, "versions", version, "staged.json"), "utf8")).sha256;

/** The old version runs without a supervisor, and somebody has asked for the new one. */
async function prepare(to: string): Promise<Supervised> {
  const s = await supervised(), home = homeAt(s.home), program = join(s.home, "versions", "1.0.0", "dchat");
  const command = s.node.command.map((word) => word.replace("{program}", program));
  const env = { DCHAT_PROGRAM: program, DCHAT_VERSION: "1.0.0" };
  await startNode(home, { version: "1.0.0", sha256: digestOf(s.home, "1.0.0"), command, env }, "inherit");
  await until("the old version runs", () => s.node.log().length > 0);
  await writeRequest(home, { version: to, sha256: digestOf(s.home, to), activationHeight: null });
  return s;
}

/** @returns false when the switch was over before there was such a call */
async function killAt(runtime: Runtime, scenario: Scenario, call: string, n: number): Promise<boolean> {
  const { to, end, says, hasBackup } = scenario;
  const s = await prepare(to), where = `${to}, ${call} ${n}`;
  // It says between what, and fails where the node still runs. This process started it and may collect it later.
  const saved = join(s.node.folder, "saved"), status = `"/proc/$(cat '${s.node.folder}/pid')/status"`;
  const backup = `! grep -qs '^State:.[^ZX]' ${status} && echo "$DCHAT_FROM_VERSION $DCHAT_TO_VERSION" >> '${saved}'`;
  const options = hasBackup ? ["--backup-cmd", backup] : [];
  const killed = s.run(options, killedAloneAt(runtime, call, n));
  let isEnded = false;
  killed.child.once("exit", () => isEnded = true);
  await until(where, () => isEnded || killed.said().includes(says));
  const wasKilled = isEnded;
  if (!isEnded) {
    killSupervisor(s);
    await until(`${where}: it is gone`, () => isEnded);
  }
  const current = JSON.parse(readFileSync(join(s.home, "current.json"), "utf8"));
  assert.equal(current.sha256, digestOf(s.home, current.version), where);

  const next = s.run(["--verbose", ...options], { runtime });
  const runs = new RegExp(`${end} (started|runs already)`);
  await until(`${where}: ${end} runs`, () => isSettled(s, end) && runs.test(next.said()));
  // It listens only when it knows what to do with a signal.
  await until(`${where}: ${end} answers`, async () => (await s.node.ask())?.version === end);
  s.signal(next, "SIGTERM");
  const { code, stderr } = await next.outcome;
  // Nobody knows with what an adopted one ends.
  assert.ok(code === 7 || (code === 0 && stderr.includes("runs already")), `${where}: ${code} ${stderr}`);
  assert.ok(!s.node.log().includes("two"), `${where}: two ran at a time`);
  assert.equal(await s.node.ask(), undefined, where);
  assert.equal(JSON.parse(readFileSync(join(s.home, "current.json"), "utf8")).version, end, where);
  // Drafts of a killed process are swept away after an hour.
  const left = readdirSync(s.home).filter((name) => /^(journal|switch-request|child)\.json$|\.lock$/.test(name));
  assert.deepEqual(left, [], where);
  assert.equal(existsSync(join(s.home, "failed-switches.json")), end !== to, `${where}: ${next.said()}`);
  // Once, or again by the supervisor that began the switch anew; before the new version ran in either case.
  if (hasBackup) assert.match(readFileSync(saved, "utf8"), new RegExp(`^(1\\.0\\.0 ${to}\n){1,2}$`), where);
  return wasKilled;
}

/** Itself, not its tracer. */
function killSupervisor({ home }: Supervised): void {
  try {
    process.kill(JSON.parse(readFileSync(join(home, "run.lock"), "utf8")).pid, "SIGKILL");
  } catch (e) {
    // A call after the switch was its end.
    assert.equal((e as NodeJS.ErrnoException).code, "ESRCH");
  }
}

/** No switch is on its way, and the node that runs is this version and has begun. */
function isSettled({ home, node }: Supervised, version: string): boolean {
  const isThere = (name: string) => existsSync(join(home, name));
  if (isThere("journal.json") || isThere("switch-request.json")) return false;
  return node.log().findLast((line) => line.startsWith("start"))?.startsWith(`start ${version}`) === true;
}

let points = 0;
for (const scenario of SCENARIOS) {
  for (const call of CALLS) {
    if (node === undefined) break;
    test(`${scenario.name}, killed at any ${call}, is finished by the next supervisor`, async () => {
      let n = 1, isOver = false, killed = 0;
      const work = async () => {
        while (!isOver) {
          if (await killAt(node, scenario, call, n++)) killed++;
          else isOver = true;
        }
      };
      await Promise.all(Array.from({ length: AT_A_TIME }, work));
      points += killed;
      console.log(`  killed at ${killed} calls of ${call}`);
    });
  }
}

test("there were enough of them", { skip: node === undefined ? "nothing can be traced here" : false }, () => {
  assert.ok(points >= LEAST_POINTS, `${points}`);
});
