// A published release made by the bundled file itself: key, repository, one artifact.
// Must not: be used where a lie is wanted; tuf-repository.ts builds those.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The bundled file that `deno task build` made. */
export const BUNDLE = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), "dist", "dchat-update.mjs");

/** Runs the bundled file on the runtime that runs the test. @throws Error when it ends with anything but 0 */
export function runBundle(args: readonly string[]): string {
  const runtimeArgs = process.versions["deno"] === undefined ? [] : ["run", "-A"];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...runtimeArgs, BUNDLE, ...args], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`dchat-update ${args.join(" ")} ended with ${status}: ${stderr}`);
  return stdout;
}

export interface PublishedRelease {
  /** Folder that a static host can serve. */
  readonly repo: string;
  readonly bundle: string;
  readonly root: string;
  readonly key: string;
  /** Where it serves the artifact, such as `targets/dchat/1.0.0/<sha256>.dchat-1.0.0-linux-x64`. */
  readonly artifact: string;
  readonly sha256: string;
}

/** Publishes `file` as version 1.0.0 for linux-x64, in folders below `folder`. */
export function publishRelease(folder: string, file: string): PublishedRelease {
  const repo = join(folder, "repo"), key = join(folder, "key.pem");
  runBundle(["release", "keygen", key]);
  runBundle(["release", "init", repo, "--network", "test", "--key", key]);
  runBundle(["release", "add", repo, file, "--version", "1.0.0", "--platform", "linux-x64"]);
  runBundle(["release", "publish", repo, "--key", key]);
  const released = "targets/dchat/1.0.0";
  const name = readdirSync(join(repo, released)).find((n) => n.endsWith(".dchat-1.0.0-linux-x64"));
  if (name === undefined) throw new Error("the release is not in its repository");
  return {
    repo,
    key,
    bundle: join(repo, "bundle.json"),
    root: join(repo, "metadata", "1.root.json"),
    artifact: `${released}/${name}`,
    sha256: name.slice(0, 64),
  };
}
