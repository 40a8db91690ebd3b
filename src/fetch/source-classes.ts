// Who is asked side by side, and who only afterwards: a class is all sources of equal priority. Pure.
// Design: "The download" of docs/architecture.md. Must not: ask anybody.

import type { Supplier } from "./supplier.ts";

/** `parallel`: a class side by side, the next one when it is not enough. `failover`: one after another. */
export const STRATEGIES = ["parallel", "failover"] as const;
export type Strategy = (typeof STRATEGIES)[number];

// Less than a piece a second is worth asking others too.
const SLOW_BYTES_PER_SECOND = 1 << 20;
// So long a class has to show what it can.
const TRIAL_MS = 5_000;

/** Suppliers in the order in which classes are opened; the order inside a class is kept. */
export function inClasses(suppliers: readonly Supplier[], strategy: Strategy): Supplier[][] {
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

/** @param limit bytes per second the operator allows; undefined for any */
export function isSlow(bytesPerSecond: number, openForMs: number, limit: number | undefined): boolean {
  return openForMs >= TRIAL_MS && bytesPerSecond < Math.min(SLOW_BYTES_PER_SECOND, (limit ?? Infinity) / 2);
}
