// Signs everything that is staged with the given keys. Design: docs/publishing.md, "Several people".
// Must not: make or change a document's body; what is signed is what was staged.
import type { Opts } from "../api.ts";
import { UpdateError } from "../errors.ts";
import type { KeyId } from "../trust/keys.ts";
import { type Signed, TOP_LEVEL_ROLES, type TopLevelRole } from "../trust/metadata.ts";
import { type Document, type SignatureStatus, signatureStatus } from "./document.ts";
import { authoritiesOf, isSettled, type Repository, type RepositoryFiles, stagingPath } from "./repository.ts";
import { signDocument } from "./sign-document.ts";
import type { Signer } from "./signer.ts";

export interface SignedStaging {
  readonly statuses: readonly SignatureStatus[];
  /** What was signed just now. */
  readonly added: readonly { readonly role: TopLevelRole; readonly keyId: KeyId }[];
}

/** How far the signatures of everything staged are. */
export function stagedStatuses(repository: Repository): SignatureStatus[] {
  return TOP_LEVEL_ROLES.flatMap((role) => {
    const document = repository.staged[role];
    return document === undefined ? [] : [signatureStatus(role, document, authoritiesOf(repository, role))];
  });
}

/**
 * @throws UpdateError E_USAGE when nothing is staged, E_UNTRUSTED_KEY when a key has no role in anything staged,
 *   E_EXPIRED when a staged document has run out; what a signer throws
 */
export async function signStaged(
  files: RepositoryFiles,
  repository: Repository,
  signers: readonly Signer[],
  o: Opts & { readonly nowMs: number },
): Promise<SignedStaging> {
  const staged = TOP_LEVEL_ROLES.flatMap((role) => {
    const document: Document<Signed> | undefined = repository.staged[role];
    return document === undefined ? [] : [{ role, document, authorities: authoritiesOf(repository, role) }];
  });
  if (staged.length === 0) {
    throw new UpdateError("E_USAGE", "nothing is staged: there is nothing to sign", {
      hint: "is this the right copy of the repository?",
    });
  }
  for (const { keyId } of signers) {
    if (staged.some((s) => s.authorities.some((a) => a.role.keyIds.has(keyId)))) continue;
    throw new UpdateError("E_UNTRUSTED_KEY", `key ${keyId} has no role in what is staged`, {
      hint: `staged: ${staged.map((s) => `${s.role} ${s.document.signed.version}`).join(", ")}`,
    });
  }
  const added: { role: TopLevelRole; keyId: KeyId }[] = [];
  const statuses: SignatureStatus[] = [];
  for (const { role, document, authorities } of staged) {
    if (document.signed.expiresMs <= o.nowMs) {
      throw new UpdateError("E_EXPIRED", `the staged ${role} ${document.signed.version} has expired`, {
        hint: `stage it again: ${role === "root" ? "`release rotate-root`" : "`release refresh --targets`"}`,
      });
    }
    const able = isSettled(repository, role, document) ? [] : signers;
    const signed = await signDocument(role, document, authorities, able, o);
    if (signed.added.length > 0) await files.write(stagingPath(role), signed.document.envelope.bytes);
    added.push(...signed.added.map((keyId) => ({ role, keyId })));
    statuses.push(signed.status);
  }
  return { statuses, added };
}
