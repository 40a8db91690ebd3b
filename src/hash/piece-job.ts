// What the threads that hash one file share: which piece is next, and the chaining values found so far.
// Design: "The hashing core" of docs/architecture.md.
// Must not: import what a worker does not need.
import { PIECE_BYTES, VALUE_BYTES } from "./blake3-core.ts";

/** Handed to each worker; the buffers are shared by all threads. */
export interface PieceJob {
  /** Absolute path. Each thread opens it for itself: not every runtime shares descriptors. */
  readonly file: string;
  /** Of the file that the main thread has open. */
  readonly identity: string;
  readonly length: number;
  readonly pieces: number;
  /** Places `NEXT` and `DONE`. */
  readonly control: Int32Array<SharedArrayBuffer>;
  /** Piece list in the making. */
  readonly values: Uint8Array<SharedArrayBuffer>;
}

/** What a worker is started with. */
export interface WorkerStart {
  readonly job: PieceJob;
  /** Module of the kernel that the main thread chose. */
  readonly wasm: Uint8Array<ArrayBuffer>;
}

/** The one message of a worker; after it, it ends. */
export type WorkerEnd =
  | { readonly end: "done" }
  | { readonly end: "changed" }
  // Not the error itself: what a clone of it keeps differs from runtime to runtime.
  | { readonly end: "failed"; readonly message: string; readonly code: string | undefined };

/** The next piece nobody has taken. */
const NEXT = 0;
/** How many are hashed. */
const DONE = 1;

export function createPieceJob(file: string, identity: string, length: number): PieceJob {
  const pieces = Math.ceil(length / PIECE_BYTES);
  return {
    file,
    identity,
    length,
    pieces,
    control: new Int32Array(new SharedArrayBuffer(8)),
    values: new Uint8Array(new SharedArrayBuffer(pieces * VALUE_BYTES)),
  };
}

/** Takes a piece for this thread alone; undefined when none is left. */
export function takePiece({ control, pieces }: PieceJob): number | undefined {
  const piece = Atomics.add(control, NEXT, 1);
  return piece < pieces ? piece : undefined;
}

/** Bytes of a piece. */
export function pieceLength({ length }: PieceJob, piece: number): number {
  return Math.min(PIECE_BYTES, length - piece * PIECE_BYTES);
}

export function finishPiece({ control, values }: PieceJob, piece: number, value: Uint8Array): void {
  values.set(value, piece * VALUE_BYTES);
  Atomics.add(control, DONE, 1);
}

export function finishedPieces({ control }: PieceJob): number {
  return Atomics.load(control, DONE);
}

/** Leaves no piece to take: every thread ends after the one it has. */
export function closeJob({ control, pieces }: PieceJob): void {
  Atomics.store(control, NEXT, pieces);
}

/** What must stay as it is while a file is read. */
export function identityOf(s: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint }): string {
  return `${s.dev} ${s.ino} ${s.size} ${s.mtimeNs}`;
}
