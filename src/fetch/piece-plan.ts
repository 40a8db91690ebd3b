// Which piece is fetched by whom: hands out runs of adjacent pieces, lowest or rarest first, so that the hash of the
// contiguous prefix keeps up; and lets an idle supplier take over what a slow one holds. Design: "The download" of
// docs/architecture.md.
// Must not: know a clock, a source or a buffer. Pure bookkeeping; everything in it fits in the head.

import type { PieceSet } from "../api.ts";
import { SmallSet } from "../small-set.ts";

/** Adjacent pieces that one read brings, in order. `next` moves on as they arrive. */
export interface Run {
  /** The piece that comes next. */
  next: number;
  /** Behind its last piece. */
  end: number;
  /** How far its claim reaches: to its end, or a little ahead for a run that passes over what others bring. */
  claimEnd: number;
  readonly passesOver: boolean;
  /** Whose pieces these were; he holds them too, until he gets there. */
  readonly takenFrom: Run | undefined;
}

/** How long a run will need for what is left of it; the caller knows clocks and rates. */
export type EstimateMs = (run: Run) => number;

export interface PiecePlan {
  /** Pieces nobody has brought yet. */
  readonly missingCount: number;
  isDone(index: number): boolean;
  /** Somebody brought it: it is on its way to its proof. */
  arrived(index: number): void;
  /** It was wrong after all. */
  reopen(index: number): void;
  /** True when somebody who has these could still bring something. */
  wants(have: PieceSet): boolean;
  /**
   * The lowest adjacent pieces that nobody holds, at most `max`, not far ahead of the first missing one. With ranks, those
   * of the lowest rank, as long as their ranks follow each other.
   */
  takeFree(have: PieceSet, max: number, rank?: (index: number) => number): Run | undefined;
  /** The same, however far ahead. */
  takeAhead(have: PieceSet, max: number): Run | undefined;
  /**
   * Pieces that another run holds and would bring later than the asker: the second half of what is left of the slowest
   * one, or the piece it is busy with. They are then held twice, and the slow run leaves them when it gets there.
   * @param ownMs what the asker needs for one piece
   */
  takeOver(have: PieceSet, max: number, ownMs: number, estimateMs: EstimateMs): Run | undefined;
  /** A read from the first piece to the end; it passes over what others bring before it. */
  takeAll(): Run;
  /** The run has brought its next piece, or passes over it. */
  advance(run: Run): void;
  /** True when somebody else has brought or is bringing what comes next, and the run can stop. */
  isRelieved(run: Run): boolean;
  /** Others may take what it holds; it may still bring it. */
  suspend(run: Run): void;
  resume(run: Run): void;
  /** It ended, whatever it brought. */
  finish(run: Run): void;
}

// How far ahead of the first missing piece others may be. At 1.7 GB/s, SHA-256 takes these in 38 ms: so much may be
// left of it after the last byte.
export const WINDOW_PIECES = 64;
// What a run through everything claims ahead of its place.
const CLAIM_PIECES = 8;
// The piece is not worth fetching twice for less.
const WORTH_FACTOR = 2;
const WORTH_MS = 200;

