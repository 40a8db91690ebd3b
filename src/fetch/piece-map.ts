// The map beside an artifact in flight: which pieces are on the disk, and the chaining value of each.
// Design: "Where the bytes go" of docs/architecture.md; docs/formats.md has the layout. It is written in place: nothing
// in it is trusted, so a torn one costs time and never a wrong byte.
// Must not: judge whether the pieces are right.

import { closeSync, ftruncateSync, rmSync } from "node:fs";
import { openNoLink, readAt, writeAt } from "../disk/raw-file.ts";
import { VALUE_BYTES } from "../hash/blake3-core.ts";

const HEADER = new TextEncoder().encode("dchat pieces 1\n\n");

/** What a map says. */
export interface PieceMapContent {
  /** One byte a piece: 1 when it is on the disk. */
  readonly marks: Uint8Array;
  /** The piece list, or as much of it as is known: 32 bytes a piece, zeros for those nobody measured. */
  readonly values: Uint8Array;
}

/** Errors of all methods are the operating system's. */
export interface PieceMap {
  /** What it said when it was opened; undefined when there was none, or not a whole one for so many pieces. */
  readonly found: PieceMapContent | undefined;
  /** To be called after the piece is in its file, and before it is changed there. */
  mark(index: number, isHeld: boolean): void;
  setValue(index: number, value: Uint8Array): void;
  setValues(list: Uint8Array): void;
  /** Replaces all of it. Killed in between, it is none. */
  replace(content: PieceMapContent): void;
  close(): void;
  /** Takes it off the disk; it must be closed. */
  remove(): void;
}

/** Bytes of the map of an artifact of so many pieces. */
export function pieceMapBytes(pieceCount: number): number {
  return HEADER.length + pieceCount * (VALUE_BYTES + 1);
}

/** What the bytes of a map say; undefined when they are not a whole one for so many pieces. */
export function readPieceMap(bytes: Uint8Array, pieceCount: number): PieceMapContent | undefined {
  const marksAt = HEADER.length + pieceCount * VALUE_BYTES;
  if (bytes.length < pieceMapBytes(pieceCount) || !HEADER.every((byte, i) => byte === bytes[i])) return undefined;
  return { marks: bytes.slice(marksAt, marksAt + pieceCount), values: bytes.slice(HEADER.length, marksAt) };
}

export function openPieceMap(file: string, pieceCount: number): PieceMap {
  const fd = openNoLink(file);
  const marksAt = HEADER.length + pieceCount * VALUE_BYTES;
  const size = pieceMapBytes(pieceCount);

  function read(): PieceMapContent | undefined {
    const bytes = new Uint8Array(size);
    return readAt(fd, bytes, 0) < size ? undefined : readPieceMap(bytes, pieceCount);
  }

  const found = read();
  return {
    found,
    mark: (index, isHeld) => writeAt(fd, Uint8Array.of(isHeld ? 1 : 0), marksAt + index),
    setValue: (index, value) => writeAt(fd, value, HEADER.length + index * VALUE_BYTES),
    setValues: (list) => writeAt(fd, list, HEADER.length),
    replace({ marks, values }) {
      ftruncateSync(fd);
      const bytes = new Uint8Array(size);
      bytes.set(HEADER);
      bytes.set(values, HEADER.length);
      bytes.set(marks, marksAt);
      writeAt(fd, bytes, 0);
    },
    close: () => closeSync(fd),
    remove: () => rmSync(file, { force: true }),
  };
}
