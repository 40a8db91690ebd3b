// The signed envelope and the threshold rule. Design: "Formats"; TUF 4.1, 5.3.4.
// Must not: know what is inside `signed`.
import { UpdateError } from "../errors.ts";
import { verifyEd25519 } from "./ed25519.ts";
import { Field } from "./fields.ts";
import { fromHex } from "./hex.ts";
import { canonicalBytes, type JsonObject, parseJsonObject } from "./json.ts";
import type { KeyId, KeyRing, RoleKeys } from "./keys.ts";

/** A parsed envelope. Nothing in it is proven yet. */
export interface Envelope {
  /** Names the document in errors, such as "timestamp.json". */
  readonly what: string;
  /** The exact bytes it was parsed from: TUF hashes bytes. */
  readonly bytes: Uint8Array;
  readonly signed: JsonObject;
  /** Canonical bytes of `signed`: what signatures are made over. */
  readonly signedBytes: Uint8Array;
  /** Hex text by key id, in file order. Only Ed25519 signatures are ever decoded. */
  readonly signatures: ReadonlyMap<KeyId, string>;
}

/** More signatures than any role has keys; bounds parsing, not trust. */
const MAX_SIGNATURES = 1024;

/**
 * @param maxBytes checked before anything is parsed
 * @throws UpdateError E_TOO_LARGE, E_MALFORMED
 */
export function parseEnvelope(bytes: Uint8Array, what: string, maxBytes: number): Envelope {
  if (bytes.length > maxBytes) {
    throw new UpdateError("E_TOO_LARGE", `${what}: ${bytes.length} bytes, at most ${maxBytes} are allowed`);
  }
  const document = new Field(parseJsonObject(bytes, what), what);
  const signed = document.get("signed").object();
  const signatures = new Map<KeyId, string>();
  const list = document.get("signatures").array();
  if (list.length > MAX_SIGNATURES) document.get("signatures").fail(`more than ${MAX_SIGNATURES} signatures`);
  for (const entry of list) {
    const id = entry.get("keyid").string();
    if (signatures.has(id)) {
      throw new UpdateError("E_MALFORMED", `${what}: two signatures of one key id`, { clause: "TUF 4.1 signatures" });
    }
    signatures.set(id, entry.get("sig").string());
  }
  return { what, bytes, signed, signedBytes: canonicalBytes(signed), signatures };
}

/** Which of the role's keys have signed, and what is to be said of the other signatures. */
export interface SignatureCount {
  readonly valid: ReadonlySet<KeyId>;
  /** Keys of the role whose signature does not verify. */
  readonly invalid: ReadonlySet<KeyId>;
  /** Signatures of keys that the role does not name. */
  readonly foreign: number;
}

/** Verifies each signature of a key that the role names. Distinct ids are distinct keys: an id is the key's hash. */
export function countSignatures(envelope: Envelope, keys: KeyRing, role: RoleKeys): SignatureCount {
  const valid = new Set<KeyId>();
  const invalid = new Set<KeyId>();
  let foreign = 0;
  for (const [id, hex] of envelope.signatures) {
    const key = role.keyIds.has(id) ? keys.get(id) : undefined;
    if (key === undefined) {
      foreign++;
      continue;
    }
    const signature = fromHex(hex, 64);
    const good = signature !== undefined && verifyEd25519(signature, envelope.signedBytes, key);
    (good ? valid : invalid).add(id);
  }
  return { valid, invalid, foreign };
}

/**
 * The threshold rule: at least `threshold` distinct keys of the role have signed exactly these bytes.
 * @throws UpdateError E_SIGNATURE when a key of the role signed something else, E_UNTRUSTED_KEY when only strangers
 *   signed, E_THRESHOLD when too few signed
 */
export function requireThreshold(envelope: Envelope, keys: KeyRing, role: RoleKeys, clause: string): void {
  const { valid, invalid, foreign } = countSignatures(envelope, keys, role);
  if (valid.size >= role.threshold) return;
  const need = `${valid.size} of ${role.threshold} required signatures`;
  if (invalid.size > 0) {
    throw new UpdateError("E_SIGNATURE", `${envelope.what}: the signature of a trusted key does not verify (${need})`, {
      clause,
    });
  }
  if (valid.size === 0 && foreign > 0) {
    throw new UpdateError("E_UNTRUSTED_KEY", `${envelope.what}: signed only by keys that are not trusted for it`, {
      clause,
    });
  }
  throw new UpdateError("E_THRESHOLD", `${envelope.what}: ${need}`, { clause });
}
