// An artifact in flight on the disk: pieces are proven, written at their places and marked, in any order; SHA-256 follows
// from the front. Its calls block but for the writes that need not, for the thread that owns the file.
// Design: "Where the bytes go" of docs/architecture.md.
// Must not: import what the store's worker does not need, or believe what an earlier run left.

import { createHash } from "node:crypto";
import { closeSync, fstatSync, fsyncSync, ftruncateSync, lstatSync } from "node:fs";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import type { Digests } from "../api.ts";
import { openDirectFile } from "../disk/direct-file.ts";
import { openNoLink, readAt, writeAt } from "../disk/raw-file.ts";
import { UpdateError } from "../errors.ts";
import { type Blake3Core, PIECE_BYTES, VALUE_BYTES } from "../hash/blake3-core.ts";
import { pieceCount, rootOfPieces } from "../hash/piece-tree.ts";
import { pieceLength } from "./held-pieces.ts";
import { openPieceMap, type PieceMap } from "./piece-map.ts";
import { requirePieceList } from "./require-piece-list.ts";
import { createWriteBack, type WriteBack } from "./write-back.ts";

export interface PieceFileOptions {
  readonly file: string;
  readonly mapFile: string;
  /** Bytes of the whole artifact; what the file holds beyond is cut off. */
  readonly length: number;
  /** Signed BLAKE3 of the whole artifact, 64 lowercase hex digits. */
  readonly blake3: string;
  /** Nobody else uses it. */
  readonly core: Blake3Core;
}

/** Errors of all methods: the operating system's, and UpdateError. */
export interface PieceFile {
  /** One byte a piece: 1 when it is held. */
  readonly marks: Uint8Array;
  /** The piece list when it is proven, else the measured values of held pieces. 32 bytes a piece. */
  readonly values: Uint8Array;
  readonly isListed: boolean;
  /** Pieces from the front that SHA-256 has seen. */
  readonly hashedPieces: number;
  /** Proves again what an earlier run left, piece by piece. Nothing else may be called before it has ended. */
  proveHeld(): Generator<number, void>;
  /** Chaining value of a held piece; of a file of one piece, its digest. 32 bytes inside `values`. */
  valueOf(index: number): Uint8Array | undefined;
  /**
   * @param buffer the piece at its beginning
   * @param value its chaining value, of a file of one piece its digest, if it was measured already
   * @returns false when it is not the piece of the proven list; nothing is kept then. Until it is settled nothing else
   *   may be called
   */
  put(index: number, buffer: Uint8Array, value?: Uint8Array): Promise<boolean>;
  /**
   * @returns indexes of pieces that were held and are not those of the list; they are dropped
   * @throws UpdateError E_SIZE_MISMATCH, E_HASH_MISMATCH
   */
  setPieceList(list: Uint8Array): number[];
  /** Gives SHA-256 one more piece, from the disk. @returns false when the next one is not held */
  hashNext(): boolean;
  clear(): void;
  /** Makes all of it durable and measures it; SHA-256 must have seen all pieces. Only `clear` and `close` may follow. */
  seal(): Digests;
  close(): void;
}

export function openPieceFile(o: PieceFileOptions): PieceFile {
  const fd = openNoLink(o.file);
  try {
    const map = openPieceMap(o.mapFile, pieceCount(o.length));
    try {
      return createPieceFile(fd, map, createWriteBack(o.file), o);
    } catch (e) {
      map.close();
      throw e;
    }
  } catch (e) {
    closeSync(fd);
    throw e;
  }
}

