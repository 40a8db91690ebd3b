// Every document that a command prints with --json fits its schema. docs/schemas/, docs/cli.md, "JSON".
// All schemas refuse unknown fields, so a field that is renamed or added without its schema shows here.
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import { ERROR_CODES } from "../../src/errors.ts";
import { allCommands } from "../../src/cli/commands.ts";
import { createOutput } from "../../src/cli/output.ts";
import { createProgress } from "../../src/cli/progress.ts";
import { runDchat, startDchat } from "../support/bundled-cli.ts";
import { createGovernedRepository } from "../support/governed-repository.ts";
import { gives } from "../support/lying-mirror.ts";
import { until } from "../support/until.ts";
import { createNetwork, expect, filesOf, PLATFORM } from "./network.ts";

const COMMANDS = await allCommands();

const FOLDER = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "docs", "schemas");
const SUFFIX = ".schema.json";

// deno-lint-ignore no-explicit-any -- a schema is any JSON object
const schemas = new Map<string, any>(
  readdirSync(FOLDER).map((
    name,
  ) => [name.slice(0, -SUFFIX.length), JSON.parse(readFileSync(join(FOLDER, name), "utf8"))]),
);
const ajv = new Ajv2020({ allErrors: true, strict: true, schemas: [...schemas.values()] });

function requireFits(schema: string, document: unknown): void {
  const fits = ajv.validate(`${schema}${SUFFIX}`, document);
  assert.ok(fits, `${schema}: ${ajv.errorsText()}\n${JSON.stringify(document, null, 2)}`);
}

const seen = new Set<string>();

/** Runs a command with --json; stdout must hold one document that fits the command's schema, or the error's. */
async function check(command: string, args: readonly string[] = [], code = 0): Promise<void> {
  const { stdout } = await expect(code, [...command.split(" "), "--json", ...args]);
  const schema = code === 0 || code === 100 ? command.replace(" ", "-") : "error";
  assert.equal(stdout.split("\n").length, 2, `one line: ${stdout}`);
  requireFits(schema, JSON.parse(stdout));
  seen.add(schema);
}

const network = await createNetwork();

const MIRROR_LIST = JSON.stringify({
  format: "dchat-mirrors-1",
  mirrors: [{ url: "https://a.example/dchat", kind: "https", region: "eu", priority: 10 }],
});

test("the operator's documents fit, from the first command to the last", async () => {
  const mirror = await network.mirror(), stale = await network.mirror(network.oldRepo), liar = await network.mirror();
  const served = filesOf(network.repo);
  const lies = [...served.keys()].filter((path) => path.startsWith("targets/") || path === "metadata/timestamp.json")
    .map((path) => [path, gives((bytes) => bytes.toReversed())] as const);
  liar.serve(served, Object.fromEntries(lies));
  const home = network.newHome(), at = ["--home", home], linux = ["--platform", PLATFORM, ...at];
  await check("show-config", at);
  await check("list-mirrors", at);
  await check("alerts", at);
  await check("init", ["--repo", mirror.url, "--root", network.rootFile, ...at]);
  await check("list-versions", ["--offline", ...at]);
  await check("add-mirror", ["--url", stale.url, "--priority", "1", "--region", "eu", ...at]);
  await check("add-mirror", ["--url", liar.url, "--priority", "2", ...at]);
  await check("add-mirror", ["--url", `${mirror.url}/{version}/{name}`, "--priority", "3", ...at]);
  await check("add-mirror", ["--url", "ipfs://bafy", "--mirror-type", "ipfs", ...at]);
  await check("list-mirrors", at);
  await check("test-mirrors", at);
  await check("check", ["--current", "0.1.0", "--exit-code", ...linux], 100);
  await check("check", ["--platform", "plan9-mips", ...at]);
  await check("list-versions", ["--all-platforms", "--current", "1.0.0", ...at]);
  await check("test-mirrors", at);
  await check("list-mirrors", at);
  await check("download", ["--source", "https", ...linux]);
  await check("download", linux);
  await check("verify", ["--package", join(home, "packages", "dchat-1.0.0-linux-x64"), ...at]);
  await check("verify", ["--package", network.packageFile("0.1.0"), "--version", "1.0.0", ...at], 31);
  await check("alerts", at);
  await check("check", linux);
  await check("status", at);
  await check("install", ["--version", "0.1.0", ...at]);
  await check("install", ["--version", "1.0.0", ...at]);
  await check("activate", at);
  await check("rollback", at);
  await check("run", ["--print-systemd", ...at, "--", "{program}"]);
  await check("run", ["--offline", "--restart", "false", ...at, "--", "true", "{program}"]);
  await check("status", at);
  await check("gc", ["--dry-run", ...at]);
  await check("alerts", ["--ack", ...at]);
  await check("configure-chain", ["--command", "echo 5", "--stuck-after", "3", ...at]);
  await check("configure-chain", ["--url", "http://127.0.0.1:9/key", ...at]);
  await check("configure-gossip", ["--peer", "/ip4/203.0.113.7/tcp/4217", ...at]);
  await check("configure-mirrors", ["--region", "eu", "--no-signed-mirrors", ...at]);
  await check("configure-auto-update", ["--enabled", "--pin", "1.0.0", ...at]);
  await check("show-config", at);
  await check("remove-mirror", ["--url", stale.url, ...at]);
});

