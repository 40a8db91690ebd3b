import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { withLock } from "../../../src/disk/lock.ts";
import { UpdateError } from "../../../src/errors.ts";
import { killHard, linesOf, runScript } from "../../support/run-script.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const HOLDER = new URL("./lock-holder.ts", import.meta.url);
const signal = new AbortController().signal;
const isLocked = (e: unknown) => e instanceof UpdateError && e.code === "E_LOCKED";

describe("locks", { timeout: 60_000 }, () => {
  let folder: string;
  const children: ChildProcess[] = [];
  before(() => {
    folder = tempFolder("lock");
  });
  after(async () => {
    for (const child of children) await killHard(child);
    await rm(folder, { recursive: true, force: true });
  });

  async function startHolder(lockFile: string): Promise<ChildProcess> {
    const child = runScript(HOLDER, [lockFile, "hold"]);
    children.push(child);
    assert.equal((await linesOf(child).next()).value, "locked");
    return child;
  }

  /** Writes a lock like ours with some fields changed, as another owner would have left it. */
  async function plantLock(lockFile: string, changes: Record<string, unknown>): Promise<void> {
    let own: Record<string, unknown> = {};
    await withLock(lockFile, { signal }, async () => {
      own = JSON.parse(await readFile(lockFile, "utf8"));
    });
    await writeFile(lockFile, JSON.stringify({ ...own, nonce: "00112233445566ff", ...changes }));
  }

  async function makeOld(lockFile: string): Promise<void> {
    const twoMinutesAgo = new Date(Date.now() - 120_000);
    await utimes(lockFile, twoMinutesAgo, twoMinutesAgo);
  }

  test("a lock is there while its function runs and gone afterwards, also after an error", async () => {
    const lockFile = join(folder, "plain.lock");
    assert.equal(await withLock(lockFile, { signal }, async () => (await stat(lockFile)).isFile()), true);
    await assert.rejects(withLock(lockFile, { signal }, () => Promise.reject(new Error("inner"))), /inner/);
    await assert.rejects(stat(lockFile));
  });

  test("a lock that cannot be removed, as on a disk that became read-only, changes nothing of how it ended", async () => {
    const lose = async (name: string) => {
      await rename(join(folder, name), join(folder, `${name}-elsewhere`));
      await writeFile(join(folder, name), ""); // no folder: nothing below it can be read or removed
    };
    for (const name of ["well", "badly"]) await mkdir(join(folder, name));
    assert.equal(await withLock(join(folder, "well", "a.lock"), { signal }, () => lose("well").then(() => 7)), 7);
    const failing = () => lose("badly").then(() => assert.fail("its own words"));
    await assert.rejects(withLock(join(folder, "badly", "a.lock"), { signal }, failing), /its own words/);
  });

  test("a lock held by a living process is refused after the wait, with its pid", async () => {
    const lockFile = join(folder, "held.lock");
    const child = await startHolder(lockFile);
    let told = 0;
    await assert.rejects(
      withLock(lockFile, { signal, waitMs: 200, onWait: (h) => told = h.pid }, () => Promise.resolve()),
      (e) => isLocked(e) && (e as Error).message.includes(`process ${child.pid}`),
    );
    assert.equal(told, child.pid);
    const waiting = withLock(lockFile, { signal, waitMs: 20_000 }, () => Promise.resolve("mine"));
    child.stdin?.end();
    assert.equal(await waiting, "mine");
  });

  test("waiting for a lock ends when the signal is aborted", async () => {
    const lockFile = join(folder, "abort.lock");
    await plantLock(lockFile, {});
    const controller = new AbortController();
    await assert.rejects(
      withLock(lockFile, { signal: controller.signal, onWait: () => controller.abort() }, () => Promise.resolve()),
      { name: "AbortError" },
    );
  });

  test("the lock of a killed process is taken over at once", async () => {
    const lockFile = join(folder, "killed.lock");
    await killHard(await startHolder(lockFile));
    await stat(lockFile);
    assert.equal(await withLock(lockFile, { signal, waitMs: 0 }, () => Promise.resolve("mine")), "mine");
  });

  const onlyLinux = process.platform === "linux" ? {} : { skip: "identities are told by /proc" };

  test("a pid that lives again with another start time does not hold the lock", onlyLinux, async () => {
    const lockFile = join(folder, "reused.lock");
    await plantLock(lockFile, { startTime: "1" });
    assert.equal(await withLock(lockFile, { signal, waitMs: 0 }, () => Promise.resolve("mine")), "mine");
  });

  test("a lock from before the last boot does not hold", onlyLinux, async () => {
    const lockFile = join(folder, "boot.lock");
    await plantLock(lockFile, { bootId: "00000000-0000-0000-0000-000000000000" });
    assert.equal(await withLock(lockFile, { signal, waitMs: 0 }, () => Promise.resolve("mine")), "mine");
  });

  test(
    "a lock from another container holds while its heartbeat does, whatever its pid means here",
    onlyLinux,
    async () => {
      const lockFile = join(folder, "container.lock");
      await plantLock(lockFile, { pidNamespace: "pid:[1]", pid: 4_194_303 });
      await assert.rejects(withLock(lockFile, { signal, waitMs: 0 }, () => Promise.resolve()), isLocked);
      await makeOld(lockFile);
      assert.equal(await withLock(lockFile, { signal, waitMs: 0 }, () => Promise.resolve("mine")), "mine");
    },
  );

  for (const content of ["", "{", "null", '{"nonce":"x","pid":-1}']) {
    test(`a lock that says nothing (${JSON.stringify(content)}) holds only while it is fresh`, async () => {
      const lockFile = join(folder, "unreadable.lock");
      await writeFile(lockFile, content);
      await assert.rejects(withLock(lockFile, { signal, waitMs: 0 }, () => Promise.resolve()), isLocked);
      await makeOld(lockFile);
      assert.equal(await withLock(lockFile, { signal, waitMs: 0 }, () => Promise.resolve("mine")), "mine");
    });
  }

  test("an owner keeps its lock fresh for those who cannot see whether it lives", async () => {
    const lockFile = join(folder, "heartbeat.lock");
    await withLock(lockFile, { signal }, async () => {
      await makeOld(lockFile);
      while (Date.now() - (await stat(lockFile)).mtimeMs > 60_000) await delay(100); // the test's time-out ends this
    });
  });

  test("an owner that was taken for dead does not remove the lock of the next one", async () => {
    const lockFile = join(folder, "lost.lock");
    await withLock(lockFile, { signal }, async () => {
      const own = JSON.parse(await readFile(lockFile, "utf8"));
      await writeFile(lockFile, JSON.stringify({ ...own, nonce: "00112233445566ff" }));
    });
    assert.match(await readFile(lockFile, "utf8"), /00112233445566ff/);
  });

  test("a take-over whose process died in the middle is itself taken over", onlyLinux, async () => {
    const lockFile = join(folder, "guard.lock");
    await plantLock(lockFile, { startTime: "1" });
    const guard = `${lockFile}.00112233445566ff.dchat-tmp`;
    await plantLock(guard, { startTime: "2", nonce: "aaaaaaaaaaaaaaaa" });
    assert.equal(await withLock(lockFile, { signal, waitMs: 0 }, () => Promise.resolve("mine")), "mine");
    assert.deepEqual((await readdir(folder)).filter((n) => n.startsWith("guard.lock")), []);
  });

  test("a take-over never removes the lock of whoever was faster", onlyLinux, async () => {
    const lockFile = join(folder, "race.lock");
    let inside = 0;
    let most = 0;
    for (let round = 0; round < 8; round++) {
      await plantLock(lockFile, { startTime: "1" });
      await Promise.all(Array.from({ length: 8 }, () =>
        withLock(lockFile, { signal }, async () => {
          most = Math.max(most, ++inside);
          await stat(lockFile);
          inside--;
        })));
    }
    assert.equal(most, 1);
  });

  test("several processes that count under the lock lose no count, with one of them killed in between", async () => {
    const lockFile = join(folder, "count.lock");
    const counterFile = join(folder, "counter");
    await writeFile(counterFile, "0");
    const victim = await startHolder(lockFile);
    const counters = [1, 2, 3].map(() => runScript(HOLDER, [lockFile, "count", counterFile, "20"]));
    children.push(...counters);
    const finished = counters.map((child) => linesOf(child).next());
    await killHard(victim);
    for (const line of await Promise.all(finished)) assert.equal(line.value, "done");
    assert.equal(await readFile(counterFile, "utf8"), "60");
  });
});
