// Completes an artifact from untrusted sources and proves it, with a piece list or without.
// Design: "Data flow" of docs/architecture.md: a wrong answer is dropped and its source blamed, never an honest one.
// Must not: know any channel, touch the disk but through the store.

import type { Artifact, Digests, LocalFile, Opts, Verified } from "../api.ts";
import { AllSourcesFailedError, type FailedAttempt, isIntegrityError, listed, UpdateError } from "../errors.ts";
import { PIECE_BYTES } from "../hash/blake3-core.ts";
import type { DownloadEvent } from "./download-event.ts";
import { type EngineOptions, fetchPieces } from "./piece-engine.ts";
import { findPieceList } from "./piece-list.ts";
import type { PieceStore } from "./piece-store.ts";
import type { RateLimit } from "./rate-limit.ts";
import { SLOW_BYTES_PER_SECOND, type Strategy } from "./source-classes.ts";
import type { Supplier } from "./supplier.ts";

export interface FetchArtifactOptions extends Opts {
  readonly artifact: Verified<Artifact>;
  readonly store: PieceStore;
  readonly suppliers: readonly Supplier[];
  /** Those that appear meanwhile. Not asked where there is no piece list: who gave what is then told at the end. */
  readonly newcomers?: AsyncIterable<Supplier> | undefined;
  readonly strategy: Strategy;
  readonly limit: RateLimit;
  /** The proof of measured bytes; throws E_SIZE_MISMATCH or E_HASH_MISMATCH. */
  readonly prove: (measured: Digests) => Verified<LocalFile>;
  readonly onEvent: (e: DownloadEvent) => void;
}

export interface FetchedArtifact {
  readonly file: Verified<LocalFile>;
  /** From the last byte that came to the proof, in milliseconds. */
  readonly proofMs: number;
}

/**
 * @throws AllSourcesFailedError with the reason of each; UpdateError E_NO_SOURCE; what the store throws; E_INTERRUPTED
 */
export async function fetchArtifact(o: FetchArtifactOptions): Promise<FetchedArtifact> {
  const { artifact, store, suppliers } = o;
  if (store.heldCount < store.pieceCount && suppliers.length === 0) {
    throw new UpdateError("E_NO_SOURCE", `nobody is configured who could have ${artifact.name}`, {
      hint: "add a mirror: dchat-update add-mirror --url URL --mirror-type https",
    });
  }
  await findPieceList(o); // also when all is held: what an earlier run left without a list may be wrong
  if (!store.isListed) return await new UnlistedFetch(o).run();
  const lastByteMs = await fetchPieces(o);
  const measured = await store.seal(o);
  try {
    return { file: o.prove(measured), proofMs: performance.now() - lastByteMs };
  } catch (e) {
    // Every piece was right by BLAKE3: then no source is to blame, and none can help.
    if (isIntegrityError(e)) await store.clear();
    throw e;
  }
}

type Pace = Pick<EngineOptions, "leastBytesPerSecond" | "hopelessMs">;

// What a source that is read alone has to bring while others are left, and by how much time it may be behind that.
const HURRY = { leastBytesPerSecond: SLOW_BYTES_PER_SECOND, hopelessMs: 5_000 };

/**
 * Without a piece list nothing is proven before the end. One source after another, in order. When the whole is wrong
 * and one source gave all of it, that one lied. When several did, nobody can tell which, and each is asked for the
 * whole alone, slow ones once more when nobody else was right; the first that is right shows which of the others were
 * not. So a liar can delay the others once, and can never make them look wrong.
 */
class UnlistedFetch {
  readonly #o: FetchArtifactOptions;
  /** Who gave which piece; nothing for what an earlier run left. */
  #givers = new Map<number, Supplier>();
  /** What was given when the whole was wrong: the chaining values of pieces, by giver. */
  readonly #claims: { supplier: Supplier; index: number; value: Uint8Array }[] = [];
  readonly #together: FailedAttempt[] = [];
  #lastByteMs = 0;

  constructor(o: FetchArtifactOptions) {
    this.#o = o;
  }

