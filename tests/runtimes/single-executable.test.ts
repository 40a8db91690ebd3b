// The bundled file inside an executable that brings its runtime along: the same answers, with its workers, from anywhere.
// README, "Five minutes in a pipeline".
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { testBytes } from "../support/artifact.ts";
import { BUNDLE, publishRelease } from "../support/release-fixture.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { runtimes } from "./runtimes.ts";

const temp = tempFolder("single-executable");
after(() => rmSync(temp, { recursive: true }));

// Measured by several threads from 32 MiB on; their program has to be found inside the executable.
const bytes = testBytes((33 << 20) + 5, "single executable");
const genuine = join(temp, "genuine"), altered = join(temp, "altered");
writeFileSync(genuine, bytes);
writeFileSync(altered, bytes.with(20 << 20, ~(bytes[20 << 20] ?? 0)));
const { bundle, root } = publishRelease(temp, genuine);
copyFileSync(BUNDLE, join(temp, "dchat-update.mjs"));

function run(program: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: temp, encoding: "utf8" });
  return { status, stdout, stderr };
}

/** As the README says. */
const MAKERS: Readonly<Record<string, (output: string) => string[]>> = {
  bun1: (output) => ["build", "--compile", "dchat-update.mjs", "--outfile", output],
  node26: (output) => {
    const config = { main: "dchat-update.mjs", mainFormat: "module", output, disableExperimentalSEAWarning: true };
    writeFileSync(join(temp, "sea.json"), JSON.stringify(config));
    return ["--build-sea", "sea.json"];
  },
};

for (const [name, make] of Object.entries(MAKERS)) {
  const runtime = runtimes().find((r) => r.name === name);
  if (runtime === undefined) continue; // no package of it for this machine, as the notice says
  const [program] = runtime.fileCommand("", []);
  const executable = join(temp, `dchat-update-${name}`);

  test(`${name}: one executable with the bundle inside proves a file, and refuses an altered one`, () => {
    const made = run(program, ...make(executable));
    assert.equal(made.status, 0, made.stderr);
    const judges = ["--bundle", bundle, "--root", root, "--version", "1.0.0", "--platform", "linux-x64"];
    const proven = run(executable, "verify", "--package", genuine, ...judges);
    assert.equal(proven.status, 0, proven.stderr);
    assert.match(proven.stdout, /Package verified successfully/);
    const refused = run(executable, "verify", "--package", altered, ...judges);
    assert.equal(refused.status, 30, refused.stderr);
    assert.match(refused.stderr, /^error E_HASH_MISMATCH/m);
  });

  test(`${name}: an executable starts itself again as what it is`, () => {
    const home = join(temp, "home");
    const unit = run(executable, "daemon", "--print-systemd", "--home", home);
    assert.equal(unit.status, 0, unit.stderr);
    assert.match(unit.stdout, new RegExp(`^ExecStart=${executable} daemon --home ${home}$`, "m"));
    const devnet = run(executable, "devnet");
    assert.equal(devnet.status, 2, devnet.stderr);
    assert.match(devnet.stderr, /^error E_USAGE: devnet .*\n {2}save dchat-update\.mjs/m);
  });
}

for (const runtime of runtimes()) {
  test(`${runtime.name}: a program that came through standard input says that it cannot be started again`, () => {
    const [program, ...args] = runtime.stdinCommand(["daemon", "--print-systemd", "--home", join(temp, "home")]);
    const { status, stderr } = spawnSync(program, args, { cwd: temp, encoding: "utf8", input: readFileSync(BUNDLE) });
    assert.equal(status, 2, stderr);
    assert.match(stderr, /^error E_USAGE: a program that came through standard input .*\n {2}save it as a file/m);
  });
}