/** @param isHeld pieces that are there from the beginning */
export function createPiecePlan(count: number, isHeld: (index: number) => boolean): PiecePlan {
  const done = Array.from({ length: count }, (_, i) => isHeld(i));
  const holders = new Uint16Array(count);
  const runs = new SmallSet<Run>();
  const suspended = new SmallSet<Run>();
  let missing = done.filter((d) => !d).length;
  let low = 0; // nothing below is missing

  function hold(from: number, to: number, by: 1 | -1): void {
    for (let i = from; i < Math.min(to, count); i++) holders[i] = (holders[i] ?? 0) + by;
  }
  function windowEnd(): number {
    while (low < count && done[low]) low++;
    return Math.min(count, low + WINDOW_PIECES);
  }
  const isFree = (i: number) => done[i] === false && holders[i] === 0;

  function take(have: PieceSet, max: number, end: number, rank?: (index: number) => number): Run | undefined {
    const mayTake = (i: number) => isFree(i) && have.has(i);
    const follows = (i: number) => rank === undefined || rank(i) === rank(i - 1) + 1;
    let first = low;
    while (first < end && !mayTake(first)) first++;
    if (first >= end) return undefined;
    for (let i = first + 1; rank !== undefined && i < end; i++) if (mayTake(i) && rank(i) < rank(first)) first = i;
    let behind = first + 1;
    while (behind < end && behind - first < max && mayTake(behind) && follows(behind)) behind++;
    return start(first, behind);
  }

  function start(next: number, end: number, o: Partial<Pick<Run, "claimEnd" | "passesOver" | "takenFrom">> = {}): Run {
    const run = { next, end, claimEnd: end, passesOver: false, takenFrom: undefined, ...o };
    runs.add(run);
    hold(next, run.claimEnd, 1);
    return run;
  }

  /** It is one of those who hold this piece. */
  const holds = (run: Run, i: number) => runs.has(run) && !suspended.has(run) && run.next <= i && i < run.claimEnd;

  return {
    get missingCount() {
      return missing;
    },
    isDone: (i) => done[i] === true,
    arrived(i) {
      if (done[i] !== false) return;
      done[i] = true;
      missing--;
    },
    reopen(i) {
      if (done[i] !== true) return;
      done[i] = false;
      missing++;
      low = Math.min(low, i);
    },
    wants(have) {
      windowEnd(); // moves `low` on
      for (let i = low; i < count; i++) if (done[i] === false && have.has(i)) return true;
      return false;
    },
    takeFree: (have, max, rank) => take(have, max, windowEnd(), rank),
    takeAhead: (have, max) => take(have, max, count),
    takeOver(have, max, ownMs, estimateMs) {
      const end = windowEnd();
      let best: { run: Run; first: number; count: number; ms: number } | undefined;
      for (const run of runs) {
        if (suspended.has(run)) continue;
        let last = Math.min(run.claimEnd, end) - 1;
        while (last >= run.next && (done[last] || holders[last] !== 1 || !have.has(last))) last--;
        if (last < run.next) continue;
        const wanted = Math.max(1, Math.floor((last + 1 - run.next) / 2));
        let first = last;
        while (
          first > run.next && last + 1 - first < Math.min(wanted, max) && isSingle(first - 1) && have.has(first - 1)
        ) {
          first--;
        }
        const ms = estimateMs(run);
        if (ms <= (best?.ms ?? 0) || ms < WORTH_FACTOR * (last + 1 - first) * ownMs + WORTH_MS) continue;
        best = { run, first, count: last + 1 - first, ms };
      }
      return best && start(best.first, best.first + best.count, { takenFrom: best.run });
    },
    takeAll: () => start(0, count, { claimEnd: Math.min(CLAIM_PIECES, count), passesOver: true }),
    advance(run) {
      if (!suspended.has(run) && run.next < run.claimEnd) hold(run.next, run.next + 1, -1);
      run.next++;
      if (!run.passesOver || run.claimEnd === run.end) return;
      const claimEnd = Math.min(run.end, run.next + CLAIM_PIECES);
      if (!suspended.has(run)) hold(Math.max(run.claimEnd, run.next), claimEnd, 1);
      run.claimEnd = claimEnd;
    },
    isRelieved(run) {
      const { next, end, passesOver, takenFrom } = run;
      if (next >= end || passesOver) return false;
      if (done[next]) return true;
      const own = holds(run, next) ? 1 : 0, slow = takenFrom !== undefined && holds(takenFrom, next) ? 1 : 0;
      return (holders[next] ?? 0) > own + slow;
    },
    suspend(run) {
      if (!runs.has(run) || suspended.has(run)) return;
      suspended.add(run);
      hold(run.next, run.claimEnd, -1);
    },
    resume(run) {
      if (suspended.delete(run)) hold(run.next, run.claimEnd, 1);
    },
    finish(run) {
      if (!runs.delete(run)) return;
      if (!suspended.delete(run)) hold(run.next, run.claimEnd, -1);
    },
  };

  function isSingle(i: number): boolean {
    return done[i] === false && holders[i] === 1;
  }
}
