// A mirror's deltas as a source: pieces made of an older artifact that is in this home and of patches from the mirror.
// Design: "Delta by reuse" of docs/architecture.md, "Delta" of docs/formats.md. What a mirror altered is found before it
// is unpacked, and what the disk altered when the piece is made, so that neither is taken for the other.
// Must not: write; prove the artifact: who takes the pieces proves them like anyone's.

import { createHash } from "node:crypto";
import { abortable, createAbortScope } from "../abortable.ts";
import type { Artifact, Delta, Opts, PieceReader, PieceSet, Source, Verified } from "../api.ts";
import { type DeltaHead, deltaHeadBytes, readDeltaHead } from "../delta/delta-head.ts";
import { openPieceMaker, type PieceMaker } from "../delta/piece-maker.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import { findAtHand, type Places } from "./at-hand.ts";

export interface DeltaSourceOptions {
  /** Of the mirror, which is blamed. */
  readonly id: string;
  /** Lower is asked first. */
  readonly priority: number;
  readonly base: DeltaBase;
  readonly fetchRange: FetchDeltaRange;
}

/** An older artifact that is here, and the delta that starts from it. */
export interface DeltaBase {
  readonly delta: Delta;
  readonly file: string;
}

/**
 * Bytes of a delta file at the mirror, in chunks of any size; may yield fewer or more than were asked for.
 * @throws UpdateError E_ABSENT, E_UNREACHABLE, E_TIMEOUT, E_HTTP_STATUS, E_SIZE_MISMATCH, …
 */
export type FetchDeltaRange = (
  artifact: Artifact,
  delta: Delta,
  offset: number,
  length: number,
  o: Opts,
) => AsyncIterable<Uint8Array>;

/** A patch may be long on its way, and its piece comes at its end. */
const SIGN_OF_LIFE = new Uint8Array(0);

/** The smallest delta to an artifact whose older artifact is here; undefined when there is none. */
export async function findDeltaBase(artifact: Artifact, places: Places): Promise<DeltaBase | undefined> {
  for (const delta of (artifact.deltas ?? []).toSorted((a, b) => a.length - b.length)) {
    const file = await findAtHand({ ...artifact, ...delta.from }, places);
    if (file !== undefined) return { delta, file };
  }
  return undefined;
}

export function createDeltaSource(o: DeltaSourceOptions): Source {
  const { delta, file } = o.base;
  return {
    id: o.id,
    kind: "https",
    priority: o.priority,
    async open(artifact, { signal }) {
      if (signal.aborted) throw interrupted();
      if (!artifact.deltas?.some(({ headSha256 }) => headSha256 === delta.headSha256)) {
        throw new UpdateError("E_ABSENT", `there is no delta from ${delta.from.version} to ${artifact.name}`);
      }
      return createDeltaReader(o, artifact, await openPieceMaker(file, artifact, delta));
    },
  };
}

const interrupted = () => new UpdateError("E_INTERRUPTED", "interrupted");

