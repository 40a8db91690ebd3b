// In which order mirrors are asked: the operator's priorities, and inside one priority what earlier runs have taught.
// Design: "Mirror health" of docs/architecture.md. Pure.
// Must not: leave a mirror out; one that is in disgrace comes last and is still asked when nobody else helps.
import { type HealthBook, liarUntilMs, type MirrorHealth, setAsideUntilMs } from "./health-rules.ts";

export interface RankableMirror {
  /** As in the health book. */
  readonly id: string;
  /** As configured or signed; lower is asked first, equal ones are one class. */
  readonly priority: number;
  readonly region?: string;
  /** Who named it: the operator, or the release keys. */
  readonly origin: "config" | "signed";
}

/** Above every priority that can be configured for real; the operator's order holds among those that are behind it. */
const SET_ASIDE_PRIORITY = 2 ** 40;
const LIAR_PRIORITY = 2 ** 41;
const LARGEST_PRIORITY = 2 ** 40 - 1;

/**
 * The mirrors in the order in which to ask them, with the priority that counts now: that of a mirror which is set
 * aside, or has lied lately, is behind all others.
 *
 * Inside one class: the operator's own before signed ones; this node's region; up to date before behind; fewer failed
 * runs in a row (one that was never asked has none); known rate before unknown, the faster first; the nearer first; else as they came.
 */
export function orderMirrors<M extends RankableMirror>(
  mirrors: readonly M[],
  health: HealthBook,
  region: string | undefined,
  nowMs: number,
): M[] {
  const ranked = mirrors.map((mirror) => {
    const known = health.get(mirror.id);
    const priority = effectivePriority(mirror.priority, known, nowMs);
    return { mirror: { ...mirror, priority }, rank: [priority, ...rankInClass(mirror, known, region)] };
  });
  return ranked.toSorted((a, b) => compareRanks(a.rank, b.rank)).map((r) => r.mirror);
}

function effectivePriority(configured: number, known: MirrorHealth | undefined, nowMs: number): number {
  const priority = Math.min(configured, LARGEST_PRIORITY);
  if (liarUntilMs(known, nowMs) !== undefined) return LIAR_PRIORITY + priority;
  if (setAsideUntilMs(known, nowMs) !== undefined) return SET_ASIDE_PRIORITY + priority;
  return priority;
}

/** Each number decides only where all before it are equal; lower is better. */
function rankInClass(m: RankableMirror, known: MirrorHealth | undefined, region: string | undefined): number[] {
  const isNear = region !== undefined && m.region?.toLowerCase() === region.toLowerCase();
  const rate = known?.bytesPerSecond ?? null;
  return [
    m.origin === "config" ? 0 : 1,
    isNear ? 0 : 1,
    known?.isBehind === true ? 1 : 0,
    known?.consecutiveFailures ?? 0,
    rate === null ? 0 : -rate,
    known?.latencyMs ?? Infinity,
  ];
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (const [i, x] of a.entries()) {
    const y = b[i] ?? x;
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}
