// Poly1305 as RFC 8439 writes it in section 2.5, with whole numbers of any size: an oracle that has no limbs and no carries.
// Must not: be fast, or used for anything that is secret.
const PRIME = (1n << 130n) - 5n;

/** Least significant byte first. */
export function toNumber(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** The lowest 16 bytes, least significant first. */
export function toBytes(number: bigint): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: 16 }, (_, i) => Number((number >> BigInt(8 * i)) & 0xffn));
}

/** @param blocks whole ones, of 16 bytes. @returns the tag, and the accumulator before `s` is added */
export function poly1305(r: bigint, s: bigint, blocks: readonly bigint[]): { tag: bigint; accumulator: bigint } {
  const clamped = r & 0x0ffffffc0ffffffc0ffffffc0fffffffn;
  const accumulator = blocks.reduce((sum, block) => ((sum + block + (1n << 128n)) * clamped) % PRIME, 0n);
  return { tag: (accumulator + s) % (1n << 128n), accumulator };
}
