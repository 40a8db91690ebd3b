// Hex and SHA-256 as the trust code needs them: lowercase only, pure, on every host.
// Must not: grow into a place for other small things.
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

export { bytesToHex as toHex };

/** The bytes of a lowercase hex string of exactly `byteLength` bytes; undefined for anything else. */
export function fromHex(text: string, byteLength: number): Uint8Array | undefined {
  return text.length === byteLength * 2 && /^[0-9a-f]*$/.test(text) ? hexToBytes(text) : undefined;
}

/** A page has no `process`. */
interface HashHost {
  readonly process?: { readonly getBuiltinModule?: (id: "node:crypto") => HashCrypto };
}

/** What is used of `node:crypto`. It computes, and nothing else: this folder stays without input and output. */
interface HashCrypto {
  createHash(algorithm: "sha256"): { update(bytes: Uint8Array): { digest(encoding: "hex"): string } };
}

/** SHA-256 of some metadata, as 64 lowercase hex digits. Artifacts are hashed by `src/hash/`. */
export function sha256Hex(bytes: Uint8Array): string {
  const crypto = (globalThis as HashHost).process?.getBuiltinModule?.("node:crypto");
  return crypto === undefined ? bytesToHex(sha256(bytes)) : crypto.createHash("sha256").update(bytes).digest("hex");
}

/** SHA-512 of some metadata, as 128 lowercase hex digits. */
export function sha512Hex(bytes: Uint8Array): string {
  return bytesToHex(sha512(bytes));
}
