// Makes the delta file that turns an older artifact into a new one: patches, piece by piece, each packed by itself, so
// that a reader can take any run of pieces with one range. Design: "Delta" of docs/formats.md, decision 0013.
// Must not: write; that is the caller's, who decides whether it is worth it.
import { createHash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { promisify } from "node:util";
import { brotliCompress, type BrotliOptions, constants } from "node:zlib";
import type { Opts } from "../api.ts";
import { MAX_PATCH_BYTES, writeDeltaHead } from "../delta/delta-head.ts";
import { type Copy, MAX_UNPACKED_BYTES, writePatch } from "../delta/patch.ts";
import { PIECE_BYTES } from "../hash/blake3-core.ts";
import { findCopies, type Stretch } from "./find-copies.ts";

// When it is called, not at the start: other commands need not load the module.
const pack = (bytes: Uint8Array, o: BrotliOptions) => promisify(brotliCompress)(bytes, o);

// Measured on programs: 11 takes twenty times as long and saves a tenth; 5 costs a tenth and saves seconds.
const QUALITY = 9;
/** The threads of the runtime's pool, which do the packing. */
const PACKED_AT_A_TIME = 4;

export interface DeltaOptions extends Opts {
  /** Bytes of the new file that are done. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /** More than this is not worth it: it stops there. */
  readonly maxBytes: number;
}

export interface DeltaFile {
  readonly head: Uint8Array;
  readonly patches: readonly Uint8Array[];
}

/**
 * @param pieceList of `bytes`
 * @returns undefined when it would have more than `maxBytes`
 */
export async function makeDelta(
  base: Uint8Array,
  bytes: Uint8Array,
  pieceList: Uint8Array,
  o: DeltaOptions,
): Promise<DeltaFile | undefined> {
  const patches: Uint8Array[] = [];
  const packing: Promise<Uint8Array>[] = [];
  let total = 0;
  const finish = async (): Promise<void> => {
    const patch = await packing.shift();
    if (patch === undefined) return;
    patches.push(patch);
    total += patch.length;
    o.onProgress?.(Math.min(patches.length * PIECE_BYTES, bytes.length));
    o.signal.throwIfAborted();
  };
  for await (const { offset, copies } of piecesOf(findCopies(base, bytes), bytes.length, o)) {
    packing.push(packPiece(bytes.subarray(offset, offset + PIECE_BYTES), base, copies, offset));
    if (packing.length >= PACKED_AT_A_TIME) await finish();
    if (total > o.maxBytes) break;
  }
  while (packing.length > 0) await finish();
  if (total > o.maxBytes) return undefined;
  return { head: writeDeltaHead(pieceList, patches.map(entryOf)), patches };
}

const entryOf = (patch: Uint8Array) => ({
  length: patch.length,
  sha256: createHash("sha256").update(patch).digest("hex"),
});

/** The copies of each piece, in order. */
async function* piecesOf(
  stretches: Iterable<Stretch | undefined>,
  length: number,
  o: Opts,
): AsyncGenerator<{ offset: number; copies: Copy[] }> {
  let offset = 0;
  let copies: Copy[] = [];
  for (const stretch of stretches) {
    if (stretch === undefined) {
      await turn();
      o.signal.throwIfAborted();
      continue;
    }
    const end = stretch.at + stretch.length;
    for (let at = stretch.at; at < end;) {
      const until = Math.min(end, offset + PIECE_BYTES);
      if (stretch.from !== undefined) {
        copies.push({ at: at - offset, length: until - at, from: stretch.from + at - stretch.at });
      }
      at = until;
      if (until < offset + PIECE_BYTES && until < length) continue;
      yield { offset, copies };
      offset += PIECE_BYTES;
      copies = [];
    }
  }
}

async function packPiece(
  piece: Uint8Array,
  base: Uint8Array,
  copies: readonly Copy[],
  offset: number,
): Promise<Uint8Array> {
  const patch = writePatch(piece, base, copies, offset);
  // What has nothing in common with the older file is taken as it is.
  if (patch.length > MAX_UNPACKED_BYTES) return await packPiece(piece, base, [], offset);
  const packed = await pack(patch, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: 22, // 4 MiB: all of a patch
      [constants.BROTLI_PARAM_SIZE_HINT]: patch.length,
    },
  });
  return packed.length > MAX_PATCH_BYTES && copies.length > 0 ? await packPiece(piece, base, [], offset) : packed;
}
