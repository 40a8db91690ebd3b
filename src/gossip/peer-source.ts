// A peer as a source of an artifact's pieces. Design: docs/formats.md, "Peer protocol"; what it gives is untrusted.
// Must not: prove anything, or retry; the piece engine does.
import type { Stream } from "@libp2p/interface";
import { setTimeout as delay } from "node:timers/promises";
import { createAbortScope } from "../abortable.ts";
import type { Artifact, Opts, PieceReader, PieceSet, ReadOpts, Source, Verified } from "../api.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import { pieceCount, pieceListBytes } from "../hash/piece-tree.ts";
import { type ByteStream, createByteStream } from "./byte-stream.ts";
import { formatRequest, parseAnswer, type PeerRequest, readLine, writeLine } from "./peer-protocol.ts";
import { bitBytes, decodeBits, hasAll } from "./piece-bits.ts";
import { runBytes } from "./piece-service.ts";

export interface PeerSourceOptions {
  /** Its id. */
  readonly peer: string;
  readonly priority: number;
  openStream(signal: AbortSignal): Promise<Stream>;
}

/** The engine relieves a peer that stalls long before; this ends what nobody waits for. */
const IDLE_MS = 15_000;

/** A giver tells of new pieces twice a second; each time the engine plans anew. Who tells more often is heard no sooner. */
const LISTEN_PACE_MS = 200;
/** A peer whose stream broke is asked again what it has, after so long, until it has not answered so often. */
const LISTEN_AGAIN_MS = 2_000;
const MAX_LISTEN_TRIES = 3;

const SOURCE_PREFIX = "peer:";

/** The peer that a source is; undefined for a source of another kind. */
export function peerOfSource(id: string): string | undefined {
  return id.startsWith(SOURCE_PREFIX) ? id.slice(SOURCE_PREFIX.length) : undefined;
}

