// The host's own Ed25519, for the one question that has the same answer everywhere: does [S]B − [k]A give the bytes of R?
// Design: docs/decisions/0002. Its answers count only where the rule leaves nothing else to decide; src/trust/ed25519.ts
// sees to that. Usable in a browser page, which has none.
// Must not: be believed before it has shown that it compares bytes.
import { hexToBytes } from "@noble/hashes/utils.js";

/** @returns undefined when it would not say */
export type VerifyEquation = (
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: Uint8Array,
) => boolean | undefined;

/** Of a key as SubjectPublicKeyInfo (RFC 8410), all but the 32 bytes of the key. */
const SPKI_HEAD = hexToBytes("302a300506032b6570032100");

/** What is used of `node:crypto`. It computes, and nothing else: this folder stays without input and output. */
interface HostCrypto {
  createPublicKey(o: { key: Uint8Array; format: "der"; type: "spki" }): object;
  verify(algorithm: null, message: Uint8Array, key: object, signature: Uint8Array): boolean;
}

/** A page has no `process`. */
export interface CryptoHost {
  readonly process?: { readonly getBuiltinModule?: (id: "node:crypto") => HostCrypto };
}

/**
 * Undefined where there is none, or it is not of the kind that is needed.
 * @param host tests only
 */
export function nativeEd25519(host: CryptoHost = globalThis as CryptoHost): VerifyEquation | undefined {
  const crypto = host.process?.getBuiltinModule?.("node:crypto");
  if (crypto === undefined) return undefined;
  const verify: VerifyEquation = (signature, message, publicKey) => {
    try {
      const key = Uint8Array.of(...SPKI_HEAD, ...publicKey);
      return crypto.verify(null, message, crypto.createPublicKey({ key, format: "der", type: "spki" }), signature);
    } catch {
      return undefined;
    }
  };
  return comparesBytes(verify) ? verify : undefined;
}

// Signatures of the empty message under an ordinary key. Of the second, R has a part of order 8: only the equation with
// the cofactor holds. Of the third, S is one more than it should be. tests/trust/ works all this out again.
export const TRIAL_KEY = "193aa6d6feec58ebe93079a344fd7aa47ae05d2c273bc7320a21a918d806dab0";
export const TRIAL_RIGHT = "7e7d20936390ac4d788ec41e5ab018df3d3a045ef55c52ef067ae2acfb82fbfa" +
  "1be7494275109502e1b23acdb6d2f57dea778ddf92f8a0865cc8b06c3836ae0b";
export const TRIAL_MIXED = "6d20bcce72b4521505a3895adf5bac5e8561b1ba4800a401e251935bed2aec95" +
  "807180f7b1914002404e38c0e2fcc3bda269d6518b4faa3d7622d00d76584e0d";
export const TRIAL_WRONG = TRIAL_RIGHT.replace(/^(.{64})1b/, "$11c");

/** A fraction of a millisecond. Who takes the cofactor into account would let R be anything of eight points. */
function comparesBytes(verify: VerifyEquation): boolean {
  const [right, mixed, wrong] = [TRIAL_RIGHT, TRIAL_MIXED, TRIAL_WRONG].map((signature) =>
    verify(hexToBytes(signature), new Uint8Array(), hexToBytes(TRIAL_KEY))
  );
  return right === true && mixed === false && wrong === false;
}
