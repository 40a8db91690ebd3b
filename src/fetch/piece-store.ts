// An artifact in flight as pieces of 1 MiB, seen from the thread that receives them: it fills buffers and hands them over;
// the thread behind proves, writes and hashes them. Survives the process for the next run.
// Design: "Where the bytes go" of docs/architecture.md.
// Must not: know sources, copy a piece but into the core, block for longer than a piece takes to hash.

import { lstat } from "node:fs/promises";
import { resolve } from "node:path";
import { abortable } from "../abortable.ts";
import type { Artifact, Digests, Opts, Verified } from "../api.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import { type Blake3Core, PIECE_BYTES, VALUE_BYTES } from "../hash/blake3-core.ts";
import { loadBlake3Core } from "../hash/load-core.ts";
import { pieceCount } from "../hash/piece-tree.ts";
import { createHeldPieces, pieceLength } from "./held-pieces.ts";
import { createPieceBuffers, type PieceBuffer } from "./piece-buffers.ts";
import type {
  FoundPieces,
  PlainError,
  StoreMessage,
  StoreRequest,
  StoreResults,
  StoreStart,
} from "./store-messages.ts";
import { requirePieceList } from "./require-piece-list.ts";
import { startStoreThread, type StoreHost, storeThreadsOfHost } from "./store-thread.ts";
import { sweepPartials } from "./sweep-partials.ts";

export interface PieceStoreOptions extends Opts {
  readonly artifact: Verified<Artifact>;
  /** Exists; the artifact's lock is held by the caller. */
  readonly partialDir: string;
  /** Called while what an earlier run left is proven again, with the bytes done. */
  readonly onHashing?: (bytesDone: number) => void;
}

/**
 * Errors of all methods: UpdateError E_DISK_FULL, E_IO; E_INTERNAL when the thread died or the hashing core does not
 * work on this host; E_INTERRUPTED on abort.
 */
export interface PieceStore {
  readonly pieceCount: number;
  /** Pieces on the disk: proven where the list is known, else only measured. */
  readonly heldCount: number;
  readonly heldBytes: number;
  /** Of `heldBytes`, those of an earlier run. */
  readonly resumedBytes: number;
  /** Pieces from the front that SHA-256 has seen; may lag a little. */
  readonly hashedPieces: number;
  /** The proven piece list is known. True at once for a file of one piece, whose value is its digest. */
  readonly isListed: boolean;
  /** The partial file, to be renamed by the caller after `seal` and `close`. */
  readonly file: string;
  has(index: number): boolean;
  /**
   * @param list 32 bytes a piece; none for a file of one piece
   * @returns indexes of the pieces that were held unproven and are not those of the list: they are dropped
   * @throws UpdateError E_SIZE_MISMATCH, E_HASH_MISMATCH when it does not merge to the signed BLAKE3
   */
  setPieceList(list: Uint8Array): Promise<number[]>;
  /** A buffer of `PIECE_BYTES`; waits while as many are out as memory allows, or many are still being proven. */
  takeBuffer(o: Opts): Promise<PieceBuffer>;
  /** A buffer to be filled ahead of need; undefined unless there are plenty. */
  takeSpareBuffer(): PieceBuffer | undefined;
  /** Unused after all. */
  returnBuffer(buffer: PieceBuffer): void;
  /**
   * @param buffer from `takeBuffer`, the piece at its beginning; the store's from now on
   * @returns true when it is on the disk; false when it is not the piece of the proven list: nothing of it is kept
   */
  put(index: number, buffer: PieceBuffer): Promise<boolean>;
  /** The measured chaining value of a held piece, 32 bytes; of a file of one piece, its digest. */
  valueOf(index: number): Uint8Array | undefined;
  /** Drops all pieces; keeps the list when it is proven. */
  clear(): Promise<void>;
  /**
   * Makes the file durable; all pieces must be held. Only `clear` and `close` may follow.
   * @returns what was measured, to be proven by the caller
   */
  seal(o: Opts): Promise<Digests>;
  /** Ends what waits, and the thread. Never throws. */
  close(): Promise<void>;
}

