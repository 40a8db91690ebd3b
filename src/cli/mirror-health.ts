// What a command learns of mirrors, and how what is remembered of them is shown. Design: docs/cli.md, list-mirrors.
// Must not: fail a command; all of this is advice.
import {
  type HealthBook,
  liarUntilMs,
  type MirrorHealth,
  type Observation,
  setAsideUntilMs,
} from "../config/health-rules.ts";
import type { Home } from "../config/home.ts";
import { readHealth, recordRun } from "../config/mirror-health.ts";
import { asUpdateError } from "../errors.ts";
import type { DownloadOptions } from "../fetch/download.ts";
import type { MirrorReport } from "../fetch/mirror-reports.ts";
import type { SourceReport } from "../fetch/source-report.ts";
import type { Context } from "./context.ts";
import { formatBytes } from "./output.ts";

/** The memory of mirrors during one command. */
export interface HealthLog {
  /** As it was when the command began. */
  readonly known: HealthBook;
  note(...seen: readonly Observation[]): void;
  /** Writes down what was noted; a failure to is told and no more. */
  save(): Promise<void>;
}

export async function openHealth(c: Context, home: Home): Promise<HealthLog> {
  const { book, problem } = await readHealth(home);
  if (problem !== undefined) c.out.note(`what was known of the mirrors is not used: ${problem.message}`);
  const noted: Observation[] = [];
  return {
    known: book,
    note: (...seen) => void noted.push(...seen),
    async save() {
      try {
        await recordRun(home, noted.splice(0), c);
      } catch (e) {
        c.out.note(`what was learnt of the mirrors could not be kept: ${asUpdateError(e).message}`);
      }
    },
  };
}

/** What a refresh says of its mirrors. */
export function seenInRefresh(reports: readonly MirrorReport[]): Observation[] {
  // One that was never heard, because the run ended for a reason of its own, has shown nothing.
  const heard = reports.filter(({ status, latencyMs }) => status !== "ok" || latencyMs !== null);
  return heard.map(({ mirror, status, error, latencyMs, timestampVersion }): Observation => {
    const seen = { id: mirror, latencyMs, timestampVersion };
    switch (status) {
      case "ok":
        return { ...seen, outcome: "success", ...(timestampVersion === null ? {} : { isBehind: false }) };
      case "stale":
        return { ...seen, outcome: error?.code === "E_ABSENT" ? "absent" : "success", isBehind: true };
      case "refused":
        return { ...seen, outcome: "lie" };
      case "failed":
        return { ...seen, outcome: "failure" };
    }
  });
}

/**
 * What a download says of its mirrors. The cache is no mirror, and what a peer is worth its swarm remembers. A rate that
 * was held down on the operator's word says nothing of the mirror, and a failure that was an interruption neither.
 */
export function seenInDownload(
  reports: readonly SourceReport[],
  { limits }: Pick<DownloadOptions, "limits">,
  signal: AbortSignal,
): Observation[] {
  const isLimited = limits?.bytesPerSecond !== undefined || limits?.bytesPerSecondPerSource !== undefined;
  return reports.flatMap((r): Observation[] => {
    const { id, kind, latencyMs, bytes } = r;
    if (kind === "cache" || kind === "peer" || r.outcome === "unused") return [];
    // A delta that was of no use may be the older file's doing.
    if ((signal.aborted || r.madeFrom !== null) && r.pieces === 0 && r.lies === 0) return [];
    const seen = { id, latencyMs, bytes, ...(isLimited ? {} : { bytesPerSecond: r.bytesPerSecond }) };
    if (r.lies > 0) return [{ ...seen, outcome: "lie", lies: r.lies }];
    return [{ ...seen, outcome: r.brokeOff && !signal.aborted ? "failure" : OUTCOMES[r.outcome] }];
  });
}

const OUTCOMES = { used: "success", absent: "absent", failed: "failure", refused: "lie" } as const;

/** What is remembered of one mirror, for programs; null when it was never asked. */
export function healthJson(h: MirrorHealth | undefined, nowMs: number): Record<string, unknown> | null {
  if (h === undefined) return null;
  const { latencyMs, bytesPerSecond, successes, failures, consecutiveFailures, lies, timestampVersion } = h;
  return {
    latencyMs,
    bytesPerSecond,
    successes,
    failures,
    consecutiveFailures,
    lies,
    lastSuccess: timeOf(h.lastSuccessMs),
    lastFailure: timeOf(h.lastFailureMs),
    lastLie: timeOf(h.lastLieMs),
    timestampVersion,
    freshness: h.isBehind ? "stale" : timestampVersion === null ? "unknown" : "fresh",
    setAsideUntil: timeOf(setAsideUntilMs(h, nowMs)),
    askedLastUntil: timeOf(liarUntilMs(h, nowMs)),
  };
}

const timeOf = (ms: number | null | undefined): string | null =>
  ms === null || ms === undefined ? null : new Date(ms).toISOString();

/** The cells of `HEALTH_HEAD` for one mirror. */
export function healthCells(h: MirrorHealth | undefined): string[] {
  if (h === undefined) return ["-", "-", "-", "-", "-"];
  return [
    h.latencyMs === null ? "-" : `${h.latencyMs} ms`,
    h.bytesPerSecond === null ? "-" : `${formatBytes(h.bytesPerSecond)}/s`,
    h.isBehind ? "stale" : h.timestampVersion === null ? "-" : "fresh",
    `${h.failures}/${h.successes + h.failures}`,
    String(h.lies),
  ];
}

export const HEALTH_HEAD = ["LATENCY", "RATE", "FRESHNESS", "FAILED", "LIES"] as const;

/** What keeps a mirror from being asked with the others, in words. */
export function disgrace(h: MirrorHealth | undefined, nowMs: number): string[] {
  const aside = setAsideUntilMs(h, nowMs), liar = liarUntilMs(h, nowMs);
  return [
    ...(liar === undefined ? [] : [`has lied: asked last until ${minute(liar)}`]),
    ...(aside === undefined
      ? []
      : [`failed ${h?.consecutiveFailures} times in a row: set aside until ${minute(aside)}`]),
  ];
}

const minute = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;
