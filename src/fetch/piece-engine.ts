// Brings the missing pieces of one artifact from many untrusted sources at once.
// Design: "The download" of docs/architecture.md: classes by priority, runs of pieces, stalls seen within two seconds, the
// last pieces asked for twice, liars dropped.
// Must not: know any channel, touch the disk but through the store, decide what a right piece is.

import type { Artifact, Opts, Verified } from "../api.ts";
import { AllSourcesFailedError, asUpdateError, isIntegrityError, UpdateError } from "../errors.ts";
import { SmallSet } from "../small-set.ts";
import { type ChooseRun, createRunChooser } from "./choose-run.ts";
import type { DownloadEvent } from "./download-event.ts";
import { createPiecePlan, type PiecePlan, type Run } from "./piece-plan.ts";
import { PieceReading, StoreFailure } from "./piece-reading.ts";
import type { PieceStore } from "./piece-store.ts";
import type { RateLimit } from "./rate-limit.ts";
import { isAlive, SourceClasses, type Strategy } from "./source-classes.ts";
import type { Supplier } from "./supplier.ts";

export interface EngineOptions extends Opts {
  readonly artifact: Verified<Artifact>;
  readonly store: PieceStore;
  /** Whom to ask; those of equal priority side by side, earlier ones first. */
  readonly suppliers: readonly Supplier[];
  /** Those that appear meanwhile. Ends with the signal at the latest, and never throws. */
  readonly newcomers?: AsyncIterable<Supplier> | undefined;
  readonly strategy: Strategy;
  /** For all of them together. */
  readonly limit: RateLimit;
  readonly onEvent: (e: DownloadEvent) => void;
  /** A piece that was missing is on disk. */
  readonly onPiece?: (index: number, supplier: Supplier) => void;
  /** After so long without a byte it ends: `HOPELESS_MS` when left out. */
  readonly hopelessMs?: number;
  /** Bytes count as no more time than they take at this pace, so that less for long enough is as good as none. */
  readonly leastBytesPerSecond?: number;
}

const TICK_MS = 100;
// The design's bound: "stall detection within 2 s", and a tick to notice.
const STALLED_MS = 2_000 - TICK_MS;
// Each holds a buffer of a piece; the store has a few more.
const MAX_READINGS = 24;
// Suppliers are there, and none of them brings anything.
const HOPELESS_MS = 60_000;

/**
 * Resolves when every piece is held by the store, to the time at which the last byte came, by `performance.now()`.
 * @throws AllSourcesFailedError with the reason of each; what the store throws; E_INTERRUPTED
 */
export async function fetchPieces(o: EngineOptions): Promise<number> {
  if (o.store.heldCount === o.store.pieceCount) return performance.now();
  return await new PieceEngine(o).run();
}

class PieceEngine {
  readonly #o: EngineOptions;
  readonly #plan: PiecePlan;
  readonly #choose: ChooseRun;
  readonly #classes: SourceClasses;
  readonly #watched = new Set<Supplier>();
  /** Those that may have more pieces later. */
  readonly #canGrow = new Set<Supplier>();
  readonly #readings = new SmallSet<PieceReading>();
  #proving = 0;
  #lastByteMs = performance.now();
  /** Since when nothing has come that could have, or too little. */
  #fruitlessMs = performance.now();
  #tickedMs = performance.now();
  /** Ends the opening of sources and the watching of what they have. */
  readonly #stop = new AbortController();
  #settle: { resolve: () => void; reject: (e: unknown) => void } | undefined;

