// Does what the piece store asks, one request after another, in the thread that owns the file.
// Design: "Where the bytes go" of docs/architecture.md.
// Must not: import what the store's worker does not need.

import { asUpdateError, UpdateError } from "../errors.ts";
import type { Blake3Core } from "../hash/blake3-core.ts";
import { openPieceFile, type PieceFile } from "./piece-file.ts";
import type { Outcome, PlainError, StoreMessage, StoreRequest, StoreResults, StoreStart } from "./store-messages.ts";

/** How it answers. `transfer` is what the message gives away. */
export type Post = (message: StoreMessage, transfer: ArrayBuffer[]) => void;

// Two milliseconds of hashing; then timers, signals and messages get a turn.
const TURN_PIECES = 4;
// Of those that wait for SHA-256, after each request. If it were one, each new piece would find others waiting, be
// written through the page cache and read again as they were, and so on to the end of the download.
const CATCH_UP_PIECES = 8;

/**
 * @param loadCore gives a core that nobody else uses
 * @returns takes requests, from the start on
 */
export function startStoreService(
  start: StoreStart,
  loadCore: () => Promise<Blake3Core>,
  post: Post,
): (request: StoreRequest) => void {
  const queue: StoreRequest[] = [];
  let wake = () => {};
  let isClosing = false;

  async function open(): Promise<PieceFile> {
    const file = openPieceFile({ ...start, core: await loadCore() });
    try {
      let pieces = 0;
      for (const bytes of file.proveHeld()) {
        if (++pieces % TURN_PIECES > 0) continue;
        post({ type: "hashing", bytes }, []);
        await turn();
        if (isClosing) throw new UpdateError("E_INTERRUPTED", "interrupted");
      }
      return file;
    } catch (e) {
      file.close();
      throw e;
    }
  }

  async function serve(file: PieceFile): Promise<void> {
    const { marks, values, isListed, hashedPieces } = file;
    post({ type: "opened", outcome: { value: { marks, values, isListed, hashedPieces } } }, []);
    for (;;) {
      const request = queue.shift();
      if (request === undefined) {
        if (file.hashNext()) await turn();
        else await new Promise<void>((resolve) => wake = resolve);
        continue;
      }
      reply(request, await outcomeOf(() => answer(file, request)), file.hashedPieces);
      if (request.type === "close") return;
      // Faster than new ones arrive, so that those that came early are caught up with.
      await catchUp(file, CATCH_UP_PIECES);
      await turn();
    }
  }

  /** Nothing can be done any more but to say why. */
  async function refuse(e: unknown): Promise<void> {
    const failed = failure(e);
    for (;;) {
      const request = queue.shift();
      if (request === undefined) await new Promise<void>((resolve) => wake = resolve);
      else reply(request, failed, 0);
      if (request?.type === "close") return;
    }
  }

  function reply(request: StoreRequest, outcome: Answer, hashedPieces: number): void {
    const buffer = request.type === "put" ? request.buffer : undefined;
    post({ type: "answer", outcome, buffer, hashedPieces }, buffer === undefined ? [] : [buffer]);
  }

  async function run(): Promise<void> {
    let file: PieceFile;
    try {
      file = await open();
    } catch (e) {
      post({ type: "opened", outcome: failure(e) }, []);
      return await refuse(e);
    }
    try {
      await serve(file);
    } catch (e) {
      await outcomeOf(() => file.close());
      await refuse(e);
    }
  }

  void run();
  return (request) => {
    queue.push(request);
    isClosing ||= request.type === "close";
    wake();
  };
}

type Result = StoreResults[StoreRequest["type"]];
type Answer = Outcome<Result>;

async function answer(file: PieceFile, request: StoreRequest): Promise<Result> {
  switch (request.type) {
    case "put": {
      const isRight = await file.put(request.index, new Uint8Array(request.buffer), request.value);
      // A copy: a message takes the whole buffer of a view along.
      return { isRight, value: file.isListed ? undefined : file.valueOf(request.index)?.slice() };
    }
    case "list":
      return file.setPieceList(request.list);
    case "clear":
      return file.clear();
    case "seal":
      await catchUp(file, Infinity);
      return file.seal();
    case "close":
      return file.close();
  }
}

/** Gives SHA-256 pieces that wait for it, so many at most; after each, others get a turn. */
async function catchUp(file: PieceFile, max: number): Promise<void> {
  for (let pieces = 0; pieces < max && file.hashNext(); pieces++) await turn();
}

async function outcomeOf(work: () => Result | Promise<Result>): Promise<Answer> {
  try {
    return { value: await work() };
  } catch (e) {
    return failure(e);
  }
}

function failure(e: unknown): { readonly error: PlainError } {
  const isSystemError = (e as { code?: unknown } | null)?.code !== undefined;
  const { code, message, hint } = asUpdateError(e, isSystemError ? "E_IO" : "E_INTERNAL");
  return { error: { code, message, hint } };
}

/** Lets in whoever waits for this thread. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
