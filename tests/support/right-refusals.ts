// Whether a download refused of an altering mirror (mirror-program.ts) what that gave it, no more and no less.
import type { MirrorCounts } from "./mirror-program.ts";

/**
 * No more than the altered pieces that left, and all of them but those still on their way when the download hung up. That
 * is one at most on each connection: it reads as fast as a limited mirror sends, so that a piece behind which another came
 * was read, and judged before the mirror was dropped.
 * @param lies of that mirror, as the download counted them
 */
export function areRefusalsRight(lies: number, { alteredPieces, alteredLast }: MirrorCounts): boolean {
  return lies >= Math.max(1, alteredPieces - alteredLast) && lies <= alteredPieces;
}
