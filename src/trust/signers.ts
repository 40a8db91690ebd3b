// Whose signatures under a certificate count, and what they weigh. Design: "Certificate" of docs/formats.md.
// Each signature is verified at most once, and no more of them than a question needs: it is the costly part.
// Must not: know what makes a certificate fit the schedule.
import { verifyEd25519 } from "./ed25519.ts";
import type { Certificate } from "./certificate.ts";
import type { Epoch } from "./epochs.ts";
import { fromHex } from "./hex.ts";
import type { KeyId } from "./keys.ts";

/** Signatures that have verified, by the signed bytes they are for. A failed one is dropped and not asked again. */
const verified = new WeakMap<Uint8Array, Set<string>>();

/** True when the governor's signature is there and verifies. */
export function isSignedBy(c: Certificate, id: KeyId, epoch: Epoch): boolean {
  const hex = c.signatures.get(id), key = epoch.keys.get(id);
  if (hex === undefined || key === undefined || !epoch.governance.governors.has(id)) return false;
  const known = verified.get(c.signedBytes) ?? new Set();
  const entry = `${id}${hex}`;
  if (known.has(entry)) return true;
  const signature = fromHex(hex, 64);
  if (signature === undefined || !verifyEd25519(signature, c.signedBytes, key)) return false;
  verified.set(c.signedBytes, known.add(entry));
  return true;
}

/** The governors that have signed, in the order of their ids. */
export function signersOf(c: Certificate, epoch: Epoch): KeyId[] {
  return [...c.signatures.keys()].filter((id) => isSignedBy(c, id, epoch)).sort();
}

/** True when the weight reaches `required`; verifies the heaviest first and stops there. */
export function reaches(c: Certificate, epoch: Epoch, required: number): boolean {
  const { governors } = epoch.governance;
  const weight = (id: KeyId) => governors.get(id) ?? 0;
  const ids = [...c.signatures.keys()].filter((id) => governors.has(id)).sort((a, b) => weight(b) - weight(a));
  let open = ids.reduce((sum, id) => sum + weight(id), 0), reached = 0;
  for (const id of ids) {
    if (reached >= required || reached + open < required) break;
    open -= weight(id);
    if (isSignedBy(c, id, epoch)) reached += weight(id);
  }
  return reached >= required;
}
