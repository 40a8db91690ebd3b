// Keys as TUF metadata names them. Design: "Formats", key and keyid; TUF 4.2.
// A key id is the hash of the key, and one document names a key under one id only, so that counting ids is counting keys.
// Must not: hold private keys.
import { UpdateError } from "../errors.ts";
import { isEd25519PublicKey } from "./ed25519.ts";
import type { Field } from "./fields.ts";
import { fromHex, sha256Hex, toHex } from "./hex.ts";
import { canonicalBytes, type JsonObject } from "./json.ts";

/** 64 lowercase hex digits. */
export type KeyId = string;

/** Public keys by id. Keys of other types than Ed25519 are left out: they cannot sign anything we accept. */
export type KeyRing = ReadonlyMap<KeyId, Uint8Array>;

/** A role's rule: how many distinct keys of which must have signed. */
export interface RoleKeys {
  readonly keyIds: ReadonlySet<KeyId>;
  readonly threshold: number;
}

/** More than any real root names; bounds the work that one file can cause. */
const MAX_KEYS = 1024;

/** The TUF key object of an Ed25519 public key (32 bytes). */
export function keyObject(publicKey: Uint8Array): JsonObject {
  return { keytype: "ed25519", scheme: "ed25519", keyval: { public: toHex(publicKey) } };
}

/** The id of an Ed25519 public key (32 bytes): the SHA-256 of its canonical key object. */
export function keyIdOf(publicKey: Uint8Array): KeyId {
  return sha256Hex(canonicalBytes(keyObject(publicKey)));
}

/**
 * Reads a `keys` object. Unknown fields of a key are tolerated (TUF 4.2), unknown key types are left out.
 * @throws UpdateError E_MALFORMED when an Ed25519 key is not a key, stands under an id that is not its hash, or twice
 */
export function readKeys(keys: Field): KeyRing {
  const ring = new Map<KeyId, Uint8Array>();
  const seen = new Set<string>();
  const entries = keys.entries();
  if (entries.length > MAX_KEYS) keys.fail(`more than ${MAX_KEYS} keys`);
  for (const [id, key] of entries) {
    if (key.get("keytype").string() !== "ed25519" || key.get("scheme").string() !== "ed25519") continue;
    const hex = key.get("keyval").get("public");
    const publicKey = fromHex(hex.string(), 32);
    if (publicKey === undefined || !isEd25519PublicKey(publicKey)) {
      return hex.fail("not the canonical encoding of an Ed25519 public key");
    }
    // TUF 4 includes unknown fields in hashes; repositories that annotate their keys later keep the id without them.
    if (id !== keyIdOf(publicKey) && id !== sha256Hex(canonicalBytes(key.object()))) {
      throw new UpdateError("E_MALFORMED", `${key.where}: the key id is not the hash of the key`, {
        clause: "TUF 4.2 KEYID",
      });
    }
    if (seen.has(hex.string())) {
      throw new UpdateError("E_MALFORMED", `${key.where}: one key under two ids`, { clause: "TUF 4.2 KEYID" });
    }
    seen.add(hex.string());
    ring.set(id, publicKey);
  }
  return ring;
}

/** Reads `{ keyids, threshold }`. Ids without a key are tolerated: they can never add to the threshold. */
export function readRoleKeys(role: Field): RoleKeys {
  const ids = role.get("keyids").array().map((f) => f.string());
  const keyIds = new Set(ids);
  if (ids.length > MAX_KEYS) role.fail(`more than ${MAX_KEYS} key ids`);
  if (keyIds.size !== ids.length) {
    throw new UpdateError("E_MALFORMED", `${role.where}: a key id stands twice`, { clause: "TUF 4.3 threshold" });
  }
  return { keyIds, threshold: role.get("threshold").integer(1) };
}
