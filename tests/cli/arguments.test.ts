// How a command line is read. docs/cli.md, "Options of every command"; docs/decisions/0003.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createNetwork, expect, json, succeed } from "./network.ts";

const network = await createNetwork();

const USAGE: readonly (readonly [what: string, args: readonly string[], says: RegExp])[] = [
  ["no command", [], /a command is missing/],
  ["an unknown command", ["chek"], /there is no command "chek"/],
  ["a command of later work", ["self-update"], /there is no command "self-update"/],
  ["an unknown word of a group", ["release", "ad", "repo"], /there is no command "release ad"/],
  ["an unknown option", ["check", "--bogus"], /Unknown option '--bogus'/],
  ["an option of another command", ["check", "--output", "x"], /Unknown option '--output'/],
  ["an option without its value", ["verify", "--package"], /--package/],
  ["a file too many", ["verify", "--package", "a", "--package=b"], /--package is given twice/],
  ["a second root", ["verify", "--package", "a", "--root", "r", "--root", "s"], /--root is given twice/],
  ["an empty value", ["verify", "--package="], /--package is empty/],
  ["a missing option", ["verify"], /--package is missing/],
  ["an argument too many", ["check", "now"], /unexpected argument "now"/],
  ["an argument too few", ["release", "add", "repo"], /FILE is missing/],
  ["a version that is none", ["check", "--current", "v1"], /--current must be a semantic version/],
  ["a platform that is none", ["check", "--platform", "../x"], /--platform must be like linux-x64/],
  ["a channel that is none", ["check", "--channel", "Stable"], /--channel must be one of stable, beta, nightly/],
  ["a number with an exponent", ["verify", "--package", "x", "--min-root-version", "1e3"], /must be a whole number/],
  ["a time of no length", ["check", "--connect-timeout", "0"], /must be a number of seconds/],
];

for (const [what, args, says] of USAGE) {
  test(`${what} is a usage error`, async () => {
    const home = await network.initialised("http://127.0.0.1:9");
    const { stdout, stderr } = await expect(2, [...args, ...(args.length > 0 ? ["--home", home] : [])]);
    assert.equal(stdout, "");
    assert.match(stderr, /^error E_USAGE: .+\n {2}\S.*\n$/);
    assert.match(stderr, says);
  });
}

test("values that look like numbers stay what they are", async () => {
  const pinned = await expect(2, ["init", "--repo", "https://a.example", "--root-sha256", "12e5"]);
  assert.match(pinned.stderr, /--root-sha256 must be 64 hex digits/);
  const trust = ["--bundle", network.bundle, "--root", network.rootFile, "--home", network.newHome()];
  const file = await expect(41, ["verify", "--package", "007", ...trust]);
  assert.match(file.stderr, /\/007'/);
  const version = await expect(2, [
    "check",
    "--current",
    "1.10",
    "--home",
    await network.initialised("http://[::1]:9"),
  ]);
  assert.match(version.stderr, /--current must be a semantic version/);
});

test("options of every command do not hide what was meant", async () => {
  const help = (await succeed(["help"])).stdout;
  for (const args of [["help", "--no-color"], ["--json", "help"], ["help", "help"], ["--quiet", "--help"]]) {
    assert.equal((await succeed(args)).stdout, help, args.join(" "));
  }
  assert.equal((await succeed(["help", "--json", "verify"])).stdout, (await succeed(["help", "verify"])).stdout);
  assert.deepEqual(JSON.parse((await succeed(["--version", "--json"])).stdout), await json(["version"]));
  for (const group of ["release", "governance"]) {
    const { error } = JSON.parse((await expect(2, [group, "--json"])).stdout);
    assert.deepEqual([error.message, error.hint], ["a command is missing", `see: dchat-update help ${group}`]);
  }
  const unknown = await expect(2, ["release", "--verbose", "ad"]);
  assert.match(unknown.stderr, /^error E_USAGE: there is no command "release ad"$/m);
  const [home, other] = [network.newHome(), network.newHome()];
  assert.equal((await json(["show-config", "--home", other, "--home", home])).home, home);
});

test("options may stand before the command", async () => {
  const home = network.newHome();
  const { mirrors } = await json(["--home", home, "--quiet", "add-mirror", "--url", "https://a.example"]);
  assert.equal(mirrors.length, 1);
  const { stdout } = await succeed(["--json", `--home=${home}`, "list-mirrors"]);
  assert.equal(JSON.parse(stdout).mirrors.length, 1);
});

test("the home is --home, then DCHAT_HOME, then ~/.dchat", async () => {
  const [named, fromEnvironment] = [network.newHome(), network.newHome()];
  const env = { DCHAT_HOME: fromEnvironment };
  assert.equal((await json(["show-config"], 0, { env })).home, fromEnvironment);
  assert.equal((await json(["show-config", "--home", named], 0, { env })).home, named);
  assert.equal((await json(["show-config"])).home, join(homedir(), ".dchat"));
  assert.equal((await json(["show-config"], 0, { env: { DCHAT_HOME: "" } })).home, join(homedir(), ".dchat"));
});

test("a relative home is taken from the current folder", async () => {
  const { home } = await json(["show-config", "--home", "x"], 0, { cwd: network.folder });
  assert.ok(home.endsWith(join("x")) && home.startsWith("/"), home);
});

test("looking makes no home", async () => {
  const home = network.newHome();
  await succeed(["show-config", "--home", home]);
  await succeed(["list-mirrors", "--home", home]);
  await succeed(["alerts", "--ack", "--home", home]);
  await expect(43, ["check", "--home", home]);
  assert.equal(existsSync(home), false);
});

for (const command of ["check", "list-versions", "download"]) {
  test(`${command} without a trust root says what to do`, async () => {
    const { stderr } = await expect(43, [command, "--home", network.newHome()]);
    assert.match(stderr, /^error E_NOT_INITIALIZED: .*has no trust root\n {2}pin one: dchat-update init/);
  });
}

test("help names every command, and each command its options", async () => {
  const { stdout } = await succeed(["help"]);
  for (const command of ["init", "check", "verify", "release add", "completion"]) {
    assert.match(stdout, new RegExp(`^  ${command} `, "m"));
  }
  for (const args of [["help", "verify"], ["verify", "--help"], ["--help", "verify"]]) {
    assert.match((await succeed(args)).stdout, /^usage: dchat-update verify \[options\]\n[^]*--min-root-version N/);
  }
  assert.equal((await succeed(["--help"])).stdout, stdout);
  const group = await succeed(["help", "release"]);
  assert.match(group.stdout, /usage: dchat-update release keygen FILE/);
  await expect(2, ["help", "nonsense"]);
});

test("an error is a document too", async () => {
  const { error } = await json(["check", "--home", network.newHome()], 43);
  assert.equal(error.code, "E_NOT_INITIALIZED");
  assert.equal(error.exitCode, 43);
  assert.deepEqual((await json(["check", "--bogus"], 2)).error.code, "E_USAGE");
});