test("the maintainer's documents fit", async () => {
  const path = (name: string) => join(network.folder, "maintainer", name);
  const [a, b, governor] = [path("a.pem"), path("b.pem"), path("g.pem")];
  const repo = path("repo"), copy = path("copy");
  cpSync(network.packageFile("1.0.0"), path("file"), { recursive: true });
  for (const key of [a, b, governor]) await check("release keygen", [key]);
  const roles = ["--root-key", a, "--root-key", b.replace(".pem", ".pub"), "--root-threshold", "2", "--release-key", a];
  const governance = ["--governor", `${governor.replace(".pem", ".pub")}:5`];
  await check("release init", [repo, "--network", "schemas", ...roles, ...governance]);
  await check("release publish", [repo, "--key", a], 33);
  await check("release sign", [repo]);
  cpSync(repo, copy, { recursive: true });
  await check("release sign", [copy, "--key", b]);
  await check("release merge", [repo, copy]);
  const add = (version: string) =>
    check("release add", [repo, path("file"), "--version", version, "--platform", PLATFORM, "--format", "executable"]);
  await add("1.0.0");
  await add("1.0.0");
  await add("1.1.0");
  writeFileSync(path("mirrors.json"), MIRROR_LIST);
  await check("release mirrors", [repo, path("mirrors.json")]);
  await check("release mirrors", [repo]);
  await check("release publish", [repo, "--key", a]);
  await check("release publish", [repo, "--key", a]);
  await check("release refresh", [repo, "--key", a]);
  await check("release prune", [repo, "--keep", "1"]);
  await check("release prune", [repo]);
  await check("release rotate-root", [repo, "--release-key", b, "--root-key", a, "--root-threshold", "1"]);
});

test("the governors' documents fit", async () => {
  const folder = join(network.folder, "governed");
  mkdirSync(folder);
  const governed = createGovernedRepository(folder);
  const place = ["--repo", governed.repo], at = ["--current-height", "200"];
  const file = join(folder, "p.json"), cancel = join(folder, "c.json");
  await check("governance list", place);
  await check("governance show", [...place, ...at]);
  await check("governance cancel", ["1", "--output", cancel, ...at, ...place]);
  await check("governance vote", [cancel, "--key", governed.governor("a"), ...place]);
  await check("governance vote", [cancel, ...place]);
  await check("governance show", [cancel, ...place]);
  await check("governance vote", ["--sequence", "2", "--key", governed.governor("b"), ...place]);
  const upgrade = ["--version", "1.0.0", "--height", "2000", "--switch", "before", "--title", "again", ...at];
  await check("governance propose", [...upgrade, "--output", file, ...place]);
  await check("governance propose", [...upgrade, "--output", file, ...place], 2);
  await check("governance vote", [file, "--key", governed.key, ...place], 32);
  await check(
    "governance propose",
    ["--version", "9.0.0", "--height", "2000", "--output", `${file}2`, ...at, ...place],
    26,
  );
  governed.publish();
  const mirror = await network.mirror(governed.repo), home = ["--home", join(folder, "home")];
  await check("governance list", home, 43);
  await check("init", ["--repo", mirror.url, "--root", governed.root, ...home]);
  await check("list-versions", ["--all-platforms", ...home]);
  await check("governance list", home);
  await check("status", ["--current-height", "200", ...home]);
  await check("install", ["--upcoming", "--version", "1.0.0", ...home], 2);
  await check("install", ["--upcoming", ...home]);
  await check("configure-chain", ["--command", "echo 512", ...home]);
  await check("status", home);
  await check("status", ["--offline", ...home]);
  await check("configure-chain", ["--url", "http://127.0.0.1:9", ...home]);
  await check("status", home);
  await check("configure-chain", ["--url", "none", ...home]);
  await check("check", ["--platform", PLATFORM, ...home]);
});

test("the devnet's lines and documents fit", async () => {
  const { stdout, stderr } = await expect(0, ["devnet", "--scenario", "start", "--nodes", "1", "--json"]);
  requireFits("devnet", JSON.parse(stdout));
  for (const line of stderr.trimEnd().split("\n")) requireFits("devnet-line", JSON.parse(line));
  seen.add("devnet");
  for (const command of ["devnet-chain", "devnet-mirror"]) {
    const folder = command === "devnet-mirror" ? [network.folder] : [];
    const part = startDchat([command, "--json", ...folder]);
    await until("it listens", () => part.said().includes("listening") || part.child.exitCode !== null);
    process.kill(part.child.pid ?? 0, "SIGTERM");
    const { code, stdout } = await part.outcome;
    assert.equal(code, 0);
    requireFits(command, JSON.parse(stdout));
    seen.add(command);
  }
});

