// What the measurements of downloads share: a release of random bytes, homes to download into, and a download as a
// process of its own that can be watched, killed and asked what it did.
// Must not: judge; a program that has a target does.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import type { Runtime } from "../runtimes/runtimes.ts";
import { type CommandLine, timeMs, writeRandomFile } from "./measure.ts";
import type { MirrorProcess } from "./mirror-process.ts";
import { BUNDLE, type PublishedRelease, publishRelease } from "./release-fixture.ts";

export const MIB = 1 << 20;

/** A release of random bytes, in folders below `folder`. */
export function publishRandomRelease(folder: string, mebibytes: number): PublishedRelease {
  const original = join(folder, "original");
  writeRandomFile(original, mebibytes);
  const release = publishRelease(folder, original);
  rmSync(original);
  return release;
}

export interface DownloadHome {
  /** The download of the release, with more options. */
  command(...more: string[]): CommandLine;
  /** Where the proven file comes to stand. */
  readonly file: string;
  /** Removes what was downloaded, whole or in part; what was learnt of mirrors stays. */
  forget(): void;
  remove(): void;
}

/** @param folder must not hold another home of this runtime */
export function createDownloadHome(
  folder: string,
  { name, fileCommand }: Runtime,
  urls: readonly string[],
  root: string,
): DownloadHome {
  const home = join(folder, `home-${name}`);
  const repos = urls.flatMap((url) => ["--repo", url]);
  timeMs(fileCommand(BUNDLE, ["init", "--home", home, ...repos, "--root", root]));
  const args = ["download", "--home", home, "--version", "1.0.0", "--platform", "linux-x64"];
  return {
    command: (...more) => fileCommand(BUNDLE, [...args, ...more]),
    file: join(home, "packages", "dchat-1.0.0-linux-x64"),
    forget() {
      for (const part of ["packages", "partial"]) rmSync(join(home, part), { recursive: true, force: true });
    },
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}

/** What `download --json` says that is measured. */
export interface DownloadReport {
  readonly sha256: string;
  readonly fetchedBytes: number;
  readonly resumedBytes: number;
  readonly proofMs: number;
  readonly refused: readonly { readonly source: string; readonly code: string }[];
  readonly sources: readonly { readonly id: string; readonly bytes: number; readonly lies: number }[];
}

export interface EndedDownload {
  /** Null when it was killed. */
  readonly code: number | null;
  readonly elapsedMs: number;
  /** @throws Error when it did not succeed */
  report(): DownloadReport;
}

export interface WatchedDownload {
  readonly child: ChildProcess;
  readonly ended: Promise<EndedDownload>;
}

/** Starts a download whose `--json` report is wanted. */
export function watchDownload(home: DownloadHome, ...more: string[]): WatchedDownload {
  const [program, ...args] = home.command("--json", ...more);
  const startMs = performance.now();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  const end = async (): Promise<EndedDownload> => {
    const [[code], stdout, stderr] = await Promise.all([once(child, "close"), text(child.stdout), text(child.stderr)]);
    const elapsedMs = performance.now() - startMs;
    const report = (): DownloadReport => {
      if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}: ${stderr}`);
      return JSON.parse(stdout); // docs/schemas/download.schema.json
    };
    return { code: code as number | null, elapsedMs, report }; // as Node documents the event
  };
  return { child, ended: end() };
}

const POLL_MS = 5;

/** Downloads, and kills the process once the mirror has sent so many different bytes. @param bytes Infinity for never */
export async function downloadUntil(
  home: DownloadHome,
  mirror: MirrorProcess,
  bytes: number,
): Promise<EndedDownload & { readonly repeatedBytes: number }> {
  const before = await mirror.counts();
  const { child, ended } = watchDownload(home);
  let isOver = false;
  void ended.finally(() => isOver = true);
  for (; !isOver; await delay(POLL_MS)) {
    const { sentBytes, repeatedBytes } = await mirror.counts();
    if (sentBytes - repeatedBytes >= bytes) child.kill("SIGKILL");
  }
  const { repeatedBytes } = await mirror.counts();
  return { ...await ended, repeatedBytes: repeatedBytes - before.repeatedBytes };
}
