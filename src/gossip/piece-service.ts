// Gives pieces to peers: which ones are here, and their bytes, in fair shares.
// Design: docs/formats.md, "Peer protocol". Must not: give what nobody asked for by its digest, or more than its share.
import { setTimeout as delay } from "node:timers/promises";
import { PIECE_BYTES } from "../hash/blake3-core.ts";
import { pieceCount } from "../hash/piece-tree.ts";
import { type ByteStream, leastPaceMs } from "./byte-stream.ts";
import { MAX_CONNECTIONS } from "./limits.ts";
import { formatAnswer, type HaveRequest, type PeerAnswer, type PiecesRequest, writeLine } from "./peer-protocol.ts";
import { encodeBits, hasAll } from "./piece-bits.ts";
import type { Holding, Shelf } from "./shelf.ts";
import { createSlots } from "./slots.ts";
import type { UploadLimit } from "./upload-limit.ts";

export interface PieceServiceOptions {
  readonly shelf: Shelf;
  readonly signal: AbortSignal;
  /** Told of bytes that a peer took. */
  readonly onGiven: (bytes: number) => void;
  /** Shorter in tests. */
  readonly patience?: Patience;
}

/**
 * How much longer a peer may need for a part than it takes at the least pace, in milliseconds: for one of 256 KiB that is
 * 16 s. Waiting for a limit of our own does not count.
 */
export interface Patience {
  /** Then he gives his place to whoever waits for it. */
  readonly wantedMs: number;
  /** Then it ends, though nobody waits. */
  readonly aloneMs: number;
}

export interface PieceService {
  have(r: HaveRequest, peer: string, bytes: ByteStream): Promise<void>;
  pieces(r: PiecesRequest, peer: string, bytes: ByteStream): Promise<void>;
}

/** Uploads side by side. More would divide the line into parts that look stalled. */
const MAX_UPLOADS = 16;
/** Of them, for one peer: as many reads as its download makes. */
const MAX_UPLOADS_PER_PEER = 4;
/** Who waits longer for a place is told that this node is busy; before that, silence would look like a stall. */
const PLACE_WAIT_MS = 2_000;
/**
 * After this time a run ends with the piece that is being given when somebody waits who has less: nothing is lost, and
 * nobody keeps a place by asking for much at once. A run is meant to be half as long (src/fetch/choose-run.ts).
 */
const FAIR_RUN_MS = 1_000;
/** And after this time at once, when his peer has more places and the other has none: a piece may take a minute. */
const SHARE_MS = 5_000;
/** How long a place is kept otherwise is up to how it is used. */
const PLACES = {
  leashMs: Infinity,
  waitMs: PLACE_WAIT_MS,
  pause: (ms: number) => delay(ms, undefined, { ref: false }),
};
/** Streams on which one peer is being told what comes: while one breaks it may ask on another. All peers have theirs. */
const MAX_LISTENERS_PER_PEER = 2;
const MAX_LISTENERS = MAX_LISTENERS_PER_PEER * MAX_CONNECTIONS;
/** How soon a peer hears of new pieces. */
const LOOK_MS = 500;
/** A neighbour heard of a release a moment before this node, or this node has the list of its pieces a moment later. */
const NOT_YET_MS = 3_000;
const NOT_YET_LOOK_MS = 100;
/** For what comes: all who listen share a look, which reads a map and proves it. */
const LOOK_ANEW_MS = 100;
/** A listener hears something at least so often, or it would take the silence for the end. */
const SIGN_OF_LIFE_MS = 5_000;
/**
 * Over a slow line a peer takes nothing for a while and then a mebibyte at once: that is how often he tells of it. Measured
 * at 2 Mbit/s: up to 5 s of nothing with one read, up to 8 s with two. With 16 s for a part these are no stalls.
 */
const PATIENCE: Patience = { wantedMs: 5_000, aloneMs: 60_000 };

