// How the measurements of tests/bench/ are taken: whole processes, rivals in turn, medians and their ratio.
// Must not: judge; a program that has a target does.
import { spawnSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";

/** A program and its arguments. */
export type CommandLine = readonly [string, ...string[]];

/** Wall time of one process, in milliseconds. @throws Error when it ends with anything but 0 */
export function timeMs([program, ...args]: CommandLine, o: { cwd?: string } = {}): number {
  const start = performance.now();
  const { status, stderr } = spawnSync(program, args, { ...o, encoding: "utf8" });
  const elapsed = performance.now() - start;
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${status}: ${stderr}`);
  return elapsed;
}

/** Each command once a round, in turn, so that a machine that gets slower slows all of them. @returns times of each */
export function timesInTurn(commands: readonly (() => number)[], rounds: number, warmups = 1): number[][] {
  const times = commands.map((): number[] => []);
  for (let round = -warmups; round < rounds; round++) {
    commands.forEach((run, i) => {
      const elapsed = run();
      if (round >= 0) times[i]?.push(elapsed);
    });
  }
  return times;
}

export function mediansInTurn(commands: readonly (() => number)[], rounds: number, warmups = 1): number[] {
  return timesInTurn(commands, rounds, warmups).map(median);
}

/** Of times taken in turn, round by round: a machine that is busy for a while slows both of a pair. */
export function medianRatio(ours: readonly number[], theirs: readonly number[]): number {
  return median(ours.map((time, i) => time / (theirs[i] ?? NaN)));
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

export function round(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}

/** True when a rival can be started at all. */
export function isInstalled(program: string): boolean {
  return spawnSync(program, ["--version"]).error === undefined;
}

/** Writes a file of random bytes, which nothing on the way can compress. @param mebibytes its size in MiB */
export function writeRandomFile(file: string, mebibytes: number): void {
  const buffer = new Uint8Array(1 << 20);
  const handle = openSync(file, "wx");
  try {
    for (let i = 0; i < mebibytes; i++) writeSync(handle, randomFillSync(buffer));
    fsyncSync(handle); // or the host writes it while something is measured
  } finally {
    closeSync(handle);
  }
}
