// Who is asked side by side, and who only afterwards: a class is all sources of equal priority. Pure.
// Design: "The download" of docs/architecture.md. Must not: ask anybody.

import type { Supplier } from "./supplier.ts";

/**
 * `parallel`: a class side by side, the next one when it is not enough. `failover`: one after another, and two at a time
 * only when one is slow.
 */
export const STRATEGIES = ["parallel", "failover"] as const;
export type Strategy = (typeof STRATEGIES)[number];

// Less than a piece a second is worth asking others too.
export const SLOW_BYTES_PER_SECOND = 1 << 20;
// So long a class has to show what it can.
const TRIAL_MS = 5_000;

export interface ClassOptions {
  readonly strategy: Strategy;
  /** What the operator allows; undefined for any. */
  readonly limitBytesPerSecond: number | undefined;
  /** Somebody who has not answered for longer is no help. */
  readonly patienceMs: number;
}

/** Tells of a supplier that is ready whether it brings something, or could. */
export type IsOfUse = (s: Supplier) => boolean;

/** The classes of one download, opened one after the other. */
export class SourceClasses {
  readonly #o: ClassOptions;
  readonly #classes: Supplier[][];
  #asked: readonly Supplier[] = [];
  #openCount = 0;
  /** Since when those that are asked show what they can. */
  #triedSinceMs = 0;
  /** With failover, how many more than one are asked at a time: as often as those before were too slow. */
  #helpers = 0;

  constructor(suppliers: readonly Supplier[], o: ClassOptions) {
    this.#o = o;
    this.#classes = inClasses(suppliers, o.strategy);
  }

  /** Suppliers of the classes opened so far. */
  get asked(): readonly Supplier[] {
    return this.#asked;
  }

  get areAllOpen(): boolean {
    return this.#openCount === this.#classes.length;
  }

  /** One that has appeared meanwhile takes its place as if it had been there from the beginning. */
  join(supplier: Supplier): void {
    const { priority } = supplier.source;
    const own = this.#classes.findIndex(([first]) => first?.source.priority === priority);
    if (this.#o.strategy === "parallel" && own >= 0) {
      this.#classes[own]?.push(supplier);
      if (own < this.#openCount) this.#asked = [...this.#asked, supplier];
      return;
    }
    const behind = this.#classes.findIndex(([first]) => first !== undefined && first.source.priority > priority);
    const at = behind < 0 ? this.#classes.length : behind;
    this.#classes.splice(at, 0, [supplier]);
    if (at >= this.#openCount) return;
    this.#asked = [...this.#asked, supplier];
    this.#openCount++;
  }

  /** Opens more while those that are open are not enough. */
  openWhatIsNeeded(isOfUse: IsOfUse): void {
    const isFailover = this.#o.strategy === "failover";
    let isSlow = this.#isSlow();
    if (isSlow) {
      this.#helpers = Math.min(this.#helpers + 1, this.#classes.length - 1);
      this.#triedSinceMs = performance.now();
    }
    while (!this.areAllOpen) {
      const able = this.#able(isOfUse).length;
      if (isFailover ? able > this.#helpers : able > 0 && !isSlow) return;
      isSlow = false;
      this.#asked = [...this.#asked, ...this.#classes[this.#openCount] ?? []];
      this.#openCount++;
      this.#triedSinceMs = performance.now();
    }
  }

  /** Those who may be expected to help now. */
  #able(isOfUse: IsOfUse): readonly Supplier[] {
    const nowMs = performance.now();
    return this.#asked.filter((s) => {
      if (s.state === "opening") return nowMs - s.sinceMs < this.#o.patienceMs;
      return s.state === "new" || (s.state === "ready" && isOfUse(s));
    });
  }

  #isSlow(): boolean {
    if (this.#openCount === 0 || performance.now() - this.#triedSinceMs < TRIAL_MS) return false;
    const rate = this.#asked.reduce((sum, s) => sum + s.rate, 0);
    return rate < Math.min(SLOW_BYTES_PER_SECOND, (this.#o.limitBytesPerSecond ?? Infinity) / 2);
  }

  /** Those who may get new work: all that were asked, or with failover the first that can help now, and their helpers. */
  workers(isOfUse: IsOfUse): readonly Supplier[] {
    if (this.#o.strategy === "parallel") return this.#asked;
    return this.#able(isOfUse).slice(0, 1 + this.#helpers);
  }
}

/** It may still bring something, now or later. */
export const isAlive = ({ state }: Supplier): boolean => state !== "down" && state !== "out";

/** Suppliers in the order in which classes are opened; the order inside a class is kept. */
function inClasses(suppliers: readonly Supplier[], strategy: Strategy): Supplier[][] {
  const ordered = [...suppliers].sort((a, b) => a.source.priority - b.source.priority);
  if (strategy === "failover") return ordered.map((s) => [s]);
  const classes: Supplier[][] = [];
  for (const supplier of ordered) {
    const last = classes.at(-1);
    if (last?.[0]?.source.priority === supplier.source.priority) last.push(supplier);
    else classes.push([supplier]);
  }
  return classes;
}
