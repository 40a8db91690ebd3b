// The demo: one release from its maintainer to an operator, with a lying and a dead mirror on the way.
// Everything runs for real, as its own process, through the bundled file. Ends by itself; non-zero when anything that
// must hold did not. `--keep` leaves folders and mirrors for looking around.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { deadMirrorUrl, type DemoMirror, startMirror } from "./mirrors.ts";

const BUNDLE = join(dirname(fileURLToPath(import.meta.url)), "..", "dist", "dchat-update.mjs");
const keep = process.argv.includes("--keep");
const work = await mkdtemp(join(tmpdir(), "dchat-demo-"));
const mirrors: DemoMirror[] = [];
const failures: string[] = [];

const repo = join(work, "repo"), key = join(work, "release.pem"), home = join(work, "node");
const platform = `${
  { win32: "windows", darwin: "macos" }[process.platform as string] ?? process.platform
}-${process.arch}`;
const extension = process.platform === "win32" ? ".exe" : "";
const nameOf = (version: string) => `dchat-${version}-${platform}${extension}`;

interface Expected {
  readonly exitCode?: number;
  /** Must stand in what was printed. */
  readonly says?: RegExp;
  /** The program runs from its standard input instead of from its file. */
  readonly piped?: boolean;
}

/** Runs one command line of the product, shows it, and notes whether it did what it must. */
async function run(what: string, args: readonly string[], e: Expected = {}): Promise<void> {
  const shown = args.map((a) => a.replaceAll(work, "…")).join(" ");
  console.log(`\n\u001b[1m▶ ${what}\u001b[0m\n  $ ${e.piped ? "curl … | deno run -A - " : "dchat-update "}${shown}`);
  const program = e.piped ? "-" : BUNDLE;
  const child = spawn(process.execPath, ["run", "-A", program, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.end(e.piped ? await readFile(BUNDLE) : undefined);
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
      process.stdout.write(text.replaceAll(work, "…").replace(/^(?=.)/gm, "  "));
    });
  }
  const exitCode = await new Promise<number | null>((ended) => child.on("close", ended));
  const expected = e.exitCode ?? 0;
  if (exitCode !== expected) failures.push(`${what}: exit code ${exitCode}, expected ${expected}`);
  else if (expected !== 0) console.log(`  (exit code ${exitCode}, as it must be)`);
  if (e.says !== undefined && !e.says.test(printed)) failures.push(`${what}: did not say ${e.says}`);
}

/** Node, where it is installed; it makes version 1.0.0 a different program from 0.1.0. */
function anotherProgram(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((f) => join(f, `node${extension}`)).find((f) => existsSync(f));
}

async function maintainerPublishes(): Promise<void> {
  console.log("\n━━ The maintainer publishes two releases of a real program ━━");
  const oldProgram = join(work, `old${extension}`), newProgram = join(work, `new${extension}`);
  await copyFile(process.execPath, oldProgram);
  await copyFile(anotherProgram() ?? process.execPath, newProgram);
  if (anotherProgram() === undefined) {
    const file = await open(newProgram, "a");
    await file.writeFile("\n");
    await file.close();
  }
  await run("a key", ["release", "keygen", key]);
  await run("a repository", ["release", "init", repo, "--network", "demo", "--key", key]);
  const add = (
    file: string,
    version: string,
  ) => ["release", "add", repo, file, "--version", version, "--platform", platform];
  await run("version 0.1.0", add(oldProgram, "0.1.0"));
  await run("version 1.0.0", add(newProgram, "1.0.0"));
  await run("published: a folder any static host can serve", ["release", "publish", repo, "--key", key]);
}

async function operatorUpdates(): Promise<void> {
  console.log("\n━━ An operator: one mirror alters bytes, one is dead, one is honest ━━");
  const liar = await startMirror(repo, { alters: true });
  const honest = await startMirror(repo, { alters: false });
  mirrors.push(liar, honest);
  const dead = await deadMirrorUrl();
  const at = ["--home", home];
  const root = join(repo, "metadata", "1.root.json");
  await run("the trust root is pinned", ["init", "--repo", honest.url, "--root", root, ...at]);
  for (const [url, priority] of [[liar.url, "10"], [dead, "20"]] as const) {
    await run("another mirror", ["add-mirror", "--url", url, "--mirror-type", "https", "--priority", priority, ...at]);
  }
  await run("which mirrors work?", ["test-mirrors", ...at], { says: /2\/3 mirrors operational/ });
  await run("is there anything new?", ["check", "--current", "0.1.0", "--exit-code", ...at], {
    exitCode: 100,
    says: /1\.0\.0 .*New version available!/,
  });
  await run("all releases", ["list-versions", ...at], { says: /0\.1\.0/ });
  await run("download: the liar is asked first, and refused", ["download", "--version", "1.0.0", ...at], {
    says: /was refused/,
  });
  const cached = join(home, "packages", nameOf("1.0.0"));
  if (!existsSync(cached)) failures.push("the proven file is not in packages/");
  await run("verify: no network", ["verify", "--package", cached, "--version", "1.0.0", ...at], {
    says: /Package verified successfully/,
  });
  await run("what was refused, and from whom", ["alerts", ...at], { says: /E_HASH_MISMATCH/ });
  await run("what the node remembers of its mirrors", ["list-mirrors", ...at], {
    says: /has lied: asked last until/,
  });
}

async function liesAreCaught(): Promise<void> {
  console.log("\n━━ Lies, each caught without a network ━━");
  const bundle = join(repo, "bundle.json"), root = join(repo, "metadata", "1.root.json");
  const trust = ["--bundle", bundle, "--root", root, "--home", join(work, "ci")];
  const renamed = join(work, nameOf("1.0.0"));
  await copyFile(join(work, `old${extension}`), renamed);
  await run("an old program under the new name", ["verify", "--package", renamed, ...trust], { exitCode: 30 });
  await copyFile(join(home, "packages", nameOf("1.0.0")), renamed);
  await run("the real one, verified by a piped program", ["verify", "--package", renamed, ...trust], {
    piped: true,
    says: /Package verified successfully/,
  });
  const file = await open(renamed, "r+");
  const { buffer } = await file.read(new Uint8Array(1), 0, 1, 4096);
  await file.write(buffer.map((byte) => byte ^ 1), 0, 1, 4096);
  await file.close();
  await run("one bit altered", ["verify", "--package", renamed, ...trust], { exitCode: 30, says: /E_HASH_MISMATCH/ });
  const otherRoot = ["--bundle", bundle, "--root-sha256", "0".repeat(64), "--home", join(work, "ci")];
  await run("another trust root", ["verify", "--package", renamed, ...otherRoot], { exitCode: 32 });
}

try {
  if (!existsSync(BUNDLE)) throw new Error(`${BUNDLE} is missing: run \`deno task build\` first`);
  await maintainerPublishes();
  await operatorUpdates();
  await liesAreCaught();
} catch (e) {
  failures.push(String(e));
} finally {
  if (keep) {
    console.log(`\nkept: ${work}\nmirrors: ${mirrors.map((m) => m.url).join(" ")} (end with Ctrl-C)`);
    await new Promise((stopped) => process.once("SIGINT", stopped));
  }
  for (const m of mirrors) await m.close();
  await rm(work, { recursive: true, force: true });
}
console.log(failures.length === 0 ? "\n✅ Everything held." : `\n❌ Did not hold:\n  ${failures.join("\n  ")}`);
process.exit(failures.length === 0 ? 0 : 1);
