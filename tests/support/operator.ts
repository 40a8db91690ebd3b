// An operator with a home made by the real `init`, and what there is to see of that home from outside.
// Must not: judge it; that is caught.ts.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { type Outcome, runDchat, type Running, type RunOptions, startDchat } from "./bundled-cli.ts";
import { tempFolder } from "./temp-folder.ts";

/** Time-outs that a test means to see, for the commands that use the network. */
export const QUICK_TIMEOUTS = ["--connect-timeout", "2", "--first-byte-timeout", "2", "--silence-timeout", "2"];

export interface Alert {
  readonly source: string;
  readonly what: string;
  readonly code: string;
  readonly message: string;
}

/** A home as it lies on the disk, and whatever else appeared around it. */
export interface HomeSnapshot {
  /** trust/state.json, exactly; empty when there is none. */
  readonly state: string;
  /** SHA-256 of each file below packages/, or where a link points to. */
  readonly packages: ReadonlyMap<string, string>;
  readonly alerts: readonly Alert[];
  /** Every path beside the home: nothing may come to stand there. */
  readonly outside: readonly string[];
}

export interface Operator {
  /** The folder that holds the home; commands run in it. */
  readonly dir: string;
  readonly home: string;
  /** The pinned root. */
  readonly rootFile: string;
  /** Runs a command on this home. */
  run(...args: readonly string[]): Promise<Outcome>;
  start(o: RunOptions, ...args: readonly string[]): Running;
  /** As `run`, for a command that must succeed. */
  succeed(...args: readonly string[]): Promise<Outcome>;
  snapshot(): HomeSnapshot;
  close(): void;
}

export interface OperatorOptions extends RunOptions {
  readonly pinnedRoot: Uint8Array;
  /** Asked in this order. */
  readonly mirrors: readonly string[];
  /** Where to make the operator's folder. Default: the system's folder for temporary files. */
  readonly parent?: string;
  /** An operator to begin as, with the same root and mirrors. Default: one who has just run `init`. */
  readonly like?: Operator;
}

export async function createOperator(o: OperatorOptions): Promise<Operator> {
  const { pinnedRoot, mirrors, parent, like, ...runOptions } = o;
  const dir = tempFolder("attack", parent);
  const home = join(dir, "home"), rootFile = join(dir, "root.json");
  writeFileSync(rootFile, pinnedRoot);
  const base: RunOptions = { cwd: dir, ...runOptions };
  const operator: Operator = {
    dir,
    home,
    rootFile,
    run: async (...args) => await runDchat([...args, "--home", home], base),
    start: (more, ...args) => startDchat([...args, "--home", home], { ...base, ...more }),
    async succeed(...args) {
      const outcome = await operator.run(...args);
      assert.equal(outcome.code, 0, `${args.join(" ")}: ${outcome.stderr}`);
      return outcome;
    },
    snapshot: () => ({
      state: readOr(join(home, "trust", "state.json"), ""),
      packages: new Map(filesBelow(join(home, "packages")).map((f) => [relative(join(home, "packages"), f), sumOf(f)])),
      alerts: readOr(join(home, "alerts.log"), "").split("\n").filter((line) => line !== "").map(parseAlert),
      outside: filesBelow(dir).filter((file) => !file.startsWith(`${home}/`)),
    }),
    close: () => rmSync(dir, { recursive: true, force: true }),
  };
  if (like !== undefined) cpSync(like.home, home, { recursive: true });
  else await operator.succeed("init", ...mirrors.flatMap((url) => ["--repo", url]), "--root", rootFile);
  return operator;
}

function parseAlert(line: string): Alert {
  return JSON.parse(line) as Alert; // the product's own file; the assertions look at each field
}

function readOr(file: string, absent: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === "ENOENT") return absent;
    throw e;
  }
}

/** Everything that is not a folder, links not followed. */
export function filesBelow(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

function sumOf(file: string): string {
  if (lstatSync(file).isSymbolicLink()) return `a link to ${readlinkSync(file)}`;
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
