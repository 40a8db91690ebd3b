// A set for a few things that come and go all the time in the life of one owner, such as what is under way just now.
// Unlike the engines' own sets and maps it keeps nothing of what was in it (docs/decisions/0026-short-lives.md).
// Must not: be used for many, every question looks at all of them.

export class SmallSet<T> implements Iterable<T> {
  #items: readonly T[] = [];

  get size(): number {
    return this.#items.length;
  }
  has(item: T): boolean {
    return this.#items.includes(item);
  }
  add(item: T): void {
    if (!this.has(item)) this.#items = [...this.#items, item];
  }
  /** @returns whether it was there */
  delete(item: T): boolean {
    const wasThere = this.has(item);
    if (wasThere) this.#items = this.#items.filter((i) => i !== item);
    return wasThere;
  }
  /** Those of now, whatever changes meanwhile. */
  [Symbol.iterator](): Iterator<T> {
    return this.#items[Symbol.iterator]();
  }
}
