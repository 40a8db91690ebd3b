// Small changes to bytes, for lies about artifacts and files.

const PLACES = { first: 0, middle: 0.5, last: 1 } as const;

/** A copy with one bit flipped. */
export function altered(bytes: Uint8Array, where: keyof typeof PLACES): Uint8Array {
  const copy = bytes.slice();
  const at = Math.floor(PLACES[where] * (bytes.length - 1));
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

/** A copy with more bytes at its end. */
export function extended(bytes: Uint8Array, by: number): Uint8Array {
  const copy = new Uint8Array(bytes.length + by);
  copy.set(bytes);
  return copy;
}
