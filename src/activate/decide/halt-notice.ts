// When a program that runs is told of another height to halt before. It is told by being started again, and a network
// in which every node does that when a hard fork is approved stands still for a moment: so each has a block of its own.
// Design: "Running the node" of docs/activation.md. Pure. Must not: decide what the height is.
import { sha256Hex } from "../../trust/hex.ts";

export interface HaltNotice {
  /** What the program was told; undefined for no height. */
  readonly toldHeight: number | undefined;
  /** What it should know. */
  readonly newHeight: number | undefined;
  /** The chain's newest block when the two were first seen to differ. */
  readonly seenAtHeight: number;
  /** The newest block now; null where the chain does not answer. */
  readonly height: number | null;
  /** Any text that differs from node to node and stays. */
  readonly nodeSeed: string;
}

/** Fewer blocks than this are no time to spread anything over. */
const MIN_BLOCKS = 20;
/** A share of 2^32. */
const PLACES = 2 ** 32;

/**
 * The block at which this node tells its program: in the first half of those that were left until the nearer of the two
 * heights, for a program that halts where it must not is as wrong as one that does not. The second half is reserve.
 */
export function noticeHeight({ toldHeight, newHeight, seenAtHeight, nodeSeed }: Omit<HaltNotice, "height">): number {
  const limit = Math.min(toldHeight ?? Infinity, newHeight ?? Infinity);
  const left = limit - seenAtHeight;
  if (!(left >= MIN_BLOCKS) || left === Infinity) return seenAtHeight;
  const place = parseInt(sha256Hex(new TextEncoder().encode(`halt notice ${limit} ${nodeSeed}`)).slice(0, 8), 16);
  // Blocks are fewer than 2^53, so that the product has to be taken of the share.
  return seenAtHeight + Math.floor(Math.floor(left / 2) * (place / PLACES));
}

/** True where nobody knows how many blocks are left: being told at once is what is safe. */
export function isNoticeDue({ height, ...n }: HaltNotice): boolean {
  return height === null || height >= noticeHeight(n);
}
