// The head of a delta file: what each piece must be, and where and what the patch is that makes it.
// Design: "Delta" of docs/formats.md. Pure. Must not: trust a head that was not compared with its signed digest.
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import type { Artifact, Delta } from "../api.ts";
import { UpdateError } from "../errors.ts";
import { PIECE_BYTES, VALUE_BYTES } from "../hash/blake3-core.ts";
import { pieceCount } from "../hash/piece-tree.ts";

/** "dchatdl1" in ASCII. */
const MAGIC = Uint8Array.from("dchatdl1", (c) => c.charCodeAt(0));
const DIGEST_BYTES = 32;
/** Of one piece: its chaining value, then length and digest of its patch. */
const ENTRY_BYTES = VALUE_BYTES + 4 + DIGEST_BYTES;

/** A patch that is no smaller than its piece saves nothing; a little more is what compression may add. */
export const MAX_PATCH_BYTES = PIECE_BYTES + 4096;
/** Files of up to 8 GiB: their head is half a megabyte. The publisher stops long before. */
const MAX_PIECES = 8192;

/** Where the patch of one piece is in the delta file, and its digest. */
export interface PatchPlace {
  readonly offset: number;
  readonly length: number;
  /** 64 lowercase hex digits. */
  readonly sha256: string;
}

export interface DeltaHead {
  /** The artifact's piece list: the chaining value of each piece. */
  readonly pieceList: Uint8Array;
  /** One a piece, in order, one right behind the other. */
  readonly patches: readonly PatchPlace[];
}

/** A delta stands beside its artifact, under the beginning of its own digest. @param artifact a path, a URL or a name */
export function deltaPath(artifact: string, { headSha256 }: Delta): string {
  return `${artifact}.${headSha256.slice(0, 16)}.delta`;
}

/** Bytes of the head of a delta to an artifact of `length` bytes. */
export function deltaHeadBytes(length: number): number {
  return MAGIC.length + pieceCount(length) * ENTRY_BYTES;
}

/** Smaller artifacts are one request anyway, larger ones would need too long a head. */
export function canHaveDelta(length: number): boolean {
  return pieceCount(length) >= 2 && pieceCount(length) <= MAX_PIECES;
}

/** @param pieceList of the artifact @param patches one a piece, as they will follow the head */
export function writeDeltaHead(pieceList: Uint8Array, patches: readonly Omit<PatchPlace, "offset">[]): Uint8Array {
  const head = new Uint8Array(MAGIC.length + patches.length * ENTRY_BYTES);
  const view = new DataView(head.buffer);
  head.set(MAGIC);
  patches.forEach(({ length, sha256 }, i) => {
    const at = MAGIC.length + i * ENTRY_BYTES;
    head.set(pieceList.subarray(i * VALUE_BYTES, (i + 1) * VALUE_BYTES), at);
    view.setUint32(at + VALUE_BYTES, length, true);
    head.set(hexToBytes(sha256), at + VALUE_BYTES + 4);
  });
  return head;
}

/**
 * @param bytes the head alone
 * @throws UpdateError E_MALFORMED when it does not fit the artifact or the signed length of the delta
 */
export function readDeltaHead(bytes: Uint8Array, artifact: Artifact, delta: Delta): DeltaHead {
  const fail = (why: string) =>
    new UpdateError("E_MALFORMED", `the delta from ${delta.from.version} to ${artifact.name} ${why}`);
  if (!canHaveDelta(artifact.length)) throw fail("is to an artifact of a size that can have none");
  if (bytes.length !== deltaHeadBytes(artifact.length)) throw fail("has a head of another length");
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) throw fail("does not begin as a delta does");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const count = pieceCount(artifact.length);
  const pieceList = new Uint8Array(count * VALUE_BYTES);
  const patches: PatchPlace[] = [];
  let offset = bytes.length;
  for (let i = 0; i < count; i++) {
    const at = MAGIC.length + i * ENTRY_BYTES;
    pieceList.set(bytes.subarray(at, at + VALUE_BYTES), i * VALUE_BYTES);
    const length = view.getUint32(at + VALUE_BYTES, true);
    if (length === 0 || length > MAX_PATCH_BYTES) throw fail(`has a patch of ${length} bytes`);
    patches.push({ offset, length, sha256: bytesToHex(bytes.subarray(at + VALUE_BYTES + 4, at + ENTRY_BYTES)) });
    offset += length;
  }
  if (offset !== delta.length) throw fail(`has patches up to byte ${offset}, its signed length is ${delta.length}`);
  return { pieceList, patches };
}