  async run(): Promise<FetchedArtifact> {
    const { suppliers } = this.#o;
    for (let isMixed = false; !isMixed;) {
      await this.#fetch(suppliers).catch((e) => this.#failWith(e));
      const file = await this.#prove();
      if (file !== undefined) return this.#fetched(file);
      isMixed = this.#blameOnlyGiver() === undefined;
    }
    const inOrder = suppliers.filter(({ state }) => state !== "out").toSorted((a, b) => brokeOf(a) - brokeOf(b));
    const later: Supplier[] = [];
    for (const supplier of inOrder) {
      const isLast = supplier === inOrder.at(-1) && later.length === 0;
      const file = await this.#fetchAlone(supplier, isLast ? {} : HURRY);
      if (file !== undefined) return this.#fetched(file);
      if (!isLast && supplier.state !== "out") later.push(supplier);
    }
    for (const supplier of later.toSorted((a, b) => b.rate - a.rate)) {
      const file = await this.#fetchAlone(supplier, {});
      if (file !== undefined) return this.#fetched(file);
    }
    return this.#failWith(undefined);
  }

  /** @returns undefined when it did not give all of it, or another file */
  async #fetchAlone(supplier: Supplier, pace: Pace): Promise<Verified<LocalFile> | undefined> {
    supplier.revive();
    try {
      await this.#fetch([supplier], pace);
    } catch (e) {
      if (!(e instanceof AllSourcesFailedError)) throw e;
      await this.#o.store.clear();
      return undefined;
    }
    const file = await this.#prove();
    if (file === undefined) this.#blameOnlyGiver();
    return file;
  }

  #fetched(file: Verified<LocalFile>): FetchedArtifact {
    return { file, proofMs: performance.now() - this.#lastByteMs };
  }

  async #fetch(suppliers: readonly Supplier[], pace: Pace = {}): Promise<void> {
    this.#lastByteMs = await fetchPieces({
      ...this.#o,
      ...pace,
      suppliers,
      newcomers: undefined,
      strategy: "failover",
      onPiece: (index, supplier) => this.#givers.set(index, supplier),
    });
  }

  /** The proof of a complete file; undefined, and an empty store, when its bytes are wrong. */
  async #prove(): Promise<Verified<LocalFile> | undefined> {
    const { artifact, store, onEvent } = this.#o;
    try {
      const proof = this.#o.prove(await store.seal(this.#o));
      this.#compareClaims();
      return proof;
    } catch (e) {
      if (!isIntegrityError(e)) throw e;
      for (const [index, supplier] of this.#givers) {
        const value = store.valueOf(index);
        supplier.withdrew(1);
        if (value !== undefined) this.#claims.push({ supplier, index, value });
      }
      const ids = new Set([...this.#givers.values()].map((s) => s.source.id));
      if (this.#givers.size < store.pieceCount) ids.add("an earlier run");
      if (ids.size > 1) {
        const error = new UpdateError(e.code, `${artifact.name} is not the signed one: ${e.message}`, { cause: e });
        const source = listed([...ids], " + ");
        this.#together.push({ source, error });
        onEvent({ type: "failed", source, error });
      }
      await store.clear();
      return undefined;
    }
  }

  /** Refuses the one who gave everything; undefined when there was not one. Then forgets who gave what. */
  #blameOnlyGiver(): Supplier | undefined {
    const { artifact, store } = this.#o;
    const [giver, ...others] = new Set(this.#givers.values());
    const gaveAll = this.#givers.size === store.pieceCount && others.length === 0;
    this.#givers = new Map();
    if (giver === undefined || !gaveAll) return undefined;
    this.#refuse(giver, `${giver.source.id} gave another file than the signed ${artifact.name}`);
    return giver;
  }

  /** With the right file at hand, everybody who gave something else before is known. */
  #compareClaims(): void {
    const { store } = this.#o;
    for (const { supplier, index, value } of this.#claims) {
      const right = store.valueOf(index);
      if (supplier.report.lies > 0 || right === undefined || Buffer.compare(right, value) === 0) continue;
      const at = `bytes from ${index * PIECE_BYTES} on`;
      this.#refuse(supplier, `${supplier.source.id} gave other ${at} than the signed ones`);
    }
  }

  #refuse(supplier: Supplier, message: string): void {
    const source = supplier.source.id;
    const error = new UpdateError("E_HASH_MISMATCH", message, { source });
    supplier.lied(error);
    this.#o.onEvent({ type: "refused", source, error });
  }

  /** Adds to a failure what was found out before. */
  #failWith(e: unknown): never {
    if (e !== undefined && !(e instanceof AllSourcesFailedError)) throw e;
    const known = this.#o.suppliers.flatMap(({ source, error }) =>
      error === undefined ? [] : [{ source: source.id, error }]
    );
    throw new AllSourcesFailedError(`${this.#o.artifact.name} could not be fetched`, [...this.#together, ...known]);
  }
}

/** 1 when it broke and is to be asked again. */
function brokeOf({ state }: Supplier): number {
  return Number(state === "resting" || state === "down");
}
