// A maintainer for tests: a folder of his own and the release commands, run in this process at any time of day.
// Must not: be used where the real process matters (exit codes, signals, the bundled file).
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { Arguments } from "../../src/cli/command.ts";
import { createContext } from "../../src/cli/context.ts";
import { governanceCommands } from "../../src/cli/governance/governance.ts";
import { releaseCommands } from "../../src/cli/release/release.ts";
import { readKeyFile } from "../../src/publish/key-file.ts";
import { createSigner, type Signer } from "../../src/publish/signer.ts";
import { tempFolder } from "../support/temp-folder.ts";

export interface Said {
  readonly lines: string;
  /** Notes, warnings and progress. */
  readonly notes: string;
  // deno-lint-ignore no-explicit-any -- tests look into documents whose shape they assert
  readonly json: any;
}

export interface Maintainer extends AsyncDisposable {
  readonly folder: string;
  /** A path in the maintainer's folder. */
  path(...names: string[]): string;
  /** `run("add repo ./dchat --version 1.0.0")`: words relative to the folder, those with a slash or a known file too. */
  run(command: string, ...args: string[]): Promise<Said>;
  /** What every following command takes for now. */
  nowMs: number;
  /** Makes a key pair `name.pem`, `name.pub`; returns the key id. */
  keygen(name: string): Promise<string>;
  signer(...names: string[]): Promise<Signer[]>;
  /** Makes a file; by default of random bytes behind an ELF magic. */
  file(name: string, bytes?: Uint8Array): Promise<string>;
}

/** Options whose value is a file, alone or before a colon. */
const FILE_OPTIONS = /^--(key|root-key|release-key|snapshot-key|timestamp-key|governor|repo|output)$/;

export function createMaintainer(): Maintainer {
  const folder = tempFolder("publish");
  const path = (...names: string[]) => join(folder, ...names);
  const m: Maintainer = {
    folder,
    path,
    nowMs: Date.now(),
    async run(command, ...more) {
      const words = [...command.split(" ").filter((w) => w !== ""), ...more];
      const isGovernance = words[0] === "governance";
      const name = isGovernance ? words.slice(0, 2).join(" ") : `release ${words[0]}`;
      const found = [...releaseCommands, ...governanceCommands].find((c) => c.name === name);
      assert.ok(found !== undefined, command);
      const skipped = isGovernance ? 2 : 1;
      const args = words.slice(skipped).map((word, i) => {
        const before = words[i + skipped - 1] ?? "";
        const names = found.positionals ?? "";
        const positional = isGovernance
          ? /\.json$/.test(word)
          : (i < names.split(" ").length || names.endsWith("…")) && !word.startsWith("-");
        const relative = (positional || FILE_OPTIONS.test(before)) && !word.startsWith("/");
        return relative ? path(word) : word;
      });
      let notes = "";
      const write = (text: string) => void (notes += text);
      const terminal = { write, isTTY: false, columns: 80 };
      const parsed = new Arguments(found, args);
      const host = {
        argv: args,
        env: process.env,
        stdout: { ...terminal, waitingLength: 0, flush: () => Promise.resolve() },
        stderr: terminal,
        signal: AbortSignal.timeout(60_000),
        takeSignals: () => () => {},
      };
      const result = await found.run({ ...createContext(host, parsed), nowMs: m.nowMs }, parsed);
      // A round trip, because programs read the document, not the object.
      const json = JSON.parse(JSON.stringify(result.json));
      assertPublishedShape(found.name, json);
      return { lines: result.lines.join("\n"), notes, json };
    },
    async keygen(name) {
      return (await m.run("keygen", path(`${name}.pem`))).json.keyId;
    },
    async signer(...names) {
      const keys = await Promise.all(names.map((name) => readKeyFile(path(`${name}.pem`))));
      return keys.map((key) => createSigner(key, undefined) ?? assert.fail("a private key signs"));
    },
    async file(name, bytes = Buffer.concat([Buffer.from("7f454c46", "hex"), randomBytes(3000)])) {
      await mkdir(dirname(path(name)), { recursive: true });
      await writeFile(path(name), bytes);
      return path(name);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
  return m;
}

const SCHEMAS = new URL("../../docs/schemas/", import.meta.url);
const ajv = new Ajv2020({ allErrors: true });
ajv.addSchema(JSON.parse(readFileSync(new URL("common.schema.json", SCHEMAS), "utf8")));

/** Every document a command gives is as its schema says. */
function assertPublishedShape(command: string, document: unknown): void {
  const name = `${command.replace(" ", "-")}.schema.json`;
  const validate = ajv.getSchema(name) ?? ajv.compile(JSON.parse(readFileSync(new URL(name, SCHEMAS), "utf8")));
  assert.ok(validate(document), `${name}: ${ajv.errorsText(validate.errors)}`);
}

/** Every file of a repository that readers ask for, by its path. */
export async function publishedFiles(repository: string): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const folder of ["metadata", "schedule"]) {
    for (const name of await readdir(join(repository, folder)).catch(() => [])) {
      if (!name.endsWith(".json")) continue; // a file being written has another ending
      files.set(`${folder}/${name}`, await readFile(join(repository, folder, name)));
    }
  }
  const bundle = await readFile(join(repository, "bundle.json")).catch(() => undefined);
  if (bundle !== undefined) files.set("bundle.json", bundle);
  return files;
}

/** Runs openssl; it is there wherever git is. */
export function openssl(...args: string[]): string {
  return execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
