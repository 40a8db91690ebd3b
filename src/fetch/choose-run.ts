// Which run of pieces one supplier reads next: as much as it brings in half a second, less towards the end, of peers the
// rarest first; and where nothing is free, what somebody slower holds. Design: "Runs" and "Stalls and slow ends" of
// docs/architecture.md. Must not: read, or ask for anything.

import { PIECE_BYTES } from "../hash/blake3-core.ts";
import type { SmallSet } from "../small-set.ts";
import { type PiecePlan, type Run, WINDOW_PIECES } from "./piece-plan.ts";
import type { PieceReading } from "./piece-reading.ts";
import type { Supplier } from "./supplier.ts";

// A run is what a read brings in half a second: long enough for a request to cost nothing, short enough to be left.
const RUN_MS = 500;
// The reads that run share what may be read ahead; where they are many, no run is cut shorter than this for it.
const FAIR_RUN_PIECES = 16;
// A supplier whose rate is not known yet is taken for one that needs so long for a piece.
const UNKNOWN_PIECE_MS = 1_000;

/**
 * @param asked all suppliers that were asked
 * @param readings all reads that run
 * @returns undefined when there is nothing that it could bring
 */
export type ChooseRun = (
  supplier: Supplier,
  asked: readonly Supplier[],
  readings: SmallSet<PieceReading>,
) => Run | undefined;

/** For one download. */
export function createRunChooser(plan: PiecePlan, pieceCount: number): ChooseRun {
  /** Where the pieces of peers begin. */
  const firstPiece = Math.floor(Math.random() * pieceCount);

  /**
   * Of peers the rarest pieces first, and each download from another place on: those who fetch from one giver then have
   * something for each other, and he gives little more than one copy.
   */
  function rarity(asked: readonly Supplier[]): (index: number) => number {
    const sets = asked.flatMap(({ source, state, reader }) =>
      source.kind === "peer" && state === "ready" && reader !== undefined ? [reader.have()] : []
    );
    return (index) => {
      const holders = sets.filter((set) => set.has(index)).length;
      return holders * pieceCount + (index - firstPiece + pieceCount) % pieceCount;
    };
  }

  return (supplier, asked, readings) => {
    const { reader, readRate } = supplier;
    if (reader === undefined) return undefined;
    if (reader.isSequential) return plan.missingCount > 0 ? plan.takeAll() : undefined;
    const pieceMs = readRate === undefined ? firstPieceMs(supplier, readings) : PIECE_BYTES * 1000 / readRate;
    const byRate = readRate === undefined ? 1 : Math.floor(RUN_MS / pieceMs);
    const reads = readsOf(asked);
    // The shorter what is left, the shorter the runs, so that all end at about the same time; one alone always does.
    const share = reads > 1 ? Math.ceil(plan.missingCount / (2 * (readings.size + 1))) : plan.missingCount;
    const fair = Math.max(FAIR_RUN_PIECES, Math.floor(WINDOW_PIECES / reads));
    const max = Math.max(1, Math.min(byRate, share, fair));
    const have = reader.have();
    const rank = supplier.source.kind === "peer" ? rarity(asked) : undefined;
    /** 0 for one that is not to be taken over. */
    const estimateMs = (run: Run): number => {
      for (const reading of readings) {
        if (reading.run === run) return reading.supplier === supplier ? 0 : reading.estimateMs();
      }
      return 0;
    };
    return plan.takeFree(have, max, rank) ?? plan.takeOver(have, max, pieceMs, estimateMs) ?? plan.takeAhead(have, max);
  };
}

/** What a piece takes of one that has not ended a read yet, by those that run: slow ones must not pass for unknown. */
function firstPieceMs(supplier: Supplier, readings: SmallSet<PieceReading>): number {
  let ms = UNKNOWN_PIECE_MS;
  for (const { supplier: reader, elapsedMs, bytes } of readings) {
    if (reader === supplier) ms = Math.max(ms, bytes === 0 ? elapsedMs : elapsedMs * PIECE_BYTES / bytes);
  }
  return ms;
}

/** Reads that are to run side by side, of all together. */
function readsOf(asked: readonly Supplier[]): number {
  return asked.reduce((sum, { state, readTarget }) => sum + (state === "ready" ? readTarget : 0), 0);
}