// 32 MiB. Enough for twenty connections that fill one each while others are proven; the process stays below 150 MB.
const MAX_BUFFERS = 32;
// A piece takes the thread 1.7 ms. More would make it no faster and the end later: it would still be at work 50 ms after
// the last byte came.
const MAX_IN_PROOF = 8;
// So many wait for the thread behind: it is busier than this one, which takes BLAKE3 over.
const BACKLOG = 6;

/**
 * Opens or creates the partial file of an artifact and proves what an earlier run left in it.
 * @param host tests only
 * @throws UpdateError E_DISK_FULL, E_IO, E_INTERRUPTED, E_INTERNAL
 */
export async function openPieceStore(o: PieceStoreOptions, host = storeThreadsOfHost()): Promise<PieceStore> {
  const { length, blake3, sha256 } = o.artifact;
  const file = resolve(o.partialDir, `${sha256}.part`);
  const mapFile = resolve(o.partialDir, `${sha256}.map`);
  await sweepPartials(o.partialDir, o);
  const isNew = await isEmpty(file) && await isEmpty(mapFile);
  const core = await loadBlake3Core();
  if (o.signal.aborted) throw asUpdateError(o.signal.reason, "E_INTERRUPTED");
  const { store, opened } = createPieceStore({ file, mapFile, length, blake3 }, core, o, host);
  try {
    // When it is new there is nothing to wait for: the thread starts while the first bytes are on their way.
    if (!isNew) await abortable(opened, o.signal);
    return store;
  } catch (e) {
    await store.close();
    throw e;
  }
}

async function isEmpty(file: string): Promise<boolean> {
  const info = await lstat(file).catch(() => undefined);
  return info === undefined || info.size === 0;
}

type Result = StoreResults[StoreRequest["type"]];

interface Pending {
  readonly resolve: (result: Result) => void;
  readonly reject: (e: UpdateError) => void;
}

