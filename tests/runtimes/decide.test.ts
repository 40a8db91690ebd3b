// Two nodes with the same facts decide the same, whatever they run on: else they have forked.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { tempFolder } from "../support/temp-folder.ts";
import { runtimes } from "./runtimes.ts";

const program = join(tempFolder("decide"), "program.mjs");

before(async () => {
  const entry = fileURLToPath(new URL("../support/decide-program.ts", import.meta.url));
  const { outputFiles } = await esbuild.build({
    absWorkingDir: dirname(dirname(dirname(entry))),
    entryPoints: [entry],
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    mainFields: ["module", "main"],
    write: false,
  });
  await esbuild.stop();
  writeFileSync(program, outputFiles[0]!.text); // one entry point, no splitting: exactly one file
});

let expected: unknown;
for (const runtime of runtimes()) {
  test(`${runtime.name} decides like the others`, () => {
    const [command, ...args] = runtime.fileCommand(program, []);
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    const answer = JSON.parse(stdout);
    assert.ok(answer.switches > 100, stdout);
    expected ??= answer;
    assert.deepEqual(answer, expected);
  });
}
