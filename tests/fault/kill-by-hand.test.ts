// kill -9 of install, activate and rollback at every system call that changes the disk: what runs is one of the two
// versions, complete, and the same command does the rest. docs/activation.md, "A crash in the middle".
import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Runtime } from "../runtimes/runtimes.ts";
import { killedAloneAt, traceableNode } from "../support/kill-at-call.ts";
import { runDchat } from "../support/bundled-cli.ts";
import { createSupervised } from "../support/supervised.ts";

const node = traceableNode();
const supervised = await createSupervised();
const CALLS = ["fsync", "rename", "link", "symlink", "unlink", "mkdir", "chmod", "fchmod"];

interface Victim {
  readonly args: readonly string[];
  /** What may be current afterwards. */
  readonly ends: readonly string[];
  /** Versions that must be whole when they are there at all. */
  readonly installed: readonly string[];
}

const ALL = ["1.0.0", "1.1.0"];
const VICTIMS: readonly (readonly [name: string, victim: Victim])[] = [
  ["activate", { args: ["activate", "--version", "1.1.0"], ends: ALL, installed: ALL }],
  ["rollback", { args: ["rollback"], ends: ALL, installed: ALL }],
  ["activate --resync", { args: ["activate", "--version", "1.0.0", "--resync"], ends: ALL, installed: ALL }],
  ["install", { args: ["install", "--version", "1.1.0"], ends: ["1.0.0"], installed: ["1.0.0"] }],
];

const currentIn = (home: string): string => JSON.parse(readFileSync(join(home, "current.json"), "utf8")).version;

async function killAtEach(runtime: Runtime, call: string, name: string, victim: Victim): Promise<number> {
  const s = await supervised(), whole = join(s.node.folder, "whole");
  if (name === "rollback" || name === "activate --resync") await s.json(["activate", "--version", "1.1.0"]);
  if (name === "install") {
    cpSync(join(s.home, "versions", "1.1.0"), whole, { recursive: true });
    rmSync(join(s.home, "versions", "1.1.0"), { recursive: true });
  }
  for (let n = 1;; n++) {
    const home = join(s.node.folder, `home-${n}`), at = ["--home", home];
    cpSync(s.home, home, { recursive: true, verbatimSymlinks: true });
    const { code, stderr } = await runDchat([...victim.args, ...at], killedAloneAt(runtime, call, n));
    if (code === 0) return n - 1;
    const where = `${name}, ${call} ${n}: ${stderr}`;
    assert.equal(code, null, where);
    assert.ok(victim.ends.includes(currentIn(home)), where);
    for (const version of victim.installed) assert.ok(existsSync(join(home, "versions", version, "dchat")), where);
    if (existsSync(join(home, "versions", "1.1.0")) && name === "install") {
      assert.deepEqual(
        readFileSync(join(home, "versions", "1.1.0", "dchat")),
        readFileSync(join(whole, "dchat")),
        where,
      );
    }
    // A rollback that was made is not made twice: there is nothing before what runs then.
    const isDone = name === "rollback" && currentIn(home) === "1.0.0";
    const again = await runDchat([...(isDone ? ["activate", "--version", "1.0.0"] : victim.args), ...at], { runtime });
    assert.equal(again.code, 0, `${where}${again.stderr}`);
    assert.equal(currentIn(home), name === "activate" ? "1.1.0" : "1.0.0", where);
    assert.equal(existsSync(join(home, "journal.json")), false, where);
    rmSync(home, { recursive: true });
  }
}

for (const [name, victim] of VICTIMS) {
  for (const call of CALLS) {
    if (node === undefined) break;
    test(`${name} killed at any ${call} leaves one of two ends, and the same command does the rest`, async () => {
      const killed = await killAtEach(node, call, name, victim);
      console.log(`  killed at ${killed} calls of ${call}`);
    });
  }
}