  constructor(o: EngineOptions) {
    this.#o = o;
    this.#plan = createPiecePlan(o.store.pieceCount, (i) => o.store.has(i));
    this.#choose = createRunChooser(this.#plan, o.store.pieceCount);
    this.#classes = new SourceClasses(o.suppliers, {
      strategy: o.strategy,
      limitBytesPerSecond: o.limit.bytesPerSecond,
      patienceMs: STALLED_MS,
    });
  }

  async run(): Promise<number> {
    const { signal } = this.#o;
    signal.throwIfAborted();
    const onAbort = () => this.#end(asUpdateError(signal.reason, "E_INTERRUPTED"));
    signal.addEventListener("abort", onAbort);
    const timer = setInterval(() => this.#tick(), TICK_MS);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#settle = { resolve, reject };
        void this.#welcome();
        this.#pump();
      });
      this.#report();
      return this.#lastByteMs;
    } finally {
      clearInterval(timer);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Everything stops; late answers of sources and of the store change nothing any more. */
  #end(error?: unknown): void {
    const settle = this.#settle;
    if (settle === undefined) return;
    this.#settle = undefined;
    this.#stop.abort();
    for (const reading of this.#readings) reading.abort.abort();
    if (error === undefined) settle.resolve();
    else settle.reject(error);
  }

  #tick(): void {
    const nowMs = performance.now();
    if (nowMs - this.#tickedMs > STALLED_MS) this.#wake(nowMs);
    this.#tickedMs = nowMs;
    for (const reading of this.#readings) {
      const silentMs = reading.silentMs(nowMs), isSilent = silentMs >= STALLED_MS;
      // One that waits for us, for a limit that the operator has set, would bring more.
      if (silentMs === 0) this.#fruitlessMs = nowMs;
      if (isSilent && reading.run.next >= reading.run.end) reading.abort.abort(); // it does not hang up
      else if (isSilent && !reading.isStalled) this.#stall(reading);
    }
    for (const supplier of this.#asked) supplier.tick(nowMs);
    this.#report();
    if (nowMs - this.#fruitlessMs > (this.#o.hopelessMs ?? HOPELESS_MS) && this.#proving === 0) this.#fail();
    else this.#pump();
  }

  /** This process was stopped, as by Ctrl+Z or a frozen container: what came meanwhile has not been read yet. */
  #wake(nowMs: number): void {
    this.#fruitlessMs = nowMs;
    for (const reading of this.#readings) reading.lastByteMs = nowMs;
  }

  #report(): void {
    const { artifact, store, onEvent } = this.#o;
    let bytes = store.heldBytes;
    for (const reading of this.#readings) if (!this.#plan.isDone(reading.run.next)) bytes += reading.filled;
    const rates = this.#asked.filter((s) => s.report.bytes > 0)
      .map((s) => ({ id: s.source.id, bytesPerSecond: Math.round(s.rate) }));
    onEvent({ type: "progress", bytes: Math.min(bytes, artifact.length), total: artifact.length, sources: rates });
  }

  /** Gives everybody something to do. Called whenever something changed. */
  #pump(): void {
    if (this.#settle === undefined) return;
    if (this.#plan.missingCount === 0 && this.#proving === 0) return this.#end();
    this.#classes.openWhatIsNeeded(this.#isOfUse);
    const workers = this.#classes.workers(this.#isOfUse);
    for (const supplier of workers) {
      if (supplier.state === "new") void this.#open(supplier);
      if (supplier.state === "ready" && !this.#watched.has(supplier)) void this.#watch(supplier);
    }
    // A read for everybody before anybody has another: places are few, and slow sources hold theirs for long.
    for (const maxReads of [1, MAX_READINGS]) for (const supplier of workers) this.#occupy(supplier, maxReads);
    if (!this.#asked.some((s) => s.state === "ready" && this.#isOfUse(s))) this.#knock();
    if (this.#plan.missingCount > 0 && this.#isHopeless()) this.#fail();
  }

  #occupy(supplier: Supplier, maxReads: number): void {
    while (supplier.state === "ready" && this.#readingsOf(supplier).length < maxReads && this.#mayRead(supplier)) {
      if (!this.#begin(supplier)) return;
    }
  }

  /**
   * Begins a read. Where all places are taken a stalled one gives up its own for a supplier that has none.
   * @returns false when there is no place, or nothing that the supplier could bring
   */
  #begin(supplier: Supplier): boolean {
    const isFull = this.#readings.size >= MAX_READINGS;
    const mayCut = isFull && this.#readingsOf(supplier).length === 0;
    const stalled = mayCut ? [...this.#readings].find((r) => r.isStalled) : undefined;
    if (isFull && stalled === undefined) return false;
    const run = this.#choose(supplier, this.#asked, this.#readings);
    if (run === undefined) return false; // nobody is cut off for one that has nothing to bring
    if (stalled === undefined) {
      void this.#read(supplier, run);
      return true;
    }
    this.#plan.finish(run);
    stalled.abort.abort();
    return false;
  }

  /** Nobody brings anything: what fell silent may be a line and not the source behind it, so it is asked on another. */
  #knock(): void {
    if (!this.#classes.areAllOpen) return;
    for (const supplier of this.#asked) {
      const own = this.#readingsOf(supplier);
      const isSilent = supplier.state === "ready" && own.length > 0 && own.every((r) => r.isStalled);
      if (!isSilent || supplier.reader?.isSequential === true || supplier.reader?.sharesLine === true) continue;
      if (own.length < supplier.maxReads) this.#begin(supplier);
    }
  }

  #fail(): void {
    const attempts = this.#asked.flatMap(({ source, error, state }) =>
      error === undefined && state === "out"
        ? []
        : [{ source: source.id, error: error ?? new UpdateError("E_ABSENT", `${source.id} does not have all of it`) }]
    );
    this.#end(new AllSourcesFailedError(`${this.#o.artifact.name} could not be fetched`, attempts));
  }

  get #asked(): readonly Supplier[] {
    return this.#classes.asked;
  }

  /** It brings something, or could. */
  readonly #isOfUse = (s: Supplier): boolean => !this.#isStalled(s) && !this.#isIdle(s);

  /** It is ready and there is nothing it could bring. */
  #isIdle(supplier: Supplier): boolean {
    if (this.#readingsOf(supplier).length > 0) return false;
    const have = supplier.reader?.have();
    return have !== undefined && !this.#plan.wants(have);
  }

  #isHopeless(): boolean {
    if (this.#readings.size > 0 || this.#proving > 0 || !this.#classes.areAllOpen) return false;
    return !this.#asked.some((s) => isAlive(s) && (s.state !== "ready" || this.#canGrow.has(s)));
  }

  async #welcome(): Promise<void> {
    for await (const supplier of this.#o.newcomers ?? []) {
      if (this.#settle === undefined) return;
      this.#classes.join(supplier);
      this.#pump();
    }
  }

  // One supplier

  #readingsOf(supplier: Supplier): PieceReading[] {
    return [...this.#readings].filter((r) => r.supplier === supplier);
  }

  #isStalled(supplier: Supplier): boolean {
    return this.#readingsOf(supplier).some((r) => r.isStalled);
  }

  async #open(supplier: Supplier): Promise<void> {
    this.#o.onEvent({ type: "source", id: supplier.source.id });
    const problem = await supplier.open({ signal: this.#stop.signal });
    if (problem !== undefined) this.#tellFailure(supplier, problem);
    this.#pump();
  }

  async #watch(supplier: Supplier): Promise<void> {
    this.#watched.add(supplier);
    this.#canGrow.add(supplier);
    try {
      for await (const _ of supplier.reader?.changed({ signal: this.#stop.signal }) ?? []) this.#pump();
    } catch (e) {
      if (this.#settle !== undefined) this.#tellFailure(supplier, supplier.broke(e));
      this.#watched.delete(supplier); // listened to again when it is back
    }
    this.#canGrow.delete(supplier);
    this.#pump();
  }

  #mayRead(supplier: Supplier): boolean {
    const own = this.#readingsOf(supplier);
    if (own.some((r) => r.isStalled)) return false;
    const overlap = own.length < supplier.maxReads && own.some((r) => r.isEnding) ? 1 : 0;
    const most = supplier.reader?.isSequential === true ? 1 : supplier.readTarget + overlap;
    return own.length < most;
  }

  // One read

  async #read(supplier: Supplier, run: Run): Promise<void> {
    const reading = new PieceReading(supplier, run);
    this.#readings.add(reading);
    supplier.readBegins();
    const wasSequential = supplier.reader?.isSequential === true;
    try {
      await reading.receive({
        ...this.#o,
        plan: this.#plan,
        onBytes: (received) => this.#gotBytes(reading, received),
        onEnding: () => this.#pump(),
        onPiece: (index, buffer) => this.#arrived(reading, index, buffer),
      });
    } catch (e) {
      if (this.#settle === undefined || reading.abort.signal.aborted) {
        // Nobody waits for it any more.
      } else if (e instanceof StoreFailure) {
        this.#end(e.cause);
      } else if (supplier.reader?.isSequential === true && !wasSequential) {
        // It was asked for a part and can only give the whole: no fault of it.
      } else {
        this.#broke(supplier, e, run.next);
      }
    } finally {
      if (reading.isStalled && supplier.state === "ready" && this.#settle !== undefined) {
        this.#tellFailure(supplier, supplier.broke(silent(supplier))); // it was cut off for that
      }
      supplier.readEnds(reading.bytes, reading.elapsedMs);
      this.#readings.delete(reading);
      this.#plan.finish(run);
    }
    this.#pump();
  }

  #gotBytes(reading: PieceReading, received: number): void {
    const nowMs = this.#lastByteMs = reading.lastByteMs, { leastBytesPerSecond: least } = this.#o;
    this.#fruitlessMs = least === undefined ? nowMs : Math.min(nowMs, this.#fruitlessMs + received * 1000 / least);
    // On a line that reads share one may wait behind another: what comes is a sign of life of all.
    const isShared = reading.supplier.reader?.sharesLine === true;
    for (const other of this.#readings) {
      if (other !== reading && !(isShared && other.supplier === reading.supplier)) continue;
      other.lastByteMs = nowMs;
      if (!other.isStalled) continue;
      other.isStalled = false;
      this.#plan.resume(other.run);
    }
  }

  /** Ends a read of a source that brings the same by another one, or on whose line nothing comes: no failure of it. */
  #leave(reading: PieceReading): void {
    reading.isStalled = false;
    reading.abort.abort();
  }

  #stall(reading: PieceReading): void {
    reading.isStalled = true;
    reading.supplier.stalled();
    this.#plan.suspend(reading.run);
  }

  #arrived(reading: PieceReading, index: number, buffer: Uint8Array<ArrayBuffer>): void {
    const { store } = this.#o, { supplier } = reading;
    if (this.#plan.isDone(index)) return store.returnBuffer(buffer);
    this.#plan.arrived(index);
    // Had it been asked by then, a line of this source that is not frozen would have brought something.
    const answeredMs = performance.now() - reading.latencyMs - STALLED_MS;
    for (const other of this.#readings) {
      if (other === reading) continue;
      const isLate = other.run.next === index && !other.run.passesOver;
      if (other.supplier !== supplier) {
        if (isLate) other.abort.abort(); // it was slower, and what it holds besides is free for all
      } else if (supplier.reader?.sharesLine !== true) {
        if (isLate || (other.isStalled && other.lastByteMs < answeredMs)) this.#leave(other);
      }
    }
    this.#proving++;
    store.put(index, buffer).then((isRight) => {
      this.#proving--;
      if (isRight) {
        supplier.proved();
        this.#o.onPiece?.(index, supplier);
      } else {
        this.#plan.reopen(index);
        this.#refuse(supplier, wrongPiece(supplier, index));
      }
      this.#pump();
    }, (e) => this.#end(e));
  }

  #broke(supplier: Supplier, e: unknown, next: number): void {
    const error = asUpdateError(e), { retry } = error;
    if (isIntegrityError(error)) this.#refuse(supplier, error);
    else if (retry !== "elsewhere") this.#end(error); // a bug of ours is no fault of a source
    else this.#tellFailure(supplier, supplier.broke(error, next));
  }

  #tellFailure(supplier: Supplier, error: UpdateError): void {
    if (this.#settle === undefined) return;
    this.#o.onEvent({ type: "failed", source: supplier.source.id, error });
  }

  /** A liar is asked nothing more, and nothing it still sends is looked at. */
  #refuse(supplier: Supplier, error: UpdateError): void {
    const isFirst = supplier.report.lies === 0;
    supplier.lied(error);
    for (const reading of this.#readingsOf(supplier)) reading.abort.abort();
    if (isFirst) this.#o.onEvent({ type: "refused", source: supplier.source.id, error });
  }
}

function silent({ source: { id } }: Supplier): UpdateError {
  return new UpdateError("E_TIMEOUT", `${id} sent nothing for two seconds`, { source: id });
}

function wrongPiece({ source: { id } }: Supplier, index: number): UpdateError {
  return new UpdateError("E_HASH_MISMATCH", `${id} gave other bytes than the signed ones in piece ${index}`, {
    source: id,
  });
}
