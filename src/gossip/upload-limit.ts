// What `--max-upload` allows to be given to peers, all of them together: pieces, and what is told of them and of releases.
// Design: docs/gossip.md, "Pieces for each other". Must not: let pieces hold up what a network hears of releases by, or let
// those who ask for that again and again keep pieces from being given.
import { createRateLimit } from "../fetch/rate-limit.ts";
import type { ByteStream } from "./byte-stream.ts";

export interface UploadLimit {
  /** A piece goes out in parts of so many bytes. */
  readonly partBytes: number;
  /** Resolves when so many bytes of pieces may pass; undefined when they may at once. Rejects when this node stops. */
  takeForPieces(bytes: number): Promise<void> | undefined;
  /** Gives what is no piece. @param onHeldUp told how long the limit, and not the peer, was waited for, in milliseconds */
  give(bytes: ByteStream, given: Uint8Array, onHeldUp?: (ms: number) => void): Promise<void>;
}

/** Bytes go out in such parts: each waits until the peer has room, and is a frame, which the peer answers with one. */
const PART_BYTES = 256 << 10;
/** Of what is no piece: several of them at a time have less for each to hold. */
const GIVEN_PART_BYTES = 64 << 10;
/** Sixteen uploads get a part each within a second, of half a limit: a taker holds two seconds of silence for a stall. */
const PARTS_PER_SECOND = 32;
/** No part is smaller: whoever allows a few hundred bytes a second has chosen to look stalled. */
const MIN_PART_BYTES = 1 << 10;
/** What is no piece has no more of the limit than this. */
const GIVEN_SHARE = 1 / 2;
/** A few packets, such as addresses, mirrors and the pieces that are here: these pass at once and are not counted. */
const SMALL_BYTES = 4 << 10;

/** @param bytesPerSecond undefined for no limit */
export function createUploadLimit(bytesPerSecond: number | undefined, signal: AbortSignal): UploadLimit {
  const all = createRateLimit(bytesPerSecond);
  const given = createRateLimit(bytesPerSecond === undefined ? undefined : bytesPerSecond * GIVEN_SHARE);
  const inSeconds = (bytesPerSecond ?? Infinity) / PARTS_PER_SECOND;
  const partBytes = Math.ceil(Math.max(MIN_PART_BYTES, Math.min(inSeconds, PART_BYTES)));

  async function takeToGive(count: number, onHeldUp: (ms: number) => void): Promise<void> {
    const beganMs = performance.now();
    all.pay(count);
    await given.take(count, signal);
    onHeldUp(performance.now() - beganMs);
  }

  return {
    partBytes,
    takeForPieces: (count) => all.take(count, signal),
    async give(bytes, whole, onHeldUp = () => {}) {
      const size = Math.min(partBytes, GIVEN_PART_BYTES);
      for (let at = 0; at < whole.length; at += size) {
        const part = whole.subarray(at, at + size);
        if (whole.length > SMALL_BYTES) await takeToGive(part.length, onHeldUp);
        await bytes.write(part);
      }
    },
  };
}