function createPieceStore(start: StoreStart, core: Blake3Core, { onHashing }: PieceStoreOptions, host: StoreHost) {
  const { length } = start;
  const count = pieceCount(length);
  const held = createHeldPieces(length);
  const resumed = createHeldPieces(length);
  const values = new Uint8Array(count * VALUE_BYTES);
  const buffers = createPieceBuffers(MAX_BUFFERS, MAX_IN_PROOF);
  const pending: Pending[] = []; // answers come in the order of the requests
  let isListed = count === 1;
  let hashedPieces = 0;
  let failure: UpdateError | undefined;
  let isDead = false;
  let closing: Promise<void> | undefined;
  let onOpened = (_: UpdateError | undefined) => {};
  const opened = new Promise<void>((resolve, reject) => onOpened = (e) => e === undefined ? resolve() : reject(e));
  opened.catch(() => {}); // whoever asks for something is told

  const valueAt = (index: number) => values.subarray(index * VALUE_BYTES, (index + 1) * VALUE_BYTES);

  /** What the thread behind would do. It has SHA-256 to do besides, and is what a fast download waits for. */
  function measure(index: number, buffer: PieceBuffer): Uint8Array {
    const bytes = buffer.subarray(0, pieceLength(length, index));
    core.input.set(bytes);
    return core.hashPiece(bytes.length, index, count === 1).slice();
  }

  const thread = startStoreThread(start, host, onMessage, fail);

  function onMessage(message: StoreMessage): void {
    switch (message.type) {
      case "hashing":
        return onHashing?.(message.bytes);
      case "opened":
        return onOpened(
          "error" in message.outcome ? refuse(errorOf(message.outcome.error)) : adopt(message.outcome.value),
        );
      case "answer": {
        hashedPieces = message.hashedPieces;
        if (message.buffer !== undefined) buffers.endProof(new Uint8Array(message.buffer));
        const asked = pending.shift();
        if ("error" in message.outcome) asked?.reject(errorOf(message.outcome.error));
        else asked?.resolve(message.outcome.value);
      }
    }
  }

  function adopt(found: FoundPieces): undefined {
    if (isListed && count > 1) return; // the file is new, and its list came while the thread was starting
    found.marks.forEach((mark, index) => {
      if (mark === 1) [held, resumed].forEach((set) => set.add(index));
    });
    values.set(found.values);
    ({ isListed, hashedPieces } = found);
  }

  /** Accepts nothing more. */
  function refuse(e: UpdateError): UpdateError {
    failure ??= e;
    buffers.fail(failure);
    return failure;
  }

  /** Nobody answers any more. */
  function fail(e: UpdateError): void {
    isDead = true;
    onOpened(refuse(e));
    for (const { reject } of pending.splice(0)) reject(e);
  }

  function send<R extends StoreRequest>(request: R): Promise<StoreResults[R["type"]]> {
    return new Promise((resolve, reject) => {
      thread.post(request);
      pending.push({ resolve: resolve as Pending["resolve"], reject }); // the answer to this request has its type
    });
  }

  async function ask<R extends StoreRequest>(request: R): Promise<StoreResults[R["type"]]> {
    if (failure !== undefined) throw failure;
    return await send(request);
  }

  async function end(): Promise<void> {
    refuse(new UpdateError("E_INTERRUPTED", "the download was ended"));
    if (!isDead) await send({ type: "close" }).catch(() => {}); // whoever wrote last was told
    thread.stop();
  }

  const store: PieceStore = {
    pieceCount: count,
    get heldCount() {
      return held.count;
    },
    get heldBytes() {
      return held.bytes;
    },
    get resumedBytes() {
      return resumed.bytes;
    },
    get hashedPieces() {
      return hashedPieces;
    },
    get isListed() {
      return isListed;
    },
    file: start.file,
    has: (index) => held.has(index),
    valueOf: (index) => held.has(index) ? valueAt(index).slice() : undefined,
    takeBuffer: (opts) => buffers.take(opts),
    takeSpareBuffer: () => buffers.takeSpare(),
    returnBuffer: (buffer) => buffers.giveBack(buffer),
    async put(index, buffer) {
      const isWhole = buffer.length === PIECE_BYTES && buffer.buffer.byteLength === PIECE_BYTES;
      if (!Number.isInteger(index) || index < 0 || index >= count || !isWhole) {
        throw new RangeError(`piece ${index} of ${count}, in a buffer of ${buffer.length} bytes`);
      }
      const measured = buffers.inProof >= BACKLOG ? measure(index, buffer) : undefined;
      const answer = ask({ type: "put", index, buffer: buffer.buffer, value: measured });
      buffers.startProof();
      const { isRight, value } = await answer;
      if (!isRight) return false;
      if (value !== undefined) valueAt(index).set(value);
      held.add(index);
      return true;
    },
    async setPieceList(bytes) {
      const list = new Uint8Array(bytes); // not what its giver may change, nor what lies around it
      requirePieceList(core, list, start);
      const hasNothing = held.count === 0 && pending.length === 0 && failure === undefined;
      const answer = ask({ type: "list", list });
      // Nothing to drop: the first pieces can be asked for while the thread is still starting.
      if (hasNothing) answer.catch(() => {}); // whoever asks next is told
      const dropped = hasNothing ? [] : await answer;
      for (const index of dropped) [held, resumed].forEach((set) => set.delete(index));
      values.set(list);
      isListed = true;
      return dropped;
    },
    async clear() {
      await ask({ type: "clear" });
      held.clear();
      resumed.clear();
    },
    async seal({ signal }) {
      if (held.count < count) throw new UpdateError("E_INTERNAL", "not all pieces are there");
      if (signal.aborted) throw asUpdateError(signal.reason, "E_INTERRUPTED");
      return await abortable(ask({ type: "seal" }), signal);
    },
    close: () => closing ??= end(),
  };
  return { store, opened };
}

/** An error of the other thread. */
function errorOf({ code, message, hint }: PlainError): UpdateError {
  return new UpdateError(code, message, hint === undefined ? {} : { hint });
}