function createPieceFile(
  fd: number,
  map: PieceMap,
  writeBack: WriteBack,
  { core, length, ...o }: PieceFileOptions,
): PieceFile {
  const count = pieceCount(length);
  const signed = hexToBytes(o.blake3);
  const inode = fstatSync(fd).ino;
  const direct = openDirectFile(o.file, inode);
  const marks = new Uint8Array(count);
  const values = new Uint8Array(count * VALUE_BYTES);
  let isListed = false;
  let sha256 = createHash("sha256");
  let hashed = 0;
  let isDone = false;

  const valueAt = (index: number) => values.subarray(index * VALUE_BYTES, (index + 1) * VALUE_BYTES);
  const rootOf = (list: Uint8Array) => count === 1 ? list : rootOfPieces(core, list);
  /** Where the bytes of a piece are hashed. */
  const place = (index: number) => core.input.subarray(0, pieceLength(length, index));
  const measure = (index: number) => core.hashPiece(pieceLength(length, index), index, count === 1);

  function adopt(list: Uint8Array): boolean {
    if (!isEqual(rootOf(list), signed)) return false;
    values.set(list);
    return isListed = true;
  }

  function hash(index: number, bytes: Uint8Array): void {
    if (index !== hashed) return;
    sha256.update(bytes);
    hashed++;
  }

  function keep(index: number, value: Uint8Array): void {
    marks[index] = 1;
    if (!isListed) valueAt(index).set(value);
  }

  function drop(index: number): void {
    map.mark(index, false);
    marks[index] = 0;
    unhash(index);
  }

  /** SHA-256 begins again if it has seen this piece. */
  function unhash(index: number): void {
    if (index >= hashed) return;
    sha256 = createHash("sha256");
    hashed = 0;
  }

  /** Throws when another process, taking this one for dead, gave the file its name: it is proven now. */
  function requireOwn(): void {
    if (lstatSync(o.file, { throwIfNoEntry: false })?.ino === inode) return;
    throw new UpdateError("E_IO", `${JSON.stringify(o.file)} is not the file that was opened any more`, {
      hint: "another process has taken the download over; run the same command again",
    });
  }

  /** Writes the piece, and gives it to SHA-256 meanwhile if it is the next one. */
  async function write(index: number, bytes: Uint8Array, isInPlace: boolean): Promise<void> {
    const position = index * PIECE_BYTES;
    let writing: Promise<boolean> | undefined;
    // What SHA-256 takes at once is not read again here, so the page cache need not have it.
    if (direct !== undefined && index === hashed && bytes.length === PIECE_BYTES) {
      const aligned = place(index);
      if (!isInPlace) aligned.set(bytes);
      writing = direct.write(aligned, position);
    }
    hash(index, bytes);
    try {
      if (await writing) return;
      writeAt(fd, bytes, position);
      writeBack.wrote(bytes.length);
    } catch (e) {
      unhash(index); // it has seen what is not there
      throw e;
    }
  }

  /** A hole in the file reads as zeros; a piece of zeros is fetched again. */
  const isHole = (bytes: Uint8Array) => bytes.every((byte) => byte === 0);

  function* proveHeld(): Generator<number, void> {
    const { size } = fstatSync(fd);
    if (size > length) ftruncateSync(fd, length);
    const { found } = map;
    if (count === 1) adopt(signed);
    else if (found !== undefined) adopt(found.values);
    let done = 0;
    for (let index = 0; index < count && index * PIECE_BYTES < size; index++) {
      if (found !== undefined && found.marks[index] !== 1) continue;
      const bytes = place(index);
      const isWhole = readAt(fd, bytes, index * PIECE_BYTES) === bytes.length;
      const value = measure(index);
      const known = isListed ? valueAt(index) : found?.values.subarray(index * VALUE_BYTES, (index + 1) * VALUE_BYTES);
      if (isWhole && (known === undefined ? !isHole(bytes) : isEqual(value, known))) {
        keep(index, value);
        hash(index, bytes);
      }
      yield done += bytes.length;
    }
    if (!isListed && marks.every((mark) => mark === 1)) adopt(values.slice());
    if (found === undefined) map.replace({ marks, values });
    else found.marks.forEach((mark, index) => mark === marks[index] || map.mark(index, marks[index] === 1));
  }

  return {
    marks,
    values,
    get isListed() {
      return isListed;
    },
    get hashedPieces() {
      return hashed;
    },
    proveHeld,
    valueOf: (index) => marks[index] === 1 ? valueAt(index) : undefined,
    async put(index, buffer, known) {
      const bytes = buffer.subarray(0, pieceLength(length, index));
      if (known === undefined) place(index).set(bytes);
      const value = known ?? measure(index);
      const isSame = isEqual(value, valueAt(index));
      if (isListed && !isSame) return false;
      if (marks[index] === 1) {
        if (isSame) return true;
        drop(index);
      }
      requireOwn();
      await write(index, bytes, known === undefined);
      if (!isListed) map.setValue(index, value);
      map.mark(index, true);
      keep(index, value);
      return true;
    },
    setPieceList(list) {
      requirePieceList(core, list, { length, blake3: o.blake3 });
      if (count === 1) return [];
      const wrong: number[] = [];
      for (let index = 0; index < count; index++) {
        const value = list.subarray(index * VALUE_BYTES, (index + 1) * VALUE_BYTES);
        if (marks[index] === 1 && !isEqual(value, valueAt(index))) wrong.push(index);
      }
      wrong.forEach(drop);
      values.set(list);
      isListed = true;
      map.setValues(list);
      return wrong;
    },
    hashNext() {
      if (hashed === count || marks[hashed] !== 1) return false;
      const bytes = place(hashed);
      if (readAt(fd, bytes, hashed * PIECE_BYTES) < bytes.length) {
        throw new UpdateError("E_IO", `${JSON.stringify(o.file)} was cut while it was written`, {
          hint: "let nothing else write there, then run the same command again",
        });
      }
      hash(hashed, bytes);
      return true;
    },
    clear() {
      requireOwn();
      marks.fill(0);
      if (!isListed) values.fill(0);
      map.replace({ marks, values });
      ftruncateSync(fd);
      unhash(0);
      isDone = false;
    },
    seal() {
      writeBack.check();
      fsyncSync(fd);
      const digests = { length, sha256: sha256.digest("hex"), blake3: bytesToHex(rootOf(values)) };
      isDone = digests.blake3 === o.blake3;
      return digests;
    },
    close() {
      map.close();
      writeBack.close();
      direct?.close();
      closeSync(fd);
      // The whole file speaks for itself, also when nobody comes to give it its name: its values merge to the digest.
      if (isDone) map.remove();
    },
  };
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i]);
}
