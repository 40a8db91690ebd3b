// Adds signatures to a document: those of the given signers whose keys have a role in it.
// Design: "The maintainer's side" of docs/cli.md. Must not: sign for a key that no authority names.
import type { Opts } from "../api.ts";
import { toHex } from "../trust/hex.ts";
import type { KeyId } from "../trust/keys.ts";
import type { Signed, TopLevelRole } from "../trust/metadata.ts";
import {
  type Authority,
  type Document,
  makeEnvelope,
  type SignatureStatus,
  signatureStatus,
  validSignatures,
} from "./document.ts";
import type { Signer } from "./signer.ts";

export interface SignedDocument<T extends Signed> {
  readonly document: Document<T>;
  readonly status: SignatureStatus;
  /** Keys that have signed just now. */
  readonly added: readonly KeyId[];
}

/**
 * Signs with every signer that may and has not yet. Signatures that do not verify or that no authority asks for are
 * dropped when something is added.
 * @throws UpdateError what a signer throws; nothing is lost then
 */
export async function signDocument<T extends Signed>(
  role: TopLevelRole,
  document: Document<T>,
  authorities: readonly Authority[],
  signers: readonly Signer[],
  o: Opts,
): Promise<SignedDocument<T>> {
  const signatures = validSignatures(document.envelope, authorities);
  const added: KeyId[] = [];
  for (const signer of signers) {
    const may = authorities.some((a) => a.role.keyIds.has(signer.keyId));
    if (!may || signatures.has(signer.keyId)) continue;
    signatures.set(signer.keyId, toHex(await signer.sign(document.envelope.signedBytes, role, o)));
    added.push(signer.keyId);
  }
  const result = added.length === 0 ? document : withSignatures(role, document, signatures);
  return { document: result, status: signatureStatus(role, result, authorities), added };
}

/** The same document with other signatures. */
export function withSignatures<T extends Signed>(
  role: TopLevelRole,
  document: Document<T>,
  signatures: ReadonlyMap<KeyId, string>,
): Document<T> {
  return { signed: document.signed, envelope: makeEnvelope(role, document.envelope.signed, signatures) };
}
