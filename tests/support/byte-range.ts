// The `Range` header as a server reads it, and the head of its answer. One range of bytes, which is all that is asked.
// Must not: judge what a client may ask for; more than one range, or none that makes sense, is as if there were none.

export interface ByteRange {
  readonly first: number;
  /** Behind the last byte. */
  readonly end: number;
  /** It was asked for: the answer is a 206. */
  readonly isPart: boolean;
}

/** @param header the value of `Range`, if there is one; @param length bytes of the whole */
export function byteRange(header: string | undefined, length: number): ByteRange {
  const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})?$/.exec(header ?? "") ?? [];
  const whole = { first: 0, end: length, isPart: false };
  if (first === undefined) return whole;
  const part = { first: Number(first), end: Math.min(Number(last ?? length - 1) + 1, length), isPart: true };
  return part.first < part.end ? part : whole;
}

/** Status and header fields of an honest answer. */
export function rangeHead(r: ByteRange, length: number): { status: number; headers: Record<string, string | number> } {
  const headers = { "content-length": r.end - r.first, "accept-ranges": "bytes" };
  if (!r.isPart) return { status: 200, headers };
  return { status: 206, headers: { ...headers, "content-range": `bytes ${r.first}-${r.end - 1}/${length}` } };
}
