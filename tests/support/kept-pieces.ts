// What an interrupted download has on its disk, seen from outside: pieces whose right bytes stand at their place.
// Must not: ask the product what it believes to have.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LyingMirror } from "./lying-mirror.ts";
import { sha256 } from "./signed-file.ts";

const PIECE_BYTES = 1 << 20;

/** Indexes of the pieces of `content` that are in its partial file, in order. */
export function keptPieces(home: string, content: Uint8Array): number[] {
  const file = join(home, "partial", `${sha256(content)}.part`);
  const bytes = existsSync(file) ? readFileSync(file) : new Uint8Array();
  return piecesIn(0, content.length).filter((index) => {
    const [first, end] = [index * PIECE_BYTES, Math.min((index + 1) * PIECE_BYTES, content.length)];
    return bytes.length >= end && Buffer.compare(bytes.subarray(first, end), content.subarray(first, end)) === 0;
  });
}

/** Indexes of the pieces that a mirror was asked for, each once. */
export function askedPieces(mirror: LyingMirror, path: string): number[] {
  return [...new Set(mirror.questions.filter((q) => q.path === path).flatMap((q) => piecesIn(q.from, q.to)))];
}

function piecesIn(first: number, end: number): number[] {
  const from = Math.floor(first / PIECE_BYTES);
  return Array.from({ length: Math.ceil(end / PIECE_BYTES) - from }, (_, i) => from + i);
}