function createDeltaReader(
  { id, fetchRange, base: { delta } }: DeltaSourceOptions,
  artifact: Verified<Artifact>,
  maker: PieceMaker,
): PieceReader {
  const scope = createAbortScope();
  /** Pieces that the older artifact, as it is now, does not give. */
  const damaged = new Set<number>();
  let head: Promise<DeltaHead> | undefined;
  let fetchedBytes = 0;

  async function* fetchExactly(offset: number, length: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    let left = length;
    for await (const chunk of fetchRange(artifact, delta, offset, length, { signal })) {
      fetchedBytes += chunk.length;
      yield chunk.subarray(0, left);
      left -= Math.min(left, chunk.length);
      if (left === 0) return;
    }
    throw new UpdateError("E_UNREACHABLE", `${id} gave ${length - left} of ${length} bytes`, { source: id });
  }

  async function loadHead(): Promise<DeltaHead> {
    const bytes = new Uint8Array(deltaHeadBytes(artifact.length));
    let at = 0;
    for await (const chunk of fetchExactly(0, bytes.length, scope.signal)) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    if (createHash("sha256").update(bytes).digest("hex") !== delta.headSha256) {
      throw new UpdateError("E_HASH_MISMATCH", `${id} gave another delta than the signed one`, { source: id });
    }
    try {
      const known = readDeltaHead(bytes, artifact, delta);
      if (maker.isToArtifact(known)) return known;
      throw new UpdateError("E_MALFORMED", `it is to another file than ${artifact.name}`);
    } catch (e) {
      throw judged(id, e);
    }
  }

  /** Fetched once for all reads; a failure is told to those who wait and tried again by the next. */
  async function provenHead(signal: AbortSignal): Promise<DeltaHead> {
    if (signal.aborted) throw interrupted();
    const loading = head ??= loadHead().catch((e) => {
      head = undefined;
      throw e;
    });
    return await abortable(loading, signal);
  }

  async function* readPieces(first: number, count: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const known = await provenHead(signal);
    const patches = known.patches.slice(first, first + count);
    const [start, last] = [patches[0], patches.at(-1)];
    if (start === undefined || last === undefined) return;
    const split = createSplitter(patches.map(({ length }) => length));
    let piece = first;
    for await (const chunk of fetchExactly(start.offset, last.offset + last.length - start.offset, signal)) {
      yield SIGN_OF_LIFE;
      for (const packed of split(chunk)) {
        yield await makePiece(known, piece++, packed);
        if (signal.aborted) throw interrupted();
      }
    }
  }

  async function makePiece(known: DeltaHead, piece: number, packed: Uint8Array): Promise<Uint8Array> {
    const bytes = await maker.make(known, piece, packed).catch((e) => {
      throw judged(id, e);
    });
    if (bytes !== undefined) return bytes;
    damaged.add(piece);
    throw new UpdateError("E_ABSENT", `the ${delta.from.version} that is here is damaged at piece ${piece}`);
  }

  async function* read(first: number, count: number, o: Opts): AsyncGenerator<Uint8Array> {
    const { signal, release } = scope.follow(o.signal);
    try {
      yield* readPieces(first, count, signal);
    } catch (e) {
      throw signal.aborted ? interrupted() : asUpdateError(e);
    } finally {
      release();
    }
  }

  const have: PieceSet = { has: (piece) => !damaged.has(piece) };
  return {
    have: () => have,
    async *changed() {}, // never
    isSequential: false,
    read,
    pieceList: async ({ signal }) => (await scope.during(signal, provenHead)).pieceList,
    made: { from: delta.from.version, fetchedBytes: () => fetchedBytes },
    async close() {
      scope.abort(interrupted());
      await maker.close().catch(() => {}); // nothing was written to it
    },
  };
}

/** What is not the signed thing is the mirror's doing; what is signed and of no use is nobody's who can be asked. */
function judged(id: string, e: unknown): UpdateError {
  const error = asUpdateError(e);
  switch (error.code) {
    case "E_HASH_MISMATCH":
      return new UpdateError(error.code, `${id}: ${error.message}`, { source: id, cause: error });
    case "E_MALFORMED":
      return new UpdateError("E_ABSENT", `the signed delta is of no use: ${error.message}`, { cause: error });
    default:
      return error;
  }
}

/** Puts a stream together again in parts of these lengths: takes its next chunk, gives the parts that are complete. */
function createSplitter(lengths: readonly number[]): (chunk: Uint8Array) => Uint8Array[] {
  let part = 0, filled = 0;
  let bytes = new Uint8Array(lengths[0] ?? 0);
  return (chunk) => {
    const complete: Uint8Array[] = [];
    for (let used = 0; used < chunk.length && part < lengths.length;) {
      const taken = chunk.subarray(used, used + bytes.length - filled);
      bytes.set(taken, filled);
      used += taken.length;
      filled += taken.length;
      if (filled < bytes.length) continue;
      complete.push(bytes);
      bytes = new Uint8Array(lengths[++part] ?? 0);
      filled = 0;
    }
    return complete;
  };
}
