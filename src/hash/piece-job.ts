// What the threads that measure one file share. The file is taken in parts, half a piece each: the thread that
// takes a part reads it and does its BLAKE3; the main thread goes through the file from the front with SHA-256, whoever
// has read a part, so that every byte is read once. A thread's parts stay in its processor's own cache meanwhile.
// Design: "The hashing core" of docs/architecture.md.
// Must not: import what a worker does not need, or wait for ever: a thread that is waited for may be dead.
import type { ErrorCode } from "../errors.ts";
import { PART_BYTES, PART_PLACES, VALUE_BYTES } from "./blake3-core.ts";

/** The file that the main thread has open. */
export interface OpenedFile {
  /** Absolute path. Each thread opens it for itself: not every runtime shares descriptors. */
  readonly file: string;
  /** See `identityOf`. */
  readonly identity: string;
  readonly length: number;
}

/** Handed to each worker; the buffers are shared by all threads. */
export interface PieceJob extends OpenedFile {
  readonly parts: number;
  /** Index `NEXT`, and from `RELEASED` on one a thread. */
  readonly control: Int32Array<SharedArrayBuffer>;
  /** One a part: 0 until somebody has read it, then 1 + thread · `PART_PLACES` + place. */
  readonly holders: Int32Array<SharedArrayBuffer>;
  /** Chaining values of the parts, 32 bytes each. */
  readonly values: Uint8Array<SharedArrayBuffer>;
}

/** Where the bytes of a part are: which thread has read them, and to which place of its core. */
export interface Holder {
  readonly thread: number;
  readonly place: number;
}

/** What a worker is started with. */
export interface WorkerStart {
  readonly job: PieceJob;
  /** From 1 on; see `MAIN_THREAD`. */
  readonly thread: number;
  /** Module of the kernel that the main thread chose, with shared memory. */
  readonly wasm: Uint8Array<ArrayBuffer>;
}

/** What a worker says: where it reads to, when it is ready; and at last how it ended. */
export type WorkerMessage =
  | { readonly places: Uint8Array }
  | { readonly end: "done" }
  // Not the error itself: what a clone of it keeps differs from runtime to runtime.
  | { readonly end: "failed"; readonly code: ErrorCode; readonly message: string; readonly hint: string | undefined };

/** Its number among the threads of a job. */
export const MAIN_THREAD = 0;

/** The next part nobody has taken. */
const NEXT = 0;
/** How many of the parts that the main thread has read are not wanted any more. */
const RELEASED = 1;

/** After so long, whoever waits looks whether there is still something to wait for. */
const WAIT_MS = 20;

/** @param threads the main thread and workers, at most */
export function createPieceJob(file: OpenedFile, threads: number): PieceJob {
  const parts = Math.ceil(file.length / PART_BYTES);
  return {
    ...file,
    parts,
    control: sharedIntegers(RELEASED + threads),
    holders: sharedIntegers(parts),
    values: new Uint8Array(new SharedArrayBuffer(parts * VALUE_BYTES)),
  };
}

function sharedIntegers(count: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT));
}

/** Takes a part for this thread alone; undefined when none is left. */
export function takePart({ control, parts }: PieceJob): number | undefined {
  const part = Atomics.add(control, NEXT, 1);
  return part < parts ? part : undefined;
}

/** Leaves no part to take: every thread ends after the one it has. */
export function closeJob({ control, parts }: PieceJob): void {
  Atomics.store(control, NEXT, parts);
}

/** Bytes of a part. */
export function partLength({ length }: PieceJob, part: number): number {
  return Math.min(PART_BYTES, length - part * PART_BYTES);
}

/** @param places of a core */
export function partAt(places: Uint8Array, place: number, length: number): Uint8Array {
  return places.subarray(place * PART_BYTES, place * PART_BYTES + length);
}

/**
 * The place for a thread's next part; undefined while SHA-256 still wants what is in all of them. They are a ring: they
 * get free in the order in which they were filled, which is that of the file.
 * @param taken parts that the thread has taken so far
 */
export function freePlace({ control }: PieceJob, thread: number, taken: number): number | undefined {
  return taken - Atomics.load(control, RELEASED + thread) < PART_PLACES ? taken % PART_PLACES : undefined;
}

/** Waits until `freePlace` gives one; returns false when no part is left to take. */
export function waitForPlace(job: PieceJob, thread: number, taken: number): boolean {
  while (Atomics.load(job.control, NEXT) < job.parts) {
    if (freePlace(job, thread, taken) !== undefined) return true;
    Atomics.wait(job.control, RELEASED + thread, taken - PART_PLACES, WAIT_MS);
  }
  return false;
}

/** Says that a thread has read a part. The bytes stay where they are until `releasePart`. */
export function offerPart({ holders }: PieceJob, part: number, { thread, place }: Holder): void {
  Atomics.store(holders, part, 1 + thread * PART_PLACES + place);
  Atomics.notify(holders, part);
}

/** Who has read a part; undefined while nobody has. */
export function holderOf({ holders }: PieceJob, part: number): Holder | undefined {
  const at = Atomics.load(holders, part) - 1;
  return at < 0 ? undefined : { thread: Math.floor(at / PART_PLACES), place: at % PART_PLACES };
}

/** Waits a moment until a part is offered; returns at once when it is. */
export function waitForPart({ holders }: PieceJob, part: number): void {
  Atomics.wait(holders, part, 0, WAIT_MS);
}

/** Gives a thread the place back that holds the first of its parts. */
export function releasePart({ control }: PieceJob, thread: number): void {
  Atomics.add(control, RELEASED + thread, 1);
  Atomics.notify(control, RELEASED + thread);
}

export function keepValue({ values }: PieceJob, part: number, value: Uint8Array): void {
  values.set(value, part * VALUE_BYTES);
}

/** What must stay as it is while a file is read. */
export function identityOf(s: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint }): string {
  return `${s.dev} ${s.ino} ${s.size} ${s.mtimeNs}`;
}
