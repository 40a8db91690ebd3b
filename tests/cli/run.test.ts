// run: one node, the right version of it, whatever dies when. docs/activation.md, "Running the node".
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runtimes } from "../runtimes/runtimes.ts";
import { createSupervised, type Supervised } from "../support/supervised.ts";
import { until } from "../support/until.ts";

const supervised = await createSupervised();

/** The pid of the node that answers this version. */
async function answering(s: Supervised, version: string): Promise<number> {
  let pid: number | undefined;
  let asking = false;
  await until(`${version} answers`, () => {
    if (!asking) {
      asking = true;
      void s.node.ask().then((a) => {
        if (a?.version === version) pid = a.pid;
        asking = false;
      });
    }
    return pid !== undefined;
  });
  return pid ?? 0;
}

const starts = (s: Supervised) => s.node.log().filter((line) => line.startsWith("start"));
const childFile = (s: Supervised) => join(s.home, "child.json");

for (const runtime of runtimes()) {
  test(`${runtime.name}: the node runs, is switched by a word from elsewhere, and is stopped by a signal`, async () => {
    const s = await supervised(), running = s.run([], { runtime });
    const old = await answering(s, "1.0.0");
    const activated = await s.json(["activate", "--version", "1.1.0"]);
    assert.deepEqual([activated.changed, activated.running], [true, true]);
    assert.notEqual(await answering(s, "1.1.0"), old);
    s.signal(running, "SIGTERM");
    const { code, stderr } = await running.outcome;
    assert.equal(code, 7, stderr); // the node's own
    assert.equal(await s.node.ask(), undefined);
    assert.deepEqual(s.node.log(), ["start 1.0.0 1.0.0 - -", "SIGTERM", "start 1.1.0 1.1.0 - -", "SIGTERM"]);
    assert.deepEqual([existsSync(childFile(s)), existsSync(join(s.home, "run.lock"))], [false, false]);
    assert.equal((await s.json(["status"])).switching, null);
  });

  test(`${runtime.name}: a supervisor that was killed is followed by one that adopts its node`, async () => {
    const s = await supervised(), first = s.run([], { runtime });
    const pid = await answering(s, "1.0.0");
    await s.kill(first);
    const second = s.run([], { runtime });
    await until("it was adopted", () => second.said().includes("it goes on"));
    assert.equal(await answering(s, "1.0.0"), pid);
    await s.json(["activate", "--version", "1.1.0"]);
    await answering(s, "1.1.0");
    s.signal(second, "SIGINT");
    assert.equal((await second.outcome).code, 7);
    assert.deepEqual(s.node.log().filter((l) => l === "two" || l === "SIGINT"), ["SIGINT"]);
  });
}

test("a version that does not start well is taken back, said so, and not tried again", async () => {
  for (const [version, why] of [["1.2.0", /ended \(3\)/], ["1.3.0", /1\.3\.0-other/]] as const) {
    const s = await supervised(), running = s.run(["--health-timeout", "1"]);
    await answering(s, "1.0.0");
    const { error } = await s.json(["activate", "--version", version], 46);
    assert.match(error.message, why);
    await answering(s, "1.0.0");
    const { current, failed, switching } = await s.json(["status"]);
    assert.deepEqual([current.version, failed[0].version, switching], ["1.0.0", version, null]);
    assert.ok(!s.node.log().includes("two"));
    s.signal(running, "SIGTERM");
    await running.outcome;
  }
});

test("a second supervisor of the same home is refused at once", async () => {
  const s = await supervised(), first = s.run();
  await answering(s, "1.0.0");
  const second = await s.run().outcome;
  assert.equal(second.code, 42, second.stderr);
  s.signal(first, "SIGTERM");
  await first.outcome;
  assert.equal(starts(s).length, 1);
});

test("a node that is killed is started again; other signals are passed on", async () => {
  const s = await supervised(), running = s.run();
  process.kill(await answering(s, "1.0.0"), "SIGKILL");
  await until("it was started again", () => starts(s).length === 2);
  await answering(s, "1.0.0");
  s.signal(running, "SIGHUP");
  s.signal(running, "SIGUSR2");
  await until("both were passed on", () => ["SIGHUP", "SIGUSR2"].every((name) => s.node.log().includes(name)));
  s.signal(running, "SIGTERM");
  await running.outcome;
});

