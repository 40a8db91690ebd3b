// A command of the operator's ends when it should, with everything it has started, and is heard no longer than it may be.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { identityOf, isAlive, ownIdentity } from "../../src/disk/process-identity.ts";
import { denoProgram } from "../runtimes/runtimes.ts";
import { runShellCommand, type ShellCommand } from "../../src/shell-command.ts";
import { fails } from "../support/fails.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { until } from "../support/until.ts";

const folder = tempFolder("shell");
const { signal } = new AbortController();
const PLAIN = { env: process.env, timeLimitMs: 20_000, maxOutputBytes: 1000, signal, terminal: "silent" } as const;
const run = (command: string, more: Partial<ShellCommand> = {}) => runShellCommand({ ...PLAIN, ...more, command });
const text = new TextDecoder();

test("what it prints and how it ends", async () => {
  const end = await run("echo out; echo err >&2; exit 3");
  assert.ok(end.how === "ended");
  assert.deepEqual([end.code, text.decode(end.output)], [3, "out\n"]);
  const killed = await run("kill -9 $$");
  assert.deepEqual(killed.how === "ended" && killed.code, null);
});

test("it reads what it is given, or nothing", async () => {
  const file = join(folder, "input");
  writeFileSync(file, "given");
  const input = openSync(file, "r");
  const ends = [await run("cat", { input }), await run("cat"), await run("cat", { terminal: "needed" })];
  closeSync(input);
  assert.deepEqual(ends.map((end) => end.how === "ended" && text.decode(end.output)), ["given", "", ""]);
});

/** A command that starts another one, which it waits for, and the identity of that one once it is there. */
function nesting(name: string) {
  const file = join(folder, name);
  return {
    command: `sleep 1000 & echo $! > '${file}'; wait`,
    async child() {
      await until("it has begun", () => /^\d+\n$/.test(readIfThere(file)));
      return identityOf(Number(readFileSync(file, "utf8")));
    },
  };
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

test("who is late is ended with all that it has started, also where its output goes to ours", async () => {
  for (const maxOutputBytes of [1000, null]) {
    const nested = nesting(`late ${maxOutputBytes}`);
    const ending = run(nested.command, { timeLimitMs: 500, maxOutputBytes });
    const child = await nested.child();
    assert.equal((await ending).how, "late");
    await until("nothing is left", () => isAlive(child, ownIdentity()) === false);
  }
});

test("an abort ends it likewise, and is told as such", async () => {
  const stop = new AbortController(), nested = nesting("abort");
  const ending = run(nested.command, { signal: stop.signal });
  const child = await nested.child();
  stop.abort();
  await assert.rejects(ending, fails("E_INTERRUPTED"));
  await until("nothing is left", () => isAlive(child, ownIdentity()) === false);
  await assert.rejects(run("true", { signal: stop.signal }), fails("E_INTERRUPTED"));
});

test("who prints without end is stopped", async () => {
  assert.equal((await run("yes")).how, "too-much");
  assert.equal((await run("printf %01001d 0")).how, "too-much");
  assert.equal((await run("printf %01000d 0")).how, "ended");
});

test("who must not outlive us ends with us, whatever ends us; otherwise it runs as any other", async () => {
  const tied = { endsWithUs: true } as const;
  const end = await run("echo out; exit 3", tied);
  assert.deepEqual(end.how === "ended" && [end.code, text.decode(end.output)], [3, "out\n"]);
  assert.equal((await run("cat", tied)).how, "ended");
  assert.equal((await run("sleep 1000", { ...tied, timeLimitMs: 100 })).how, "late");
  const nested = nesting("tied"), module = new URL("../../src/shell-command.ts", import.meta.url).href;
  const options = JSON.stringify({ timeLimitMs: 60_000, maxOutputBytes: null, terminal: "silent", ...tied });
  const us = spawn(denoProgram(), [
    "eval",
    `const { runShellCommand } = await import("${module}"); const { signal } = new AbortController();
     await runShellCommand({ ...${options}, command: ${JSON.stringify(nested.command)}, env: process.env, signal });`,
  ], { stdio: "ignore" });
  const child = await nested.child();
  us.kill("SIGKILL");
  await until("nothing is left", () => isAlive(child, ownIdentity()) === false);
});
