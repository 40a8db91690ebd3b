// What becomes of output that cannot be written, on every runtime: an end, and the right exit code. docs/cli.md, "Exit
// codes".
import assert from "node:assert/strict";
import { spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync } from "node:fs";
import process from "node:process";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { BUNDLE } from "../support/bundled-cli.ts";
import { type Runtime, runtimes } from "./runtimes.ts";

/** A file on a disk without room, as Linux has it ready. */
const FULL = "/dev/full";
// A cold start takes a tenth of a second; a program that waits for its last words to get out never ends.
const DEADLINE_MS = 30_000;

async function run(runtime: Runtime, args: string[], stdio: StdioOptions) {
  const [command, ...rest] = runtime.fileCommand(BUNDLE, args);
  const child = spawn(command, rest, { stdio, env: { ...process.env, NO_COLOR: "1" } });
  const deadline = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
  try {
    const said = child.stderr === null ? "" : text(child.stderr);
    // Before it has said anything: this reader is gone.
    if (child.stdout !== null) child.stdout.destroy();
    const [code] = await once(child, "close") as [number | null]; // as Node documents the event
    return { code, said: await said };
  } finally {
    clearTimeout(deadline);
  }
}

for (const runtime of runtimes()) {
  if (existsSync(FULL)) {
    test(`${runtime.name}: a result that a full disk does not take ends with 40 and says so`, async () => {
      const full = openSync(FULL, "w");
      try {
        for (const args of [["help"], ["completion", "bash"], ["version", "--json"], ["version"]]) {
          const { code, said } = await run(runtime, args, ["ignore", full, "pipe"]);
          assert.equal(code, 40, `${args}: ${said}`);
          assert.match(said, /^error E_DISK_FULL: no space left on the disk: [^\n]*\n {2}free some space[^\n]*\n$/);
        }
      } finally {
        closeSync(full);
      }
    });

    test(`${runtime.name}: notes that a full disk does not take change nothing`, async () => {
      const full = openSync(FULL, "w");
      try {
        assert.equal((await run(runtime, ["verfiy"], ["ignore", "ignore", full])).code, 2);
        assert.equal((await run(runtime, ["verfiy", "--json"], ["ignore", full, full])).code, 2);
      } finally {
        closeSync(full);
      }
    });
  }

  test(`${runtime.name}: a reader who closes the pipe has seen enough`, async () => {
    for (const args of [["help"], ["version"]]) {
      const { code, said } = await run(runtime, args, ["ignore", "pipe", "pipe"]);
      assert.deepEqual({ code, said }, { code: 0, said: "" });
    }
  });
}
