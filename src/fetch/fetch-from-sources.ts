// Who is asked for an artifact's bytes, in which order, and who is to blame when they are wrong.
// Design: "Data flow" of docs/architecture.md: a wrong answer is dropped and its source blamed, never an honest one.
// Must not: know any channel, touch the disk but through the partial file.

import type { Artifact, Digests, LocalFile, Opts, Source, Verified } from "../api.ts";
import { AllSourcesFailedError, asUpdateError, type FailedAttempt, isIntegrityError, UpdateError } from "../errors.ts";
import type { DownloadEvent } from "./download-event.ts";
import { EARLIER_RUN, type PartialFile } from "./partial-file.ts";

export interface FetchOptions extends Opts {
  readonly artifact: Verified<Artifact>;
  readonly sources: readonly Source[];
  /** The proof of measured bytes; throws E_SIZE_MISMATCH or E_HASH_MISMATCH. */
  readonly prove: (measured: Digests) => Verified<LocalFile>;
  readonly onEvent: (e: DownloadEvent) => void;
}

export interface Fetched {
  readonly proof: Verified<LocalFile>;
  /** Who supplied the last byte. */
  readonly source: string;
  /** Bytes all sources sent, those that were thrown away included. */
  readonly bytesFetched: number;
  readonly refused: readonly FailedAttempt[];
}

// A connection that was cut is taken up again at the same source as long as that brings something, but not for ever.
const MAX_RESUMES = 3;
// Less than a piece before a time-out is a drip, and drips are not worth waiting for again.
const PROGRESS_BEFORE_TIMEOUT_BYTES = 1 << 20;
const REPORT_EVERY_MS = 100;

/**
 * Completes a partial file and proves it.
 *
 * First every source continues where the last one stopped. If that gives wrong bytes and one source alone supplied
 * them, it is the liar. If several did, nobody can tell which: all is thrown away, and each is asked for all of it
 * alone. So one liar can delay the others once, and can never make them look wrong.
 * @throws AllSourcesFailedError with the reason of each; UpdateError E_NO_SOURCE; disk errors; E_INTERRUPTED
 */
export async function fetchFromSources(partial: PartialFile, o: FetchOptions): Promise<Fetched> {
  const { artifact, signal, onEvent } = o;
  const sources = [...o.sources].sort((a, b) => a.priority - b.priority);
  const reasons = new Map<string, UpdateError>();
  const refused = new Map<string, UpdateError>();
  const useful = new Set(sources.map((s) => s.id)); // worth asking alone: they gave bytes, or were not asked yet
  let bytesFetched = 0;
  let reportedMs = 0;

  function report(): void {
    const nowMs = performance.now();
    if (nowMs - reportedMs < REPORT_EVERY_MS && partial.length < artifact.length) return;
    reportedMs = nowMs;
    onEvent({ type: "progress", bytes: partial.length, total: artifact.length });
  }

  /** Reads from where the partial file ends. Resolves to the reason why it is not complete afterwards, if it is not. */
  async function readOnce(source: Source): Promise<UpdateError | undefined> {
    let diskFailed = false;
    try {
      for await (const chunk of source.read(artifact, partial.length, { signal })) {
        bytesFetched += chunk.length;
        if (partial.length + chunk.length > artifact.length) {
          return sizeError(`sends more than the signed ${artifact.length} bytes`, source);
        }
        await partial.append(chunk, source.id).catch((e) => {
          diskFailed = true;
          throw e;
        });
        report();
      }
    } catch (e) {
      if (signal.aborted) throw asUpdateError(signal.reason, "E_INTERRUPTED");
      if (diskFailed) throw e;
      const error = asUpdateError(e);
      // Whoever sent everything and then did not hang up properly has still sent everything.
      return partial.length === artifact.length && !isIntegrityError(error) ? undefined : error;
    }
    if (partial.length === artifact.length) return undefined;
    return sizeError(`ended after ${partial.length} of ${artifact.length} bytes`, source);
  }

  async function readFrom(source: Source): Promise<UpdateError | undefined> {
    onEvent({ type: "source", id: source.id });
    const startedAt = bytesFetched;
    for (let resumes = 0;; resumes++) {
      const before = partial.length;
      const error = await readOnce(source);
      if (error === undefined) return undefined;
      if (bytesFetched === startedAt) useful.delete(source.id);
      if (resumes === MAX_RESUMES || !isWorthResuming(error, partial.length - before)) return error;
    }
  }

  function note(source: string, error: UpdateError): void {
    const isLiar = isIntegrityError(error);
    (isLiar ? refused : reasons).set(source, error);
    onEvent({ type: isLiar ? "refused" : "failed", source, error });
  }

  /** The proof of a complete file; undefined, and an empty file, when its bytes are wrong. */
  async function prove(): Promise<Verified<LocalFile> | undefined> {
    try {
      return o.prove(await partial.finish());
    } catch (e) {
      if (!isIntegrityError(e)) throw e;
      const { contributors } = partial;
      await partial.clear();
      const [only, ...others] = contributors;
      if (only !== undefined && only !== EARLIER_RUN && others.length === 0) {
        note(only, e);
      } else {
        const together = contributors.join(" + ");
        reasons.set(together, e);
        onEvent({ type: "failed", source: together, error: e });
      }
      return undefined;
    }
  }

  const fetched = (proof: Verified<LocalFile>, source: string): Fetched => ({
    proof,
    source,
    bytesFetched,
    refused: attempts(refused),
  });

  if (partial.length === artifact.length) {
    const [source = ""] = partial.contributors;
    const proof = await prove();
    if (proof !== undefined) return fetched(proof, source);
  }
  if (sources.length === 0) {
    throw new UpdateError("E_NO_SOURCE", `nobody is configured who could have ${artifact.name}`, {
      hint: "add a mirror: dchat-update add-mirror --url URL --mirror-type https",
    });
  }
  for (const alone of [false, true]) {
    let mixed = false;
    for (const source of sources) {
      if (mixed || refused.has(source.id) || !useful.has(source.id)) continue;
      if (alone && partial.contributors.some((c) => c !== source.id)) await partial.clear();
      const error = await readFrom(source);
      if (error !== undefined) {
        if (isIntegrityError(error)) await partial.dropFrom(source.id);
        note(source.id, error);
        continue;
      }
      mixed = partial.contributors.length > 1;
      const proof = await prove();
      if (proof !== undefined) return fetched(proof, source.id);
    }
    if (!mixed) break;
  }
  throw new AllSourcesFailedError(`${artifact.name} could not be fetched`, attempts(new Map([...reasons, ...refused])));
}

const attempts = (errors: ReadonlyMap<string, UpdateError>): FailedAttempt[] =>
  [...errors].map(([source, error]) => ({ source, error }));

function sizeError(what: string, source: Source): UpdateError {
  return new UpdateError("E_SIZE_MISMATCH", `${source.id} ${what}`, { source: source.id });
}

function isWorthResuming(error: UpdateError, gainedBytes: number): boolean {
  if (error.code === "E_UNREACHABLE") return gainedBytes > 0;
  return error.code === "E_TIMEOUT" && gainedBytes >= PROGRESS_BEFORE_TIMEOUT_BYTES;
}
