// One source at work for one download: opened, read, rested after a failure, dropped after a lie; and what it did.
// Design: "The download" of docs/architecture.md.
// Must not: choose pieces (the plan does), judge bytes (the store does).

import type { Artifact, Opts, PieceReader, Source, Verified } from "../api.ts";
import { asUpdateError, isIntegrityError, UpdateError } from "../errors.ts";
import { createReadCount } from "./read-count.ts";
import { createRateLimit, type RateLimit } from "./rate-limit.ts";
import type { SourceOutcome, SourceReport } from "./source-report.ts";

/**
 * - `new`: nobody has asked it. `opening`, `ready`: as they say.
 * - `resting`: it broke after it gave something, or for the first time; asked again soon, and waited for.
 * - `down`: it broke again and gave nothing; asked again later if the download still goes on, and not waited for.
 * - `out`: it does not have the artifact, or it lied; not asked again.
 */
export type SupplierState = "new" | "opening" | "ready" | "resting" | "down" | "out";

export interface SupplierLimits {
  /** Reads of one supplier side by side. */
  readonly maxReads: number;
  readonly bytesPerSecond: number | undefined;
}

export interface Supplier {
  readonly source: Source;
  readonly state: SupplierState;
  /** There when `ready`, and afterwards. */
  readonly reader: PieceReader | undefined;
  /** Since it is in its state. */
  readonly sinceMs: number;
  readonly limit: RateLimit;
  /** Reads that may ever run side by side, and by now. */
  readonly maxReads: number;
  readonly readTarget: number;
  /** Bytes per second of one read by now; undefined before the first bytes. */
  readonly readRate: number | undefined;
  /** Bytes per second of the last moments, all reads together. */
  readonly rate: number;
  /** What it lacks to be asked by now, if that was said by an error. */
  readonly error: UpdateError | undefined;
  readonly report: SourceReport;
  /** Opens it. @returns what went wrong, if anything did */
  open(o: Opts): Promise<UpdateError | undefined>;
  readBegins(): void;
  /** A read of it ended that brought `bytes` in `ms`, waiting for us left out. */
  readEnds(bytes: number, ms: number): void;
  gotBytes(bytes: number): void;
  /** A read of it had to wait for us so long: for memory, or for a limit of ours. */
  heldUp(ms: number): void;
  /** Bytes that came over the network for these: others where pieces are made here. Each is told once. */
  sentFor(received: number): number;
  firstByteAfter(ms: number): void;
  /** A piece of it was right. */
  proved(): void;
  /** So many of its pieces were thrown away: nothing is known of them. */
  withdrew(pieces: number): void;
  /** A read broke. The state is another one afterwards, unless only the piece that came next turned out to be absent. */
  broke(e: unknown, next?: number): UpdateError;
  /** A read of it brings nothing any more, without saying why. */
  stalled(): void;
  /** It gave something wrong. */
  lied(e: UpdateError): void;
  /** Asks again one that broke, once, without waiting. */
  revive(): void;
  /** Once a tick: rates, and whether it may be asked again. */
  tick(nowMs: number): void;
  close(): Promise<void>;
}

// After so many failures without a piece between them it is as good as down.
const MAX_FAILURES_IN_A_ROW = 4;
// Pieces that it turns out not to have, such as damaged ones of an older version: one that lacks more is another file.
const MAX_LACKING = 8;
// Doubled with each failure in a row: a dropped connection is back at once, a server that restarts within a few tries.
const FIRST_REST_MS = 250;
const FIRST_DOWN_MS = 5_000;
const MAX_DOWN_MS = 60_000;
// Reads are counted and compared over so long.
const JUDGE_EVERY_MS = 1_000;
// Held up for longer in such a period, a source is not what limits the rate: more reads would only take more memory.
const MAX_HELD_UP_MS = 100;
// A read that brings so much fills a link of a gigabit: another one would take more memory and bring little.
const ENOUGH_BYTES_PER_SECOND = 100 * 2 ** 20;
// The shown rate follows the real one within about two seconds.
const RATE_WINDOW_MS = 2_000;
// A failure of these kinds may pass; any other is an answer.
const PASSING = new Set(["E_UNREACHABLE", "E_TIMEOUT", "E_HTTP_STATUS"]);

