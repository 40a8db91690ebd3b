// Completion scripts, as the shells themselves read them. docs/cli.md, "version, completion".
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { expect, json, succeed } from "./network.ts";
import { tempFolder } from "../support/temp-folder.ts";

const folder = tempFolder("completion");
after(() => rmSync(folder, { recursive: true, force: true }));

const scriptOf = async (shell: string): Promise<string> => (await succeed(["completion", shell])).stdout;
const has = (shell: string) => spawnSync(shell, ["-c", "true"]).status === 0;
const skipWithout = (shell: string) => ({ skip: has(shell) ? false : `there is no ${shell}` });

/** What bash offers for a line; the last word is the one being typed. */
function offers(script: string, words: readonly string[]): string[] {
  const file = join(folder, "completion.bash");
  writeFileSync(
    file,
    `${script}
COMP_WORDS=(${words.map((w) => `'${w}'`).join(" ")})
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
spec=$(complete -p dchat-update) || exit 1
fn=$(sed -E 's/.*-F ([^ ]+).*/\\1/' <<< "$spec")
"$fn"
printf '%s\\n' "\${COMPREPLY[@]}"
`,
  );
  const { status, stdout, stderr } = spawnSync("bash", ["--norc", file], { encoding: "utf8", cwd: folder });
  assert.equal(status, 0, stderr);
  assert.equal(stderr, "");
  return stdout.split("\n").filter((line) => line !== "");
}

test("bash reads the script without complaint", skipWithout("bash"), async () => {
  const file = join(folder, "syntax.bash");
  writeFileSync(file, await scriptOf("bash"));
  const { status, stderr } = spawnSync("bash", ["-n", file], { encoding: "utf8" });
  assert.deepEqual([status, stderr], [0, ""]);
});

test("bash offers commands, the words of a group, options and files", skipWithout("bash"), async () => {
  const script = await scriptOf("bash");
  assert.deepEqual(offers(script, ["dchat-update", "ver"]), ["verify", "version"]);
  assert.ok(offers(script, ["dchat-update", ""]).includes("release"));
  assert.deepEqual(offers(script, ["dchat-update", "release", "re"]), ["refresh"]);
  assert.deepEqual(offers(script, ["dchat-update", "verify", "--roo"]), ["--root", "--root-sha256"]);
  assert.deepEqual(offers(script, ["dchat-update", "release", "init", "--root-t"]), ["--root-threshold"]);
  assert.deepEqual(offers(script, ["dchat-update", "check", "--package"]), [], "an option of another command");
  assert.deepEqual(offers(script, ["dchat-update", "verify", "--package", "some"]), []);
  assert.match(script, /^complete -o default -F /m, "nothing offered means files");
});

test("zsh reads the script without complaint", skipWithout("zsh"), async () => {
  const file = join(folder, "syntax.zsh");
  writeFileSync(file, await scriptOf("zsh"));
  assert.equal(spawnSync("zsh", ["-n", file]).status, 0);
});

test("zsh takes the script in a shell where nothing was set up", skipWithout("zsh"), async () => {
  const file = join(folder, "plain.zsh");
  writeFileSync(file, await scriptOf("zsh"));
  const line = `source ${file} && print -r -- $_comps[dchat-update]`;
  const { status, stdout, stderr } = spawnSync("zsh", ["-fc", line], {
    encoding: "utf8",
    env: { ...process.env, HOME: folder, ZDOTDIR: folder },
  });
  assert.deepEqual([status, stderr], [0, ""]);
  assert.match(stdout, /_bash_complete.*_dchat_update/);
});

test("fish reads the script without complaint", skipWithout("fish"), async () => {
  const file = join(folder, "syntax.fish");
  writeFileSync(file, await scriptOf("fish"));
  assert.equal(spawnSync("fish", ["-n", file]).status, 0);
});

test("every shell is offered every command", async () => {
  const commands = (await succeed(["help"])).stdout.matchAll(/^ {2}([a-z][a-z-]*)(?: ([a-z-]+))? {2,}\S/gm);
  const words = new Set([...commands].flatMap(([, first, second]) => [first, second]).filter((w) => w !== undefined));
  assert.ok(words.has("rotate-root"), "the commands were found");
  for (const shell of ["bash", "zsh", "fish"]) {
    const { script } = await json(["completion", shell]);
    for (const word of words) assert.match(script, new RegExp(`\\b${word}\\b`), `${shell}: ${word}`);
  }
});

test("another shell is a usage error", async () => {
  const { stderr } = await expect(2, ["completion", "tcsh"]);
  assert.match(stderr, /the shell must be one of bash, zsh, fish/);
});
