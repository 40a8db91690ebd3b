// Time-outs that are set and pushed on thousands of times a second: one timer for all of them, which is armed again only
// when it fires. Design: "Time-outs" of docs/architecture.md, "The network".
// Must not: fire early; keep the process alive when nobody waits.

import { SmallSet } from "../small-set.ts";

export interface Deadline {
  /** Due in so many milliseconds from now, whatever was set before. */
  set(ms: number): void;
  /** Not due until it is set again. */
  unset(): void;
  /** Never due again. */
  end(): void;
}

export interface Deadlines {
  /** @param onDue called each time that it is due, not more than a few milliseconds late */
  create(onDue: () => void): Deadline;
}

interface Entry extends Deadline {
  dueMs: number;
  readonly onDue: () => void;
}

export function createDeadlines(): Deadlines {
  const active = new SmallSet<Entry>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let armedForMs = Infinity;

  function arm(dueMs: number, nowMs: number): void {
    clearTimeout(timer);
    armedForMs = dueMs;
    timer = dueMs === Infinity ? undefined : setTimeout(fire, Math.ceil(dueMs - nowMs));
  }

  function fire(): void {
    const nowMs = performance.now();
    armedForMs = Infinity;
    for (const entry of active) {
      if (entry.dueMs > nowMs) continue;
      entry.dueMs = Infinity;
      entry.onDue(); // may set, end or create deadlines
    }
    const nextMs = [...active].reduce((least, { dueMs }) => Math.min(least, dueMs), Infinity);
    if (nextMs < armedForMs) arm(nextMs, performance.now());
  }

  return {
    create(onDue) {
      const entry: Entry = {
        dueMs: Infinity,
        onDue,
        set(ms) {
          const nowMs = performance.now();
          entry.dueMs = nowMs + ms;
          if (entry.dueMs < armedForMs && active.has(entry)) arm(entry.dueMs, nowMs);
        },
        unset() {
          entry.dueMs = Infinity;
        },
        end() {
          entry.dueMs = Infinity;
          active.delete(entry);
          if (active.size === 0) arm(Infinity, 0);
        },
      };
      active.add(entry);
      return entry;
    },
  };
}
