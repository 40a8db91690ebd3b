// Makes pieces of an artifact out of an older file and patches, and tells whose fault it is when one is wrong: what is
// wrong before it is unpacked came over the network, what is wrong afterwards was wrong on this disk.
// Design: "Delta by reuse" of docs/architecture.md. Must not: fetch, write, or let unproven bytes reach the unpacker.
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { promisify } from "node:util";
import { brotliDecompress, type BrotliOptions } from "node:zlib";
import type { Artifact, Delta } from "../api.ts";
import { openFile } from "../disk/open-file.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import { PIECE_BYTES, VALUE_BYTES } from "../hash/blake3-core.ts";
import { createPieceTree } from "../hash/piece-tree.ts";
import type { DeltaHead } from "./delta-head.ts";
import { type Copy, MAX_UNPACKED_BYTES, readPatch } from "./patch.ts";

// When it is called, not at the start: other commands need not load the module.
const unpack = (bytes: Uint8Array, o: BrotliOptions) => promisify(brotliDecompress)(bytes, o);

/** Copies this near to each other are read together: a read costs about as much as so many bytes. */
const JOIN_BYTES = 16 * 1024;
/** Read at a time, unless a single copy is longer, which is at most a piece. */
const MAX_READ_BYTES = PIECE_BYTES;

export interface PieceMaker {
  /** Its pieces are those of the artifact. Else its publisher has signed a wrong one. */
  isToArtifact(head: DeltaHead): boolean;
  /**
   * @param head is to the artifact
   * @param patch of that piece as it came, not proven yet
   * @returns undefined when the older file is not what it was: the patch was right and the piece is not
   * @throws UpdateError E_HASH_MISMATCH when the patch is not the one the head names, E_MALFORMED when it is and cannot
   *   be used
   */
  make(head: DeltaHead, piece: number, patch: Uint8Array): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}

/**
 * @param base where the older file is
 * @throws UpdateError E_ABSENT when it is not there, has another size or cannot be read: then the artifact is fetched
 */
export async function openPieceMaker(base: string, artifact: Artifact, { from }: Delta): Promise<PieceMaker> {
  const absent = (why: string) => new UpdateError("E_ABSENT", `${from.version} cannot be built upon: ${why}`);
  const handle = await openFile(base).catch((e) => {
    throw absent(e.code === "ENOENT" ? "it is not here" : `its file cannot be read: ${e.message}`);
  });
  try {
    const { size } = await handle.stat();
    if (size !== from.length) throw absent(`its file has ${size} bytes and had ${from.length}`);
    const tree = await createPieceTree();
    return {
      isToArtifact: ({ pieceList }) => tree.rootOf(pieceList) === artifact.blake3,
      async make({ patches, pieceList }, piece, packed) {
        requirePatch(patches[piece]?.sha256, packed, `the patch of piece ${piece} of ${artifact.name}`);
        const offset = piece * PIECE_BYTES;
        const bytes = new Uint8Array(Math.min(PIECE_BYTES, artifact.length - offset));
        const patch = readPatch(await unpacked(packed), bytes.length, offset, from.length);
        // Copies that are short or cannot be read are zeros, which the piece's digest finds.
        await readCopies(handle, patch.copies, bytes).catch(() => {});
        patch.finish(bytes);
        const value = pieceList.subarray(piece * VALUE_BYTES, (piece + 1) * VALUE_BYTES);
        return Buffer.compare(tree.pieceValue(bytes, piece), value) === 0 ? bytes : undefined;
      },
      close: () => handle.close(),
    };
  } catch (e) {
    await handle.close();
    throw asUpdateError(e, "E_IO");
  }
}

/** @throws UpdateError E_HASH_MISMATCH */
export function requirePatch(sha256: string | undefined, packed: Uint8Array, what: string): void {
  if (createHash("sha256").update(packed).digest("hex") === sha256) return;
  throw new UpdateError("E_HASH_MISMATCH", `${what} is not the one that was signed`);
}

async function unpacked(packed: Uint8Array): Promise<Uint8Array> {
  try {
    return await unpack(packed, { maxOutputLength: MAX_UNPACKED_BYTES });
  } catch (e) {
    throw new UpdateError("E_MALFORMED", "a signed patch cannot be unpacked", { cause: e });
  }
}

/** Fills the copies with the older file's bytes. What is near to each other there is read at once. */
async function readCopies(handle: FileHandle, copies: readonly Copy[], piece: Uint8Array): Promise<void> {
  const sorted = copies.toSorted((a, b) => a.from - b.from);
  const endOf = (copy: Copy) => copy.from + copy.length;
  for (let i = 0; i < sorted.length;) {
    const group: Copy[] = [];
    let start = 0, end = 0;
    for (let copy = sorted[i]; copy !== undefined; copy = sorted[++i]) {
      const isNear = copy.from <= end + JOIN_BYTES && endOf(copy) <= start + MAX_READ_BYTES;
      if (group.length > 0 && !isNear) break;
      if (group.length === 0) start = copy.from;
      end = Math.max(end, endOf(copy));
      group.push(copy);
    }
    const buffer = new Uint8Array(end - start);
    for (let done = 0, read = 1; done < buffer.length && read > 0; done += read) {
      read = (await handle.read(buffer, done, buffer.length - done, start + done)).bytesRead;
    }
    for (const { at, length, from } of group) piece.set(buffer.subarray(from - start, from - start + length), at);
  }
}
