// A small published network for the operator's commands: made by the real `release` commands of the bundled file, served
// by loopback mirrors, with fresh homes. Everything is cleared away at the end of the test file.
// Must not: judge anything.
import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { after } from "node:test";
import { testBytes } from "../support/artifact.ts";
import { type Outcome, runDchat, type RunOptions } from "../support/bundled-cli.ts";
import { type LyingMirror, startLyingMirror } from "../support/lying-mirror.ts";
import { filesBelow } from "../support/operator.ts";
import { tempFolder } from "../support/temp-folder.ts";

export interface Network {
  /** For whatever a test needs on disk. */
  readonly folder: string;
  /** 0.1.0, 1.0.0 (a security patch, also for windows-x64), 1.1.0-beta.1 and 1.2.0 (nightly); its timestamp is version 2. */
  readonly repo: string;
  /** The same repository as it was first published, with 0.1.0 alone. */
  readonly oldRepo: string;
  readonly key: string;
  readonly rootFile: string;
  readonly rootSha256: string;
  readonly bundle: string;
  /** The bytes of a linux-x64 release, as a file of that name in a folder of its own. */
  packageFile(version: string): string;
  /** A mirror of a folder; of `repo` when none is named. */
  mirror(folder?: string): Promise<LyingMirror>;
  newHome(): string;
  /** A home that has pinned the root and knows these mirrors. */
  initialised(...urls: readonly string[]): Promise<string>;
}

export const PLATFORM = "linux-x64";

const RELEASES: readonly (readonly [version: string, platform: string, ...options: string[]])[] = [
  ["1.0.0", PLATFORM, "--upgrade-type", "security-patch", "--release-notes-url", "https://example.org/1.0.0"],
  ["1.0.0", "windows-x64", "--upgrade-type", "security-patch"],
  ["1.1.0-beta.1", PLATFORM],
  ["1.2.0", PLATFORM, "--channel", "nightly"],
];

/** To be called once, at the top of a test file. */
export async function createNetwork(): Promise<Network> {
  const folder = tempFolder("cli");
  const opened: LyingMirror[] = [];
  after(async () => {
    await Promise.all(opened.map((m) => m.close()));
    rmSync(folder, { recursive: true, force: true });
  });
  const repo = join(folder, "repo"), oldRepo = join(folder, "old-repo"), key = join(folder, "key.pem");
  const add = async (version: string, platform: string, ...options: readonly string[]) => {
    const file = join(folder, `${version}-${platform}.bin`);
    writeFileSync(file, testBytes(40_000, `${version} ${platform}`));
    const what = ["--version", version, "--platform", platform, "--format", "executable"];
    await succeed(["release", "add", repo, file, ...what, ...options]);
  };
  await succeed(["release", "keygen", key]);
  await succeed(["release", "init", repo, "--network", "testnet", "--key", key]);
  await add("0.1.0", PLATFORM);
  await succeed(["release", "publish", repo, "--key", key]);
  cpSync(repo, oldRepo, { recursive: true });
  for (const release of RELEASES) await add(...release);
  await succeed(["release", "publish", repo, "--key", key]);

  const rootFile = join(repo, "metadata", "1.root.json");
  let homes = 0;
  const network: Network = {
    folder,
    repo,
    oldRepo,
    key,
    rootFile,
    rootSha256: createHash("sha256").update(readFileSync(rootFile)).digest("hex"),
    bundle: join(repo, "bundle.json"),
    packageFile(version) {
      const file = join(mkdtempSync(join(folder, "package-")), `dchat-${version}-${PLATFORM}`);
      cpSync(join(folder, `${version}-${PLATFORM}.bin`), file);
      return file;
    },
    async mirror(served = repo) {
      const mirror = await startLyingMirror();
      opened.push(mirror);
      mirror.serve(filesOf(served));
      return mirror;
    },
    newHome: () => join(folder, `home-${homes++}`),
    async initialised(...urls) {
      const home = network.newHome();
      await succeed(["init", ...urls.flatMap((url) => ["--repo", url]), "--root", rootFile, "--home", home]);
      return home;
    },
  };
  return network;
}

/** Everything in a folder, by relative path with slashes. */
export function filesOf(folder: string): Map<string, Uint8Array> {
  return new Map(filesBelow(folder).map((f) => [relative(folder, f).replaceAll(sep, "/"), readFileSync(f)]));
}

/** Runs a command that must end with this exit code. */
export async function expect(code: number, args: readonly string[], o?: RunOptions): Promise<Outcome> {
  const outcome = await runDchat(args, o);
  if (outcome.code === code) return outcome;
  const { stdout, stderr } = outcome;
  throw new Error(`dchat-update ${args.join(" ")} ended with ${outcome.code}, not ${code}:\n${stdout}${stderr}`);
}

export const succeed = (args: readonly string[], o?: RunOptions): Promise<Outcome> => expect(0, args, o);

/** The one document that a command prints with --json. */
// deno-lint-ignore no-explicit-any -- tests look into documents whose shape tests/cli/schemas.test.ts asserts
export async function json(args: readonly string[], code = 0, o?: RunOptions): Promise<any> {
  const { stdout } = await expect(code, [...args, "--json"], o);
  return JSON.parse(stdout);
}
