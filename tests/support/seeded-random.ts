// Random choices that are the same in every run of the same seed, on every runtime.
// Must not: be used for keys or anything else that has to be secret.

/** A stream of choices that depends on the seed alone (mulberry32 over an FNV-1a hash of the seed). */
export interface SeededRandom {
  /** An integer from 0 to `below - 1`. */
  below(below: number): number;
  pick<T>(list: readonly T[]): T;
  /** True with the given probability, 0 to 1. */
  chance(probability: number): boolean;
  /** `count` distinct entries of `list`, in random order. */
  sample<T>(list: readonly T[], count: number): T[];
}

export function seededRandom(seed: string): SeededRandom {
  let state = 0x811c9dc5;
  for (const char of seed) state = Math.imul(state ^ (char.codePointAt(0) ?? 0), 0x01000193);
  const unit = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n: number): number => Math.floor(unit() * n);
  return {
    below,
    pick: <T>(list: readonly T[]): T => {
      if (list.length === 0) throw new Error("nothing to pick from");
      return list[below(list.length)] as T; // the index is inside the list
    },
    chance: (probability) => unit() < probability,
    sample: <T>(list: readonly T[], count: number): T[] => {
      const rest = [...list], out: T[] = [];
      while (out.length < count && rest.length > 0) out.push(...rest.splice(below(rest.length), 1));
      return out;
    },
  };
}
