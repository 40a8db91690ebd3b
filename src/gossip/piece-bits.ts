// Which pieces somebody has, as bits on the wire: piece 0 is the highest bit of the first byte. Pure.
// Design: docs/formats.md, "Peer protocol". Must not: know whose they are.
import type { PieceSet } from "../api.ts";

export function bitBytes(count: number): number {
  return Math.ceil(count / 8);
}

export function encodeBits(pieces: PieceSet, count: number): Uint8Array {
  const bits = new Uint8Array(bitBytes(count));
  for (let i = 0; i < count; i++) if (pieces.has(i)) bits[i >> 3]! |= 0x80 >> (i & 7); // i is below count
  return bits;
}

/** A set over the bits as they are; what is beyond them is not in it. */
export function decodeBits(bits: Uint8Array): PieceSet {
  return { has: (i) => ((bits[i >> 3] ?? 0) & (0x80 >> (i & 7))) !== 0 };
}

export function hasAll(pieces: PieceSet, count: number): boolean {
  for (let i = 0; i < count; i++) if (!pieces.has(i)) return false;
  return true;
}
