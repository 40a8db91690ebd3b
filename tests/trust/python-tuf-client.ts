// python-tuf as a rival opinion, in a process of its own, where the machine has it.
// Must not: install it.
import { spawn, spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { linesOf } from "../support/run-script.ts";
import type { Rival, Verdict } from "./rival.ts";
import { tempFolder } from "../support/temp-folder.ts";

/** A Python that has python-tuf may be named; it is `python3` otherwise. */
const PYTHON = process.env["PYTHON"] ?? "python3";
const SCRIPT = fileURLToPath(new URL("python_tuf_client.py", import.meta.url));

/** Undefined where no python-tuf of the interface that the script speaks is installed. */
export function findPythonTuf(): Rival | undefined {
  const probe = "import inspect, tuf.ngclient as n; assert 'bootstrap' in inspect.signature(n.Updater).parameters";
  return spawnSync(PYTHON, ["-c", probe], { stdio: "ignore" }).status === 0 ? startPythonTuf() : undefined;
}

function startPythonTuf(): Rival {
  const child = spawn(PYTHON, [SCRIPT], { stdio: ["pipe", "pipe", "ignore"] });
  const lines = linesOf(child);
  return {
    name: "python-tuf",
    createClient(url, pinnedRoot) {
      const folder = tempFolder("python-tuf");
      writeFileSync(join(folder, "pinned.json"), pinnedRoot);
      return {
        async update(target) {
          child.stdin.write(`${JSON.stringify({ folder, url, target })}\n`);
          const { value, done } = await lines.next();
          if (done) throw new Error("python-tuf ended");
          return JSON.parse(value) as Verdict; // the script's own line
        },
        close: () => rmSync(folder, { recursive: true, force: true }),
      };
    },
    async close() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.stdin.end();
      await ended;
    },
  };
}