export function createPeerSource({ peer, priority, openStream }: PeerSourceOptions): Source {
  const id = `${SOURCE_PREFIX}${peer}`;

  /** One request on a stream of its own. @returns the stream and how many bytes follow */
  async function ask(r: PeerRequest, signal: AbortSignal): Promise<{ bytes: ByteStream; length: number }> {
    signal.throwIfAborted();
    const bytes = createByteStream(await openStream(signal), { signal, idleMs: IDLE_MS });
    try {
      await writeLine(bytes, formatRequest(r));
      return { bytes, length: await readHead(bytes) };
    } catch (e) {
      bytes.abort();
      throw e;
    }
  }

  async function readHead(bytes: ByteStream): Promise<number> {
    const answer = parseAnswer(await readLine(bytes));
    if (answer.status === "ok") return answer.bytes;
    if (answer.status === "busy") throw new UpdateError("E_UNREACHABLE", "the peer is busy", { source: id });
    throw new UpdateError("E_ABSENT", "the peer does not have it", { source: id });
  }

  function failure(e: unknown, signal: AbortSignal): UpdateError {
    if (signal.aborted) return asUpdateError(signal.reason, "E_INTERRUPTED");
    return asUpdateError(e, "E_UNREACHABLE");
  }

  async function open(a: Verified<Artifact>, { signal }: Opts): Promise<PieceReader> {
    const { sha256, length: total } = a;
    const count = pieceCount(total), listBytes = pieceListBytes(total);
    const scope = createAbortScope();
    let held: PieceSet = decodeBits(new Uint8Array());
    let isFinal = false;
    const waiting = new Set<() => void>();
    const wake = () => waiting.forEach((resolve) => resolve());

    /** @returns the piece list, where the peer has one */
    async function readHoldings(bytes: ByteStream, length: number): Promise<Uint8Array | undefined> {
      const isWithList = length === bitBytes(count) + listBytes;
      if (!isWithList && length !== bitBytes(count)) {
        throw new UpdateError("E_MALFORMED", `the peer tells of its pieces in ${length} bytes`, { source: id });
      }
      held = decodeBits(await bytes.read(bitBytes(count)));
      wake();
      return isWithList && listBytes > 0 ? await bytes.read(listBytes) : undefined;
    }

    /** Asks what it has, on a stream that may tell more. */
    async function askHoldings(signal: AbortSignal): Promise<{ bytes: ByteStream; list: Uint8Array | undefined }> {
      const { bytes, length } = await ask({ get: "have", sha256 }, signal);
      try {
        return { bytes, list: await readHoldings(bytes, length) };
      } catch (e) {
        bytes.abort();
        throw e;
      }
    }

    /** Until it has all, or tells no more, though asked again: on a slow line a stream may break and the peer stay. */
    async function listen(first: ByteStream): Promise<void> {
      for (let bytes: ByteStream | undefined = first; bytes !== undefined; bytes = await listenAgain()) {
        try {
          while (!hasAll(held, count)) {
            await delay(LISTEN_PACE_MS, undefined, { signal: scope.signal, ref: false });
            await readHoldings(bytes, await readHead(bytes));
          }
        } catch {
          // what it told until then is what is known
        } finally {
          bytes.abort();
        }
      }
      isFinal = true;
      wake();
    }

    /** @returns undefined when there is nothing more to hear */
    async function listenAgain(): Promise<ByteStream | undefined> {
      for (let tries = 0; tries < MAX_LISTEN_TRIES && !hasAll(held, count); tries++) {
        await delay(LISTEN_AGAIN_MS, undefined, { signal: scope.signal, ref: false }).catch(() => {}); // asked next
        if (scope.signal.aborted) break;
        try {
          return (await askHoldings(scope.signal)).bytes;
        } catch {
          // asked again, or given up
        }
      }
      return undefined;
    }

    try {
      // The signal of this call does not end the listening; closing the reader does.
      const { bytes, length } = await ask({ get: "have", sha256 }, scope.signal);
      const stop = () => bytes.abort();
      signal.addEventListener("abort", stop);
      try {
        await readHoldings(bytes, length);
        signal.throwIfAborted();
      } finally {
        signal.removeEventListener("abort", stop);
      }
      void listen(bytes);
    } catch (e) {
      throw failure(e, signal);
    }

    /** Until something was told, or one of the two signals. */
    async function nextChange(s: AbortSignal): Promise<void> {
      const waits = Promise.withResolvers<void>();
      const resolve = () => waits.resolve();
      waiting.add(resolve);
      s.addEventListener("abort", resolve, { once: true });
      await waits.promise;
      s.removeEventListener("abort", resolve);
      waiting.delete(resolve);
    }

    async function* read(first: number, wanted: number, o: ReadOpts): AsyncGenerator<Uint8Array> {
      const { signal, release } = scope.follow(o.signal);
      let bytes: ByteStream | undefined;
      try {
        const answer = await ask({ get: "pieces", sha256, first, count: wanted }, signal);
        bytes = answer.bytes;
        if (answer.length !== runBytes(total, first, wanted)) {
          throw new UpdateError("E_SIZE_MISMATCH", `the peer announces ${answer.length} bytes`, { source: id });
        }
        yield* bytes.chunks(answer.length, o.reusesChunks);
      } catch (e) {
        throw failure(e, signal);
      } finally {
        bytes?.abort();
        release();
      }
    }

    async function pieceList(signal: AbortSignal): Promise<Uint8Array> {
      try {
        const { bytes, list } = await askHoldings(signal);
        bytes.abort();
        if (list !== undefined) return list;
      } catch (e) {
        throw failure(e, signal);
      }
      throw new UpdateError("E_ABSENT", "the peer has no piece list", { source: id });
    }

    return {
      isSequential: false,
      sharesLine: true,
      have: () => held,
      async *changed(o) {
        for (let seen = held;;) {
          if (scope.signal.aborted) return;
          if (o.signal.aborted) throw failure(undefined, o.signal);
          if (held !== seen) yield seen = held;
          else if (isFinal) return;
          else await nextChange(o.signal);
        }
      },
      read,
      pieceList: (o) => scope.during(o.signal, pieceList),
      close() {
        scope.abort(new UpdateError("E_INTERRUPTED", `${id}: nobody reads it any more`));
        wake();
        return Promise.resolve();
      },
    };
  }

  return { id, kind: "peer", priority, open };
}