test("a request that does not read, and a full set of leftovers, keep no node from starting", async () => {
  const s = await supervised();
  writeFileSync(join(s.home, "switch-request.json"), "{");
  writeFileSync(join(s.home, ".current.json.0123456789ab.dchat-tmp"), "{");
  const running = s.run();
  await answering(s, "1.0.0");
  assert.equal(existsSync(join(s.home, "switch-request.json")), false);
  s.signal(running, "SIGTERM");
  assert.equal((await running.outcome).code, 7);
});

test("without restarts the end of the node is the end of run, with its exit code", async () => {
  const s = await supervised(), running = s.run(["--no-restart"]);
  process.kill(await answering(s, "1.0.0"), "SIGKILL");
  assert.equal((await running.outcome).code, 128 + 9);
});

test("a node that does not listen is killed when its time is up", async () => {
  const s = await supervised();
  await s.json(["activate", "--version", "1.4.0"]);
  const running = s.run(["--stop-timeout", "0.5"]);
  await answering(s, "1.4.0");
  s.signal(running, "SIGTERM");
  assert.equal((await running.outcome).code, 128 + 9);
  assert.equal(await s.node.ask(), undefined);
});

test("the process of another start, boot or container is neither adopted nor touched", async () => {
  const stranger = spawn("sleep", ["1000"], { stdio: "ignore" });
  try {
    const s = await supervised(), first = s.run();
    await answering(s, "1.0.0");
    const record = JSON.parse(readFileSync(childFile(s), "utf8"));
    s.signal(first, "SIGTERM");
    await first.outcome;
    const startTime = readFileSync(`/proc/${stranger.pid}/stat`, "utf8").split(" ")[21];
    const lies = [
      { startTime: "1" }, // the number was given out again
      { startTime, bootId: "00000000-0000-0000-0000-000000000000" },
      { startTime, pidNamespace: "pid:[1]" },
    ];
    for (const lie of lies) {
      writeFileSync(childFile(s), JSON.stringify({ ...record, pid: stranger.pid, ...lie }));
      const running = s.run();
      assert.notEqual(await answering(s, "1.0.0"), stranger.pid);
      s.signal(running, "SIGTERM");
      await running.outcome;
      assert.equal(stranger.exitCode ?? stranger.signalCode, null, JSON.stringify(lie));
    }
  } finally {
    stranger.kill("SIGKILL");
    await once(stranger, "exit");
  }
});

test("a left-over node of another version or command is stopped before the right one starts", async () => {
  const s = await supervised(), first = s.run();
  const old = await answering(s, "1.0.0");
  await s.kill(first);
  await s.json(["activate", "--version", "1.1.0"]); // nobody supervises: from the next start on
  assert.equal((await s.node.ask())?.pid, old);
  const second = s.run();
  await answering(s, "1.1.0");
  s.signal(second, "SIGTERM");
  await second.outcome;
  assert.ok(!s.node.log().includes("two"));
});

test("the backup runs between the two, and one that fails leaves the old version", async () => {
  const s = await supervised(), backup = join(s.node.folder, "backup");
  const good = s.run(["--backup-cmd", `echo "$DCHAT_FROM_VERSION $DCHAT_TO_VERSION" > '${backup}'`]);
  await answering(s, "1.0.0");
  await s.json(["activate", "--version", "1.1.0"]);
  assert.equal(readFileSync(backup, "utf8"), "1.0.0 1.1.0\n");
  s.signal(good, "SIGTERM");
  await good.outcome;
  const bad = s.run(["--backup-cmd", "exit 9"]);
  await answering(s, "1.1.0");
  await s.json(["rollback"], 46);
  await answering(s, "1.1.0");
  assert.equal((await s.json(["status"])).current.version, "1.1.0");
  s.signal(bad, "SIGTERM");
  await bad.outcome;
});

test("what changed after it was installed is not started", async () => {
  const s = await supervised(), program = join(s.home, "versions", "1.1.0", "dchat");
  writeFileSync(program, `${readFileSync(program, "utf8")}\n`);
  const running = s.run();
  const pid = await answering(s, "1.0.0");
  await s.json(["activate", "--version", "1.1.0"], 30);
  assert.equal(await answering(s, "1.0.0"), pid);
  writeFileSync(join(s.home, "versions", "1.0.0", "dchat"), "#!/bin/sh\nexit 0\n");
  process.kill(pid, "SIGKILL");
  await until("it is said", () => running.said().includes("is not started"));
  assert.equal(starts(s).length, 1);
  s.signal(running, "SIGTERM");
  await running.outcome;
});
