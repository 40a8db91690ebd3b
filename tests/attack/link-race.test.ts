// The lie: files of the home that turn into links and back while they are worked on. Whoever can write there at that
// moment must not make us write anywhere else, nor let us take for proven what is not; where somebody else can, nothing
// is executed at all.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createNetwork, expect, PLATFORM, succeed } from "../cli/network.ts";
import { denoProgram } from "../runtimes/runtimes.ts";
import { runDchat } from "../support/bundled-cli.ts";
import { nodeProgram } from "../support/node-program.ts";
import { sha256 } from "../support/signed-file.ts";

const SWAPPER = fileURLToPath(new URL("../support/link-swapper.ts", import.meta.url));
const ROUNDS = 12;
const PRECIOUS = "precious".repeat(100_000); // longer than any artifact here: a careless open would cut it

const network = await createNetwork();
const repo = join(network.folder, "race"), key = join(network.folder, "race.pem");
const program = (version: string) => nodeProgram(version);
await succeed(["release", "keygen", key]);
await succeed(["release", "init", repo, "--network", "race", "--key", key]);
for (const version of ["1.0.0", "2.0.0"]) {
  const file = join(network.folder, version);
  writeFileSync(file, program(version));
  const what = ["--version", version, "--platform", PLATFORM, "--format", "executable"];
  await succeed(["release", "add", repo, file, ...what]);
}
await succeed(["release", "publish", repo, "--key", key]);
const mirror = await network.mirror(repo);

async function newHome(): Promise<string> {
  const home = network.newHome();
  await succeed(["init", "--repo", mirror.url, "--root", join(repo, "metadata", "1.root.json"), "--home", home]);
  await succeed(["install", "--version", "1.0.0", "--home", home]);
  return home;
}

async function startSwapper(places: readonly (readonly [string, string])[]): Promise<ChildProcess> {
  const child = spawn(denoProgram(), ["run", "-A", SWAPPER, JSON.stringify(places)], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  await once(child.stdout, "data");
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

test("while files turn into links and back, nothing is written elsewhere and nothing unproven is installed", async () => {
  const home = await newHome(), at = ["--home", home], digest = sha256(program("2.0.0"));
  const outside = join(network.folder, "outside"), file = join(outside, "file"), evil = join(outside, "2.0.0");
  mkdirSync(evil, { recursive: true });
  writeFileSync(file, PRECIOUS);
  writeFileSync(join(evil, "dchat"), nodeProgram("6.6.6"), { mode: 0o555 });
  const places: readonly (readonly [string, string])[] = [
    [join(home, "packages", `dchat-2.0.0-${PLATFORM}`), file],
    [join(home, "partial", `${digest}.part`), file],
    [join(home, "partial", `${digest}.map`), join(outside, "nothing")],
    [join(home, "versions", "2.0.0"), evil],
    [join(home, "current"), outside],
    [join(home, "journal.json"), join(outside, "nothing")],
  ];
  const before = listing(outside);
  const swapper = await startSwapper(places);
  const codes = new Map<number | null, number>();
  try {
    for (let round = 0; round < ROUNDS; round++) {
      rmSync(join(home, "packages", `dchat-2.0.0-${PLATFORM}`), { force: true });
      for (const args of [["install", "--version", "2.0.0"], ["activate", "--version", "2.0.0"], ["rollback"]]) {
        const { code, stderr } = await runDchat([...args, ...at]);
        codes.set(code, (codes.get(code) ?? 0) + 1);
        // Done, refused by name, or what the disk said: never a bug, never an older state than there was.
        assert.ok(code === 0 || (code !== null && code >= 30 && code < 50), `${args[0]}: ${code} ${stderr}`);
        const { version } = JSON.parse(readFileSync(join(home, "current.json"), "utf8"));
        assert.ok(["1.0.0", "2.0.0"].includes(version));
      }
      assert.deepEqual(listing(outside), before, "something was written elsewhere");
    }
  } finally {
    await end(swapper);
  }
  console.log(`  ended with ${[...codes].map(([code, n]) => `${code}: ${n}`).join(", ")}`);
  for (const [path] of places) {
    for (const left of [`${path}.away`, `${path}.link`]) rmSync(left, { recursive: true, force: true });
  }
  await succeed(["install", "--version", "2.0.0", ...at]);
  await succeed(["activate", "--version", "2.0.0", ...at]);
  assert.deepEqual(new Uint8Array(readFileSync(join(home, "versions", "2.0.0", "dchat"))), program("2.0.0"));
  assert.deepEqual(listing(outside), before);
});

/** Every file with its contents. */
function listing(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((e) => {
      const path = join(e.parentPath, e.name);
      return `${path} ${e.isFile() ? sha256(readFileSync(path)) : ""}`;
    }).sort();
}

test("in a home that others may write to nothing is activated or started: they could exchange it at any moment", async () => {
  const home = await newHome(), at = ["--home", home];
  await succeed(["install", "--version", "2.0.0", ...at]);
  for (const mode of [0o777, 0o775, 0o1777]) {
    chmodSync(home, mode);
    const { stderr } = await expect(41, ["activate", "--version", "2.0.0", ...at]);
    assert.match(stderr, /can be written by others/);
    assert.match(stderr, /chmod go-w/);
    const run = await runDchat(["run", "--no-restart", ...at, "--", "{program}", "1", network.folder], {
      deadlineMs: 1500,
    });
    assert.equal(run.code, null, run.stderr);
    assert.ok(!existsSync(join(network.folder, "log")), "it was started");
  }
  chmodSync(home, 0o755);
  await succeed(["activate", "--version", "2.0.0", ...at]);
});
