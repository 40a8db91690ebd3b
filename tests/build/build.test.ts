// What build.ts promises: the same bytes anywhere, a size budget that holds, a trust root and mirrors baked in.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { stop, transform } from "esbuild";
import { denoProgram } from "../runtimes/runtimes.ts";
import { publishRelease } from "../support/release-fixture.ts";
import { tempFolder } from "../support/temp-folder.ts";

const PROJECT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const BUNDLE = join(PROJECT, "dist", "dchat-update.mjs");
const temp = tempFolder("build");
after(async () => {
  rmSync(temp, { recursive: true });
  await stop();
});

function build(project: string, args: string[] = []) {
  return spawnSync(denoProgram(), ["run", "-A", "--frozen", "build.ts", ...args], { cwd: project, encoding: "utf8" });
}

/** A copy of the sources alone, with packages to be laid anew from the lock. */
function copySources(to: string): string {
  mkdirSync(to, { recursive: true });
  const left = /^(\.git|node_modules|dist|tests|docs)$/;
  cpSync(PROJECT, to, { recursive: true, filter: (file) => !left.test(relative(PROJECT, file)) });
  return to;
}

test("two folders with the same sources and lock give the same bytes", () => {
  const files = [join(temp, "a"), join(temp, "b", "a longer path", "ü")].map((folder) => {
    const { status, stderr } = build(copySources(folder));
    assert.equal(status, 0, stderr);
    return readFileSync(join(folder, "dist", "dchat-update.mjs"));
  });
  assert.ok(files[0]!.equals(files[1]!));
});

test("a file over the size budget fails the build and is not written", () => {
  const out = join(temp, "over.mjs");
  const { status, stderr } = build(PROJECT, ["--out", out, "--budget", "1000"]);
  assert.equal(status, 1);
  assert.match(stderr, /over the size budget by \d+ bytes/);
  assert.equal(existsSync(out), false);
});

test("a budget that is no number fails the build", () => {
  assert.equal(build(PROJECT, ["--out", join(temp, "nan.mjs"), "--budget", "much"]).status, 1);
});

test("a trust root and mirrors are baked in: verify needs no --root", () => {
  const file = join(temp, "dchat");
  const out = join(temp, "baked.mjs");
  writeFileSync(file, "a release");
  const { root, bundle } = publishRelease(temp, file);
  const mirrors = ["https://one.example/dchat/", "https://two.example/v{version}/{name}"];
  const built = build(PROJECT, ["--out", out, "--root", root, ...mirrors.flatMap((url) => ["--mirror", url])]);
  assert.equal(built.status, 0, built.stderr);
  const run = (...args: string[]) => spawnSync(denoProgram(), ["run", "-A", out, ...args], { encoding: "utf8" });
  assert.deepEqual(JSON.parse(run("version", "--json").stdout).mirrors, ["https://one.example/dchat", mirrors[1]]);
  const genuine = ["--bundle", bundle, "--package", file, "--version", "1.0.0", "--platform", "linux-x64"];
  const verified = run("verify", ...genuine);
  assert.equal(verified.status, 0, verified.stderr);
});

test("what init of the built file would refuse is not baked in, and that is said in a line", () => {
  const folder = join(temp, "odd");
  mkdirSync(folder);
  const { root } = publishRelease(folder, BUNDLE);
  const altered = join(temp, "altered.json");
  writeFileSync(altered, readFileSync(root, "utf8").replace(/"sig":"../, '"sig":"00'));
  const targets = join(temp, "targets.json");
  writeFileSync(targets, JSON.stringify({ signatures: [], signed: { _type: "targets" } }));
  const odd: [option: string, value: string, code: string][] = [
    ["--root", targets, "E_MALFORMED"],
    ["--root", altered, "E_SIGNATURE"],
    ["--root", join(temp, "absent"), "E_IO"],
    ["--mirror", "one.example", "E_USAGE"],
    ["--mirror", "ftp://one.example", "E_USAGE"],
    ["--mirror", "http://one.example", "E_USAGE"],
    ["--mirror", "https://one.example/{verison}", "E_USAGE"],
    ["--mirror", "https://me:secret@one.example/", "E_USAGE"],
  ];
  for (const [option, value, code] of odd) {
    const { status, stderr } = build(PROJECT, ["--out", join(temp, "no.mjs"), option, value]);
    assert.equal(status, 1, `${option} ${value}`);
    assert.match(stderr, new RegExp(`^error ${code}: [^\\n]*: nothing was built\\n$`), value);
    assert.doesNotMatch(stderr, /secret/);
  }
  assert.equal(existsSync(join(temp, "no.mjs")), false);
});

test("the file is ASCII, which engines read faster", () => {
  assert.ok(readFileSync(BUNDLE).every((byte) => byte < 0x80));
});

test("the file names the licence of everything in it, each text once", () => {
  const text = readFileSync(BUNDLE, "utf8");
  for (const name of ["dchat-update", "@noble/ed25519", "semver"]) {
    assert.match(text, new RegExp(`^(.*, )?${name} \\d+\\.\\d+\\.\\d+`, "m"));
  }
  const sections = text.slice(text.lastIndexOf("\n/*!\n")).split("\n---\n").map((section) =>
    section.split("\n\n").slice(1)
  );
  assert.equal(new Set(sections.map((lines) => lines.join("\n\n"))).size, sections.length);
  // Texts that differ in their holders alone stand once, with all holders.
  assert.equal(text.split("Permission is hereby granted, free of charge").length, 2);
  assert.match(text, /^@noble\/ed25519 \d+\.\d+\.\d+: Copyright \(c\) \d{4} Paul Miller/m);
  assert.match(text, /^semver \d+\.\d+\.\d+: Copyright \(c\) Isaac Z\. Schlueter/m);
});

test("the application's exports are functions: the file's start wraps them", async () => {
  for (const [name, value] of Object.entries(await import("../../src/app.ts"))) {
    assert.equal(typeof value, "function", name);
    assert.doesNotMatch(String(value), /^class\b/, name);
  }
});

test("nothing is loaded before it is used: the file has no import statement", () => {
  assert.doesNotMatch(readFileSync(BUNDLE, "utf8"), /\bimport\s*(?:["*{]|[\w$]+\s*(?:,|from))/);
});

test("the file means the same when a runtime reads standard input as TypeScript", async () => {
  const text = readFileSync(BUNDLE, "utf8");
  const [js, ts] = await Promise.all(
    (["js", "ts"] as const).map((loader) => transform(text, { loader, minify: true })),
  );
  assert.equal(js!.code, ts!.code);
});
