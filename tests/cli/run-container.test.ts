// run in containers that share a home: real namespaces of processes, where nobody sees the others and numbers begin anew.
// docs/activation.md, "Never two".
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Running } from "../support/bundled-cli.ts";
import { createSupervised, type Supervised } from "../support/supervised.ts";
import { until } from "../support/until.ts";

/** Dies with everything in it when it is killed, as a container does. */
const CONTAINER = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
const can = spawnSync("unshare", [...CONTAINER.slice(1), "true"]).status === 0;
if (!can) console.warn("skipped: namespaces of processes are not allowed here");
const skip = can ? false : "no namespaces";
const supervised = can ? await createSupervised() : () => assert.fail("skipped");

const starts = (s: Supervised) => s.node.log().filter((line) => line.startsWith("start")).length;
const recorded = (s: Supervised) => JSON.parse(readFileSync(join(s.home, "child.json"), "utf8"));
const answers = (s: Supervised) => until("it answers", async () => await s.node.ask() !== undefined);

/** Kills a container with all that is in it, and lets a minute seem to have passed since it said anything. */
async function destroy(s: Supervised, container: Running): Promise<void> {
  await s.kill(container);
  await until("nothing of it is left", async () => await s.node.ask() === undefined);
  rmSync(join(s.node.folder, "pid")); // by which nodes find each other: in another container it is somebody else's
  const past = Date.now() / 1000 - 120;
  utimesSync(join(s.home, "run.lock"), past, past);
}

test("a new container, in which the recorded number is another process: that is left alone", { skip }, async () => {
  const s = await supervised(), first = s.run([], { under: CONTAINER });
  await answers(s);
  const before = recorded(s);
  await destroy(s, first);
  // The first numbers are given to strangers, the recorded one among them.
  const stranger = `kill -0 ${before.pid} && echo "it lives" >&2`;
  const crowd = `for i in $(seq ${before.pid}); do sleep 1000 & done; ${stranger}; "$@" & wait $!; ${stranger}`;
  const second = s.run([], { under: [...CONTAINER, "/bin/sh", "-c", crowd, "crowd"] });
  await answers(s);
  assert.match(second.said(), /it lives/);
  assert.ok(!second.said().includes("it goes on"), "it was adopted");
  assert.notEqual(recorded(s).startTime, before.startTime);
  assert.equal(starts(s), 2);
  assert.ok(!s.node.log().includes("two"));
  // Its supervisor has a number that nobody sees from here; its lock tells it.
  const { pid } = JSON.parse(readFileSync(join(s.home, "run.lock"), "utf8"));
  spawnSync("nsenter", ["--target", String(innerOf(second)), "--pid", "--mount", "kill", "-KILL", String(pid)]);
  await until("the stranger was looked at again", () => second.said().match(/it lives/g)?.length === 2);
  await s.kill(second);
});

/** The first process of a container, as it is seen from here. */
function innerOf({ child }: Running): number {
  return Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim());
}

test("a container beside another: nothing is started while that one lives, then it takes over", { skip }, async () => {
  const s = await supervised(), first = s.run([], { under: CONTAINER });
  await answers(s);
  const pid = (await s.node.ask())?.pid;
  const second = s.run([], { under: CONTAINER });
  await until("it waits", () => second.said().includes("waiting for a supervisor"));
  assert.equal((await s.node.ask())?.pid, pid);
  assert.equal(starts(s), 1);
  await destroy(s, first);
  await answers(s);
  assert.equal(starts(s), 2);
  assert.ok(!s.node.log().includes("two"));
  await s.kill(second);
});
