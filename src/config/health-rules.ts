// What mirrors were worth in earlier runs, and what follows from it: pure rules over one entry a mirror.
// Design: "Mirror health" of docs/architecture.md. It is advice: who is asked first, never who is believed.
// Must not: touch a disk, read a clock.

/** All that is remembered of one mirror. Times are milliseconds since the epoch; null is "never". */
export interface MirrorHealth {
  /** From asking to its first answer, smoothed. */
  readonly latencyMs: number | null;
  /** While it sent something, smoothed. */
  readonly bytesPerSecond: number | null;
  /** Runs in which it did what it was asked. */
  readonly successes: number;
  /** Runs in which it gave nothing, or broke off. */
  readonly failures: number;
  /** Failed runs since the last good one; only runs in which somebody else could be reached count. */
  readonly consecutiveFailures: number;
  /** Files and pieces it gave that did not verify. */
  readonly lies: number;
  readonly lastSuccessMs: number | null;
  readonly lastFailureMs: number | null;
  readonly lastLieMs: number | null;
  /** When anything was last learnt of it. */
  readonly lastSeenMs: number;
  /** Version of the last genuine timestamp it gave. */
  readonly timestampVersion: number | null;
  /** True when others had newer metadata at that time. */
  readonly isBehind: boolean;
}

/** By id of the mirror: its URL without credentials and query. */
export type HealthBook = ReadonlyMap<string, MirrorHealth>;

/** What one run of a command, or one round of a service, saw of one mirror; several of a mirror count as one run. */
export interface Observation {
  readonly id: string;
  /** "absent": it answered, and did not have what was asked for, which is nothing against it. */
  readonly outcome: "success" | "absent" | "failure" | "lie";
  readonly latencyMs?: number | null;
  readonly bytesPerSecond?: number | null;
  /** How much the rate was measured over; a few kilobytes say little of it. */
  readonly bytes?: number;
  /** How often it lied; 1 by default. */
  readonly lies?: number;
  readonly timestampVersion?: number | null;
  /** Absent when nothing was learnt of its freshness. */
  readonly isBehind?: boolean;
}

/** An operator's 64 mirrors and as many signed ones, twice over: room for those that were replaced. */
export const MAX_REMEMBERED_MIRRORS = 256;
/** One bad night is no reason, three runs in a row are. */
const FAILED_RUNS_BEFORE_PAUSE = 3;
/** Doubled with each further failed run, up to a day: then the next run is as good a time to try again as any. */
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 86_400_000;
/** Longer than it takes to notice and mend a broken mirror; a mirror that lies on purpose gains nothing by waiting. */
const LIAR_MS = 7 * 86_400_000;
/** Each sample moves the figure by a third of the difference: two bad days do not hide a good year, nor the reverse. */
const SAMPLE_WEIGHT = 0.3;
/** A rate measured over less than a piece counts for less: most of that time went by before the first byte. */
const FULL_SAMPLE_BYTES = 1 << 20;
/** Counters stop here; nobody reads further, and sums stay exact. */
const MAX_COUNT = 1_000_000_000;

const UNKNOWN: MirrorHealth = {
  latencyMs: null,
  bytesPerSecond: null,
  successes: 0,
  failures: 0,
  consecutiveFailures: 0,
  lies: 0,
  lastSuccessMs: null,
  lastFailureMs: null,
  lastLieMs: null,
  lastSeenMs: 0,
  timestampVersion: null,
  isBehind: false,
};

/**
 * Adds what one run saw. A run in which nobody answered says more of this machine's own line than of its mirrors: it
 * is counted and brings nobody nearer to being set aside.
 */
export function foldRun(book: HealthBook, seen: readonly Observation[], nowMs: number): HealthBook {
  const isOnline = seen.some((o) => o.outcome !== "failure");
  const byId = new Map<string, Observation[]>();
  for (const o of seen) byId.set(o.id, [...byId.get(o.id) ?? [], o]);
  const next = new Map(book);
  for (const [id, observations] of byId) {
    next.set(id, foldMirror(book.get(id) ?? UNKNOWN, observations, nowMs, isOnline));
  }
  const kept = [...next].toSorted(([, a], [, b]) => b.lastSeenMs - a.lastSeenMs).slice(0, MAX_REMEMBERED_MIRRORS);
  return new Map(kept);
}

function foldMirror(
  before: MirrorHealth,
  seen: readonly Observation[],
  nowMs: number,
  isOnline: boolean,
): MirrorHealth {
  const has = (outcome: Observation["outcome"]) => seen.some((o) => o.outcome === outcome);
  const lies = seen.reduce((sum, o) => sum + (o.outcome === "lie" ? o.lies ?? 1 : 0), 0);
  const failed = has("failure"), succeeded = has("success");
  let next: MirrorHealth = {
    ...before,
    successes: count(before.successes, succeeded && !failed ? 1 : 0),
    failures: count(before.failures, failed ? 1 : 0),
    consecutiveFailures: failed
      ? count(before.consecutiveFailures, isOnline ? 1 : 0)
      : succeeded
      ? 0
      : before.consecutiveFailures,
    lies: count(before.lies, lies),
    lastSuccessMs: succeeded ? nowMs : before.lastSuccessMs,
    lastFailureMs: failed ? nowMs : before.lastFailureMs,
    lastLieMs: lies > 0 ? nowMs : before.lastLieMs,
    lastSeenMs: nowMs,
  };
  for (const o of seen) {
    const { latencyMs = null, bytesPerSecond = null, bytes = FULL_SAMPLE_BYTES, timestampVersion = null } = o;
    next = {
      ...next,
      latencyMs: smoothed(next.latencyMs, latencyMs, 1),
      bytesPerSecond: smoothed(next.bytesPerSecond, bytesPerSecond, Math.min(1, bytes / FULL_SAMPLE_BYTES)),
      timestampVersion: timestampVersion ?? next.timestampVersion,
      isBehind: o.isBehind ?? next.isBehind,
    };
  }
  return next;
}

const count = (before: number, more: number): number => Math.min(MAX_COUNT, before + more);

function smoothed(before: number | null, sample: number | null, share: number): number | null {
  if (sample === null) return before;
  const value = before === null ? sample : before + (sample - before) * SAMPLE_WEIGHT * share;
  return Math.min(Number.MAX_SAFE_INTEGER, Math.round(value));
}

/** Until when it is asked only if all others failed; undefined when it is not set aside. */
export function setAsideUntilMs(h: MirrorHealth | undefined, nowMs: number): number | undefined {
  if (h === undefined || h.consecutiveFailures < FAILED_RUNS_BEFORE_PAUSE) return undefined;
  const doublings = h.consecutiveFailures - FAILED_RUNS_BEFORE_PAUSE;
  return endOf(h.lastFailureMs, Math.min(FIRST_PAUSE_MS * 2 ** doublings, LONGEST_PAUSE_MS), nowMs);
}

/** Until when it is asked after everybody else for having lied; undefined when it has not lied lately. */
export function liarUntilMs(h: MirrorHealth | undefined, nowMs: number): number | undefined {
  return h === undefined ? undefined : endOf(h.lastLieMs, LIAR_MS, nowMs);
}

/**
 * The end of a span that began at `fromMs`, while it lasts. A beginning that lies further ahead than the span is long
 * was written under a clock that was wrong: it counts as over, so that no clock can set a mirror aside for ever.
 */
function endOf(fromMs: number | null, spanMs: number, nowMs: number): number | undefined {
  return fromMs !== null && Math.abs(nowMs - fromMs) < spanMs ? fromMs + spanMs : undefined;
}