export function createPieceService(o: PieceServiceOptions, limit: UploadLimit): PieceService {
  const { shelf, onGiven, patience = PATIENCE } = o;
  const uploads = createSlots({
    ...PLACES,
    atOnce: MAX_UPLOADS,
    maxPerPeer: MAX_UPLOADS_PER_PEER,
    shareMs: SHARE_MS,
  });
  const listeners = createSlots({ ...PLACES, atOnce: MAX_LISTENERS, maxPerPeer: MAX_LISTENERS_PER_PEER });

  const looks = new Map<string, Promise<Holding | undefined>>(); // no more than there are listeners

  const answer = (bytes: ByteStream, a: PeerAnswer) => writeLine(bytes, formatAnswer(a));

  /** Tells what is here, and what comes, until there is all of it, or the stream has ended: its place is free then. */
  async function have({ sha256 }: HaveRequest, peer: string, bytes: ByteStream): Promise<void> {
    const place = await listeners.take(peer);
    if (place === undefined) return await answer(bytes, { status: "busy" });
    try {
      let told = "", toldMs = -Infinity, toldList = false;
      for (;;) {
        const holding = toldMs < 0 ? await findSoon(sha256, bytes) : await look(sha256);
        if (holding === undefined) return await answer(bytes, { status: "none" });
        const count = pieceCount(holding.length);
        const bits = encodeBits(holding.pieces, count);
        const now = Buffer.from(bits).toString("base64");
        const list: Uint8Array | undefined = toldList ? undefined : holding.pieceList; // once: it does not change
        if (now !== told || list !== undefined || performance.now() - toldMs > SIGN_OF_LIFE_MS) {
          const body = Buffer.concat([bits, list ?? new Uint8Array()]);
          await answer(bytes, { status: "ok", bytes: body.length });
          await limit.give(bytes, body);
          told = now;
          toldMs = performance.now();
          toldList ||= list !== undefined;
        }
        if (hasAll(holding.pieces, count)) return;
        await bytes.pause(LOOK_MS);
      }
    } finally {
      listeners.free(place);
    }
  }

  function look(sha256: string): Promise<Holding | undefined> {
    const lately = looks.get(sha256);
    if (lately !== undefined) return lately;
    const looking = shelf.find(sha256);
    looks.set(sha256, looking);
    void delay(LOOK_ANEW_MS, undefined, { ref: false }).then(() => looks.delete(sha256));
    return looking;
  }

  async function findSoon(sha256: string, bytes: ByteStream): Promise<Holding | undefined> {
    for (const endMs = performance.now() + NOT_YET_MS;;) {
      const holding = await shelf.find(sha256);
      if (holding !== undefined || performance.now() >= endMs) return holding;
      await bytes.pause(NOT_YET_LOOK_MS);
    }
  }

  async function pieces({ sha256, first, count }: PiecesRequest, peer: string, bytes: ByteStream): Promise<void> {
    const place = await uploads.take(peer);
    if (place === undefined) return await answer(bytes, { status: "busy" });
    place.stop.signal.addEventListener("abort", () => bytes.abort());
    try {
      const holding = await shelf.find(sha256);
      if (holding === undefined || !isHere(holding, first, count)) return await answer(bytes, { status: "none" });
      const length = runBytes(holding.length, first, count);
      await answer(bytes, { status: "ok", bytes: length });
      const fairMs = performance.now() + FAIR_RUN_MS;
      let behindMs = 0, given = 0;
      for await (const chunk of holding.read(first, count)) {
        for (let at = 0; at < chunk.length; at += limit.partBytes) {
          const part = chunk.subarray(at, at + limit.partBytes);
          await limit.takeForPieces(part.length);
          const dueMs = performance.now() - behindMs + leastPaceMs(part.length);
          place.untilMs = dueMs + patience.wantedMs;
          await bytes.write(part, dueMs + patience.aloneMs - performance.now());
          place.untilMs = Infinity;
          onGiven(part.length);
          given += part.length;
          behindMs = Math.max(0, performance.now() - dueMs);
          if (given % PIECE_BYTES === 0 && performance.now() > fairMs && uploads.isWanted(place)) return;
        }
      }
    } finally {
      uploads.free(place);
    }
  }

  return { have, pieces };
}

function isHere({ length, pieces }: Holding, first: number, count: number): boolean {
  if (count < 1 || first + count > pieceCount(length)) return false;
  for (let i = first; i < first + count; i++) if (!pieces.has(i)) return false;
  return true;
}

/** Bytes of a run of pieces of an artifact. */
export function runBytes(length: number, first: number, count: number): number {
  return Math.min((first + count) * PIECE_BYTES, length) - first * PIECE_BYTES;
}
