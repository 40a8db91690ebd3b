// Runs the tests: all, or those of the given paths; further flags are those of `deno test`.
// Many tests drive real processes and clocks, side by side on however few processors there are. Files that fail are
// therefore run once more, one at a time, and named: what fails again has failed, what passes is unsteady and to be mended.
// Must not: run again what fails in more than a few files, which is no matter of timing.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { stripVTControlCharacters } from "node:util";

/** A change that breaks something, and a machine that is merely busy, differ in this most of all. */
const MAX_UNSTEADY_FILES = 3;
/** Three times what all tests take on two processors. One that waits for ever is told of, and the others are not lost. */
const RUN_LIMIT_MS = 45 * 60_000;

interface Run {
  readonly passed: boolean;
  /** The files with a failure that is known to be theirs. */
  readonly failed: readonly string[];
}

async function runTests(args: readonly string[]): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), "dchat-update-tests-"));
  try {
    const report = join(folder, "report.xml");
    const all = ["test", "-A", "--frozen", `--junit-path=${report}`, ...args];
    const child = spawn(process.execPath, all, { stdio: ["inherit", "pipe", "inherit"] });
    const output: Uint8Array[] = [];
    child.stdout.on("data", (bytes: Uint8Array) => {
      output.push(bytes);
      process.stdout.write(bytes);
    });
    const timer = setTimeout(() => child.kill("SIGINT"), RUN_LIMIT_MS); // it then says what it was waiting for
    const [code] = await once(child, "close");
    clearTimeout(timer);
    const passed = code === 0;
    return { passed, failed: passed ? [] : failedFiles(Buffer.concat(output).toString(), report) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Failed tests are told of in the report; files that threw outside of a test, or never ended, in the output only. */
function failedFiles(output: string, report: string): string[] {
  const text = stripVTControlCharacters(output);
  const suites = readReport(report).matchAll(/<testsuite name="(\.\/[^"]+)"[^>]* failures="[1-9]/g);
  const thrown = text.matchAll(/^(\.\/\S+) \(uncaught error\)/gm);
  const [, pending = ""] = text.split("The following tests were pending:");
  const endless = [...pending.matchAll(/=> (\.\/[^:]+):\d+:\d+$/gm)];
  if (endless.length >= availableParallelism()) return []; // nobody knows what was still to come
  return [...new Set([...suites, ...thrown, ...endless].map(([, file]) => file ?? ""))].sort();
}

/** Nothing where the run ended before it wrote one. */
function readReport(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

const args = process.argv.slice(2);
const first = await runTests(["--parallel", ...args]);
let { passed } = first;
if (first.failed.length > 0 && first.failed.length <= MAX_UNSTEADY_FILES) {
  console.log(`\nFailed, and run again by themselves:\n  ${first.failed.join("\n  ")}\n`);
  const flags = args.filter((arg) => arg.startsWith("-"));
  const second = await runTests([...flags, ...first.failed]);
  passed = second.passed;
  if (passed) console.log(`UNSTEADY: these failed once and passed when run again:\n  ${first.failed.join("\n  ")}`);
}
process.exitCode = passed ? 0 : 1;
