// Whoever can sign for one key: the private key itself or a command that asks an HSM, KMS or another machine.
// Every signature is verified under our own rule before it is returned, so what is stored is what clients accept.
// Design: "Keys that never leave" of docs/publishing.md. Must not: know documents or thresholds.
import { type KeyObject, sign } from "node:crypto";
import type { Opts } from "../api.ts";
import { UpdateError } from "../errors.ts";
import { verifyEd25519 } from "../trust/ed25519.ts";
import type { KeyId } from "../trust/keys.ts";
import { askExternalSigner } from "./external-signer.ts";
import type { KeyFile } from "./key-file.ts";

export interface Signer {
  readonly keyId: KeyId;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /**
   * @param bytes the canonical bytes of a document
   * @param role "root", "targets", … for whoever is asked to sign
   * @returns 64 bytes that verify
   * @throws UpdateError E_SIGNATURE, E_TIMEOUT
   */
  sign(bytes: Uint8Array, role: string, o: Opts): Promise<Uint8Array>;
}

/** A command that signs for public keys, and the environment it runs in. */
export interface ExternalSigner {
  readonly command: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The signer of a key file; undefined for a public key when there is no external signer. */
export function createSigner(key: KeyFile, external: ExternalSigner | undefined): Signer | undefined {
  const { keyId, publicKey, privateKey } = key;
  if (privateKey !== undefined) {
    return verified(key, (bytes) => Promise.resolve(signWith(privateKey, bytes)));
  }
  if (external === undefined) return undefined;
  return verified(key, (bytes, role, o) => askExternalSigner(external, { keyId, publicKey, role, bytes }, o));
}

function signWith(key: KeyObject, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(sign(null, bytes, key));
}

function verified({ keyId, publicKey, file }: KeyFile, make: Signer["sign"]): Signer {
  return {
    keyId,
    publicKey,
    async sign(bytes, role, o) {
      const signature = await make(bytes, role, o);
      if (verifyEd25519(signature, bytes, publicKey)) return signature;
      throw new UpdateError("E_SIGNATURE", `the signature for ${JSON.stringify(file)} does not verify`, {
        hint: `the signer must use the private key of ${keyId} and sign the bytes as they are (plain Ed25519)`,
      });
    },
  };
}
