// One patch, unpacked: how one piece is made of bytes of an older file. Its four parts follow each other: which
// stretches are copied, where the copies differ, by how much, and the bytes that are new.
// Design: "Delta" of docs/formats.md. Pure. Must not: believe a number before it was compared with what it counts.
import { UpdateError } from "../errors.ts";
import { PIECE_BYTES } from "../hash/blake3-core.ts";

/** Most bytes of an unpacked patch besides the differences and the new bytes, of which there are at most a piece. */
const MAX_INSTRUCTION_BYTES = 1 << 20;
/** Most bytes of an unpacked patch. */
export const MAX_UNPACKED_BYTES = PIECE_BYTES + MAX_INSTRUCTION_BYTES;

/** A stretch of a piece that is nearly the same in the older file. */
export interface Copy {
  /** In the piece. */
  readonly at: number;
  readonly length: number;
  /** In the older file. */
  readonly from: number;
}

export interface Patch {
  readonly copies: readonly Copy[];
  /** @param piece holds the older file's bytes where the copies are; afterwards it is whole */
  finish(piece: Uint8Array): void;
}

/**
 * @param piece the bytes to make
 * @param copies in order, without overlap, each inside the piece
 * @param offset of the piece in its file
 */
export function writePatch(piece: Uint8Array, base: Uint8Array, copies: readonly Copy[], offset: number): Uint8Array {
  const places = createWriter(), runs = createWriter(), changes = createWriter(), fresh: Uint8Array[] = [];
  let at = 0, expected = offset, unchanged = 0;
  for (const copy of copies) {
    places.number(copy.at - at);
    places.number(copy.length);
    places.signed(copy.from - expected);
    fresh.push(piece.subarray(at, copy.at));
    for (let i = 0; i < copy.length;) {
      const differs = (k: number) => k < copy.length && piece[copy.at + k] !== base[copy.from + k];
      if (!differs(i)) {
        unchanged++;
        i++;
        continue;
      }
      const start = i;
      // Within both files: a copy is inside them.
      for (; differs(i); i++) changes.byte(piece[copy.at + i]! - base[copy.from + i]!);
      runs.number(unchanged);
      runs.number(i - start);
      unchanged = 0;
    }
    at = copy.at + copy.length;
    expected = copy.from + copy.length;
  }
  if (at < piece.length) {
    places.number(piece.length - at);
    fresh.push(piece.subarray(at));
  }
  if (unchanged > 0) {
    runs.number(unchanged);
    runs.number(0);
  }
  return joined([places.bytes(), runs.bytes(), changes.bytes(), ...fresh]);
}

/**
 * @param bytes unpacked; at most `MAX_UNPACKED_BYTES`
 * @param offset of the piece in its file
 * @param baseLength of the older file
 * @throws UpdateError E_MALFORMED for whatever `writePatch` would not write
 */
export function readPatch(bytes: Uint8Array, pieceLength: number, offset: number, baseLength: number): Patch {
  const reader = createReader(bytes);
  const copies: Copy[] = [];
  const fresh: { at: number; length: number }[] = [];
  let at = 0, expected = offset, copied = 0;
  const take = (what: string, least: number): number => {
    const length = reader.number();
    if (length < least || length > pieceLength - at) throw malformed(`${what} of ${length} bytes`);
    return length;
  };
  while (at < pieceLength) {
    const length = take("a stretch of new bytes", 0);
    if (length > 0) fresh.push({ at, length });
    at += length;
    if (at === pieceLength) break;
    const copy = { at, length: take("a copy", 1), from: expected + reader.signed() };
    if (copy.from < 0 || copy.from + copy.length > baseLength) throw malformed("a copy from outside the older file");
    copies.push(copy);
    at += copy.length;
    copied += copy.length;
    expected = copy.from + copy.length;
  }
  const changes = readRuns(reader, copied);
  const deltas = reader.bytes(changes.reduce((sum, { length }) => sum + length, 0));
  const news = reader.bytes(fresh.reduce((sum, { length }) => sum + length, 0));
  reader.end();
  return {
    copies,
    finish(piece) {
      addChanges(piece, copies, changes, deltas);
      let read = 0;
      for (const { at, length } of fresh) piece.set(news.subarray(read, read += length), at);
    },
  };
}

/** Where the copies differ: positions among all copied bytes, as if the copies stood side by side. */
interface Change {
  readonly at: number;
  readonly length: number;
}

function readRuns(reader: Reader, copied: number): Change[] {
  const changes: Change[] = [];
  for (let at = 0; at < copied;) {
    const unchanged = reader.number();
    const length = reader.number();
    if (unchanged + length > copied - at) throw malformed("changes beyond what is copied");
    if (length === 0 && (unchanged === 0 || at + unchanged < copied)) throw malformed("a change of no bytes");
    at += unchanged;
    if (length > 0) changes.push({ at, length });
    at += length;
  }
  return changes;
}

/** Adds each change to the bytes it belongs to; one may reach from the end of a copy into the next. */
function addChanges(piece: Uint8Array, copies: readonly Copy[], changes: readonly Change[], deltas: Uint8Array): void {
  let copyIndex = 0, before = 0, read = 0;
  for (const { at, length } of changes) {
    for (let k = at; k < at + length;) {
      // The runs were counted: every change lies within the copies.
      let copy = copies[copyIndex]!;
      for (; k >= before + copy.length; copy = copies[++copyIndex]!) before += copy.length;
      const end = Math.min(at + length, before + copy.length);
      for (let to = copy.at + k - before; k < end; k++, to++) piece[to] = piece[to]! + deltas[read++]!;
    }
  }
}

function malformed(why: string): UpdateError {
  return new UpdateError("E_MALFORMED", `a patch has ${why}`);
}

/** Numbers are LEB128: seven bits a byte, the lowest first, the highest bit set on all but the last byte. */
interface Reader {
  number(): number;
  signed(): number;
  bytes(length: number): Uint8Array;
  end(): void;
}

/** 35 bits: more than any file that can have a delta is long. */
const MAX_NUMBER_BYTES = 5;

function createReader(bytes: Uint8Array): Reader {
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let i = 0; i < MAX_NUMBER_BYTES; i++) {
      const byte = bytes[at++];
      if (byte === undefined) throw malformed("an end too early");
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) {
        if (byte === 0 && i > 0) throw malformed("a number that could be shorter");
        return value;
      }
    }
    throw malformed("too large a number");
  };
  return {
    number,
    signed() {
      const value = number();
      return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    },
    bytes(length) {
      if (length > bytes.length - at) throw malformed("an end too early");
      return bytes.subarray(at, at += length);
    },
    end() {
      if (at < bytes.length) throw malformed(`${bytes.length - at} bytes too many`);
    },
  };
}

function createWriter() {
  let buffer = new Uint8Array(4096);
  let length = 0;
  const byte = (value: number): void => {
    if (length === buffer.length) {
      const larger = new Uint8Array(buffer.length * 2);
      larger.set(buffer);
      buffer = larger;
    }
    buffer[length++] = value; // modulo 256, as differences are
  };
  const number = (value: number): void => {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) byte((rest % 0x80) | 0x80);
    byte(rest);
  };
  return {
    byte,
    number,
    signed: (value: number) => number(value < 0 ? -value * 2 - 1 : value * 2),
    bytes: () => buffer.subarray(0, length),
  };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
