// The bundled file as a library, on every runtime: importing it does nothing at all, and its functions work.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { runtimes } from "./runtimes.ts";
import { tempFolder } from "../support/temp-folder.ts";

const PROJECT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const BUNDLE = join(PROJECT, "dist", "dchat-update.mjs");
const temp = tempFolder("library");
after(() => rmSync(temp, { recursive: true }));

const PROGRAM = `
  const builtins = [];
  const getBuiltinModule = process.getBuiltinModule;
  process.getBuiltinModule = (id) => (builtins.push(id), getBuiltinModule(id));
  const observe = () => ({ globals: Object.getOwnPropertyNames(globalThis).sort(), events: process.eventNames() });
  const before = JSON.stringify(observe());
  const { digestFile, UpdateError } = await import(${JSON.stringify(pathToFileURL(BUNDLE).href)});
  const unchanged = JSON.stringify(observe()) === before;
  const loaded = builtins.filter((id) => !["node:fs", "node:url"].includes(id)); // Node 20 needs them to tell who started
  const { signal } = new AbortController();
  const { sha256 } = await digestFile(${JSON.stringify(BUNDLE)}, { signal });
  const error = await digestFile("no such file", { signal }).catch((error) => error);
  console.log(JSON.stringify({ unchanged, loaded, sha256, code: error instanceof UpdateError && error.code }));
`;
const file = join(temp, "program.mjs");
writeFileSync(file, PROGRAM);

const sha256 = createHash("sha256").update(readFileSync(BUNDLE)).digest("hex");
const FOUND = `${JSON.stringify({ unchanged: true, loaded: [], sha256, code: "E_IO" })}\n`;

for (const { name, fileCommand, stdinCommand } of runtimes()) {
  // The arguments would start a command if the library took itself for the program.
  test(`${name}: importing it prints nothing, sets nothing, listens to nothing, loads nothing; then it works`, () => {
    const [program, ...args] = fileCommand(file, ["version"]);
    const { status, stdout, stderr } = spawnSync(program, args, { cwd: temp, encoding: "utf8" });
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: FOUND, stderr: "" });
  });

  test(`${name}: the same for a program that came through standard input`, () => {
    const [program, ...args] = stdinCommand(["version"]);
    const { status, stdout, stderr } = spawnSync(program, args, { cwd: temp, encoding: "utf8", input: PROGRAM });
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: FOUND, stderr: "" });
  });
}