export function createSupplier(
  source: Source,
  artifact: Verified<Artifact>,
  limits: SupplierLimits,
  now = () => performance.now(),
): Supplier {
  const count = createReadCount(limits.maxReads);
  const limit = createRateLimit(limits.bytesPerSecond, now);
  let state: SupplierState = "new";
  let sinceMs = now();
  let reader: PieceReader | undefined;
  let error: UpdateError | undefined;
  let retryAtMs = 0;
  let failuresInARow = 0, lacking = 0;
  let pieces = 0, bytes = 0, lies = 0, failures = 0, paidBytes = 0;
  let latencyMs: number | null = null;
  let readRate: number | undefined;
  let rate = 0, tickedMs = now(), tickedBytes = 0;
  let reads = 0, busySinceMs = 0, busyMs = 0;
  let judgedMs = now(), judgedBytes = 0, wasBusy = true, heldUpMs = 0;

  function enter(next: SupplierState): void {
    state = next;
    sinceMs = now();
  }
  function keepGravest(e: UpdateError): void {
    if (error === undefined || isIntegrityError(e) || !isIntegrityError(error)) error = e;
  }
  function outcome(): SourceOutcome {
    if (lies > 0) return "refused";
    if (pieces > 0) return "used";
    if (error !== undefined) return error.code === "E_ABSENT" ? "absent" : "failed";
    return bytes > 0 ? "used" : "unused"; // what it sent may have come later than others'
  }

  const broke = (thrown: unknown, next?: number): UpdateError => {
    const e = asUpdateError(thrown);
    keepGravest(e);
    // It says so itself, and of that piece alone.
    const isLacking = e.code === "E_ABSENT" && next !== undefined && reader?.have().has(next) === false;
    if (isLacking && ++lacking <= MAX_LACKING) return e;
    if (state !== "opening" && state !== "ready") return e; // several reads of one that broke are one failure
    if (e.code === "E_ABSENT" && pieces === 0) {
      enter("out");
      return e;
    }
    failures++;
    failuresInARow++;
    if (!PASSING.has(e.code)) {
      enter("out");
    } else if (failuresInARow <= (pieces > 0 ? MAX_FAILURES_IN_A_ROW : e.code === "E_TIMEOUT" ? 0 : 1)) {
      retryAtMs = now() + FIRST_REST_MS * 2 ** (failuresInARow - 1);
      enter("resting");
    } else {
      retryAtMs = now() + Math.min(FIRST_DOWN_MS * 2 ** (failuresInARow - 1), MAX_DOWN_MS);
      enter("down");
    }
    return e;
  };

  return {
    source,
    limit,
    maxReads: limits.maxReads,
    get state() {
      return state;
    },
    get reader() {
      return reader;
    },
    get sinceMs() {
      return sinceMs;
    },
    get readTarget() {
      return count.target;
    },
    get readRate() {
      return readRate;
    },
    get rate() {
      return rate;
    },
    get error() {
      return error;
    },
    get report() {
      const ms = busyMs + (reads > 0 ? now() - busySinceMs : 0);
      const made = reader?.made;
      const sent = made?.fetchedBytes() ?? bytes;
      return {
        id: source.id,
        kind: source.kind,
        outcome: outcome(),
        pieces,
        bytes: sent,
        reusedBytes: Math.max(0, bytes - sent),
        madeFrom: made?.from ?? null,
        bytesPerSecond: bytes > 0 && made === undefined ? Math.round(bytes * 1000 / Math.max(ms, 1)) : null,
        latencyMs,
        lies,
        failures,
        brokeOff: pieces > 0 && failuresInARow > 1,
        error,
      };
    },
    async open(o) {
      enter("opening");
      try {
        reader ??= await source.open(artifact, o);
        if (state === "opening") enter("ready");
        return undefined;
      } catch (e) {
        if (!o.signal.aborted) return broke(e);
        enter("new");
        return asUpdateError(o.signal.reason, "E_INTERRUPTED");
      }
    },
    gotBytes(n) {
      bytes += n;
    },
    heldUp(ms) {
      heldUpMs += ms;
    },
    sentFor(received) {
      if (source.kind === "cache") return 0; // limits are for the network
      const sent = reader?.made?.fetchedBytes();
      if (sent === undefined) return received;
      const unpaid = sent - paidBytes;
      paidBytes = sent;
      return unpaid;
    },
    firstByteAfter(ms) {
      latencyMs ??= Math.round(ms);
    },
    readBegins() {
      if (reads++ === 0) busySinceMs = now();
    },
    readEnds(n, ms) {
      if (--reads === 0) busyMs += now() - busySinceMs;
      if (n === 0) return;
      const measured = n * 1000 / Math.max(ms, 1);
      readRate = readRate === undefined ? measured : (readRate + measured) / 2;
    },
    proved() {
      pieces++;
      failuresInARow = 0;
    },
    withdrew(n) {
      pieces -= n;
    },
    broke,
    stalled() {
      if (pieces === 0) keepGravest(new UpdateError("E_TIMEOUT", `${source.id}: fell silent`, { source: source.id }));
    },
    lied(e) {
      lies++;
      keepGravest(e);
      enter("out");
    },
    revive() {
      if (state !== "resting" && state !== "down") return;
      failuresInARow = MAX_FAILURES_IN_A_ROW;
      enter(reader === undefined ? "new" : "ready");
    },
    tick(nowMs) {
      const ms = nowMs - tickedMs;
      if (ms <= 0) return;
      const weight = Math.min(1, ms / RATE_WINDOW_MS);
      rate += ((bytes - tickedBytes) * 1000 / ms - rate) * weight;
      tickedMs = nowMs;
      tickedBytes = bytes;
      wasBusy &&= reads >= count.target;
      if (nowMs - judgedMs >= JUDGE_EVERY_MS) {
        const came = bytes - judgedBytes;
        const isEnough = came * 1000 > ENOUGH_BYTES_PER_SECOND * (nowMs - judgedMs) * count.target;
        count.judge(came, wasBusy && heldUpMs <= MAX_HELD_UP_MS && !isEnough, nowMs);
        judgedMs = nowMs;
        judgedBytes = bytes;
        heldUpMs = 0;
        wasBusy = true;
      }
      if ((state === "resting" || state === "down") && nowMs >= retryAtMs) {
        enter(reader === undefined ? "new" : "ready");
      }
    },
    close: async () => await reader?.close(),
  };
}
