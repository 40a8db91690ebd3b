// Virtual time: what was planned happens in its order, at once. Must not: know the real time.

export interface EventQueue {
  readonly nowMs: number;
  plan(afterMs: number, happen: () => void): void;
  /** The next one happens. False when there is none before that time, which it is then. */
  step(endMs: number): boolean;
}

interface Planned {
  readonly atMs: number;
  /** Of equal times the one that was planned first. */
  readonly order: number;
  readonly happen: () => void;
}

export function createEventQueue(): EventQueue {
  const heap: Planned[] = []; // a binary heap, the earliest on top
  let nowMs = 0, planned = 0;
  const isBefore = (a: Planned, b: Planned) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
  const at = (i: number) => heap[i]!; // callers stay below its length

  function swap(i: number, j: number): void {
    const moved = at(i);
    heap[i] = at(j);
    heap[j] = moved;
  }

  function takeFirst(): Planned {
    const first = at(0), last = at(heap.length - 1);
    heap.pop();
    if (heap.length === 0) return first;
    heap[0] = last;
    for (let i = 0;;) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < heap.length && isBefore(at(child), at(least))) least = child;
      }
      if (least === i) return first;
      swap(i, least);
      i = least;
    }
  }

  return {
    get nowMs() {
      return nowMs;
    },
    plan(afterMs, happen) {
      let i = heap.push({ atMs: nowMs + afterMs, order: planned++, happen }) - 1;
      for (let parent = (i - 1) >> 1; i > 0 && isBefore(at(i), at(parent)); i = parent, parent = (i - 1) >> 1) {
        swap(i, parent);
      }
    },
    step(endMs) {
      if (heap.length === 0 || at(0).atMs > endMs) {
        nowMs = endMs;
        return false;
      }
      const { atMs, happen } = takeFirst();
      nowMs = atMs;
      happen();
      return true;
    },
  };
}