test("the documents that need nothing fit", async () => {
  await check("version");
  for (const shell of ["bash", "zsh", "fish"]) await check("completion", [shell]);
});

test("errors are documents that fit, with the reason of each supplier", async () => {
  const dead = await network.mirror();
  await dead.close();
  const home = await network.initialised(dead.url, "http://127.0.0.1:9");
  await check("check", ["--home", home], 20);
  await check("check", ["--home", network.newHome()], 43);
  await check("check", ["--bogus"], 2);
  await check("nonsense", [], 2);
});

test("progress is one document a line on stderr", () => {
  let written = "", nowMs = 0;
  const terminal = { write: (text: string) => void (written += text), isTTY: true, columns: 80 };
  const speaks = { stdout: terminal, stderr: terminal, json: true, quiet: false, verbose: false, plain: false };
  const progress = createProgress(createOutput(speaks), "downloading", 100, () => nowMs);
  for (; nowMs <= 60_000; nowMs += 1000) progress.update(nowMs / 1000, "https://a.example");
  progress.end();
  const lines = written.trimEnd().split("\n");
  assert.equal(lines.length, 12, "a line every five seconds");
  for (const line of lines) requireFits("progress", JSON.parse(line));
});

test("the daemon's lines and its last words fit", async () => {
  const mirror = await network.mirror();
  const home = await network.initialised(mirror.url);
  await check("configure-auto-update", ["--enabled", "--home", home]);
  const at = ["--home", home, "--listen", "/ip4/127.77.0.1/tcp/0", "--peer", "/ip4/127.77.0.2/tcp/9"];
  const daemon = startDchat(["daemon", ...at, "--json", "--verbose"]);
  await until(
    "it has asked the mirror and its peer",
    () => daemon.said().includes('"learnt"') && daemon.said().includes('"unreachable"'),
  );
  await until("it has told what it does", () => existsSync(join(home, "gossip", "node.json")));
  await check("status", ["--home", home]);
  process.kill(daemon.child.pid ?? 0, "SIGTERM");
  const { code, stdout, stderr } = await daemon.outcome;
  assert.equal(code, 0, stderr);
  requireFits("daemon", JSON.parse(stdout));
  seen.add("daemon");
  for (const line of stderr.trimEnd().split("\n")) requireFits("daemon-line", JSON.parse(line));
});

for (const [command, ...args] of [["daemon"], ["daemon", "--peer", "nobody"], ["run", "--", "true"]] as const) {
  test(`what ${command} ${args.join(" ")} fails with is a line like the others`, async () => {
    const options = ["--json", "--home", network.newHome()];
    const { code, stdout, stderr } = await runDchat([command, ...options, ...args]);
    requireFits("error", JSON.parse(stdout));
    const lines = stderr.trimEnd().split("\n").map((text) => JSON.parse(text)), line = lines.at(-1);
    for (const each of lines) requireFits("daemon-line", each);
    const { error } = JSON.parse(stdout);
    assert.deepEqual([line.event, line.code, code], ["failure", error.code, error.exitCode]);
    assert.ok(line.message.includes(error.message) && line.message.includes(error.hint));
  });
}

test("the lines of run fit, those of the daemon beside the node among them", async () => {
  const mirror = await network.mirror();
  const home = await network.initialised(mirror.url), listen = ["--listen", "/ip4/127.77.0.3/tcp/0"];
  await check("install", ["--version", "0.1.0", "--home", home]); // of random bytes: it cannot be started
  const run = startDchat(["run", "--home", home, ...listen, "--json", "--", "true", "{program}"]);
  await until("both have spoken", () => ['"started"', '"ended"', '"listening"'].every((e) => run.said().includes(e)));
  process.kill(run.child.pid ?? 0, "SIGTERM");
  for (const line of (await run.outcome).stderr.trimEnd().split("\n")) {
    const document = JSON.parse(line), { event } = document;
    requireFits(schemas.get("run-line").properties.event.enum.includes(event) ? "run-line" : "daemon-line", document);
  }
});

test("every command has a schema, and the tests have met it", () => {
  const wanted = COMMANDS.map((c) => c.name.replace(" ", "-"));
  assert.deepEqual(
    [...schemas.keys()].toSorted(),
    [...wanted, "common", "daemon-line", "devnet-line", "error", "progress", "run-line"].toSorted(),
  );
  assert.deepEqual([...seen].toSorted(), [...wanted, "error"].toSorted());
});

test("the schemas know every error code", () => {
  assert.deepEqual(schemas.get("common").$defs.errorCode.enum, Object.keys(ERROR_CODES));
});

test("no schema lets an unknown field pass", () => {
  const visit = (where: string, node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    const { type, additionalProperties } = node as { type?: unknown; additionalProperties?: unknown };
    if (type === "object") assert.notEqual(additionalProperties ?? true, true, where);
    for (const [key, value] of Object.entries(node)) visit(`${where}/${key}`, value);
  };
  for (const [name, schema] of schemas) visit(name, schema);
});
