// Metadata documents in the making: a signed part, its signatures so far, its lifetime. Design: "Formats".
// Whatever is made here passes through the client's own strict parser, so it is readable before it is written.
// Must not: decide what is in a document, sign, touch a disk.
import { UpdateError } from "../errors.ts";
import { countSignatures, type Envelope, parseEnvelope } from "../trust/envelope.ts";
import { sha256Hex } from "../trust/hex.ts";
import type { JsonObject } from "../trust/json.ts";
import type { KeyId, KeyRing, RoleKeys } from "../trust/keys.ts";
import { type FileMeta, hashesMatch, MAX_METADATA_BYTES, type Signed, type TopLevelRole } from "../trust/metadata.ts";

/** A document as read: nothing about its signatures is implied. */
export interface Document<T extends Signed> {
  readonly signed: T;
  readonly envelope: Envelope;
}

/** Who may sign a role, under one root. */
export interface Authority {
  /** Version of the root that says so. */
  readonly rootVersion: number;
  readonly keys: KeyRing;
  readonly role: RoleKeys;
  /** False for signatures that only spare readers of the old root a moment without valid metadata. */
  readonly required: boolean;
}

/** The envelope of `signed` with these signatures, as bytes and parsed. */
export function makeEnvelope(
  role: TopLevelRole,
  signed: JsonObject,
  signatures: ReadonlyMap<KeyId, string>,
): Envelope {
  const sorted = [...signatures].sort(([a], [b]) => (a < b ? -1 : 1));
  const document = { signatures: sorted.map(([keyid, sig]) => ({ keyid, sig })), signed };
  return parseEnvelope(new TextEncoder().encode(JSON.stringify(document)), `${role}.json`, MAX_METADATA_BYTES[role]);
}

/** The signatures that verify, of keys that one of the authorities names. */
export function validSignatures(envelope: Envelope, authorities: readonly Authority[]): Map<KeyId, string> {
  const valid = authorities.flatMap((a) => [...countSignatures(envelope, a.keys, a.role).valid]);
  return new Map([...new Set(valid)].map((id) => [id, envelope.signatures.get(id) ?? ""]));
}

/** How far one authority's threshold is. */
export interface ThresholdStatus {
  readonly rootVersion: number;
  readonly required: boolean;
  readonly threshold: number;
  readonly signed: readonly KeyId[];
  /** Keys that could still sign. */
  readonly missing: readonly KeyId[];
}

export interface SignatureStatus {
  readonly role: TopLevelRole;
  readonly version: number;
  readonly thresholds: readonly ThresholdStatus[];
  /** Every required threshold is reached. */
  readonly complete: boolean;
}

export function signatureStatus(
  role: TopLevelRole,
  document: Document<Signed>,
  authorities: readonly Authority[],
): SignatureStatus {
  const thresholds = authorities.map((a): ThresholdStatus => {
    const { valid } = countSignatures(document.envelope, a.keys, a.role);
    return {
      rootVersion: a.rootVersion,
      required: a.required,
      threshold: a.role.threshold,
      signed: [...valid],
      missing: [...a.role.keyIds].filter((id) => !valid.has(id)),
    };
  });
  const complete = thresholds.every((t) => !t.required || t.signed.length >= t.threshold);
  return { role, version: document.signed.version, thresholds, complete };
}

/** The error for documents that lack signatures: each with whom it waits for. */
export function thresholdError(incomplete: readonly SignatureStatus[]): UpdateError {
  const parts = incomplete.map((s) => {
    const open = s.thresholds.filter((t) => t.required && t.signed.length < t.threshold);
    const each = open.map((t) => {
      const under = s.thresholds.length > 1 ? ` under root ${t.rootVersion}` : "";
      return `${t.signed.length} of ${t.threshold} signatures${under}, missing ${t.missing.join(" or ")}`;
    });
    return `${s.role} ${s.version} has ${each.join(" and ")}`;
  });
  return new UpdateError("E_THRESHOLD", parts.join("; "), {
    hint: "what was signed is kept: run `release sign` with the missing keys (and `release merge`), then publish again",
  });
}

/** How a parent names a document: version, length and digest of its exact bytes. */
export function fileMeta({ signed, envelope }: Document<Signed>): JsonObject {
  return { version: signed.version, length: envelope.bytes.length, hashes: { sha256: sha256Hex(envelope.bytes) } };
}

/** True when the parent's entry is exactly this document. */
export function namesExactly(meta: FileMeta | undefined, { signed, envelope }: Document<Signed>): boolean {
  return meta !== undefined && meta.version === signed.version && meta.length === envelope.bytes.length &&
    meta.hashes !== undefined && hashesMatch(envelope.bytes, meta.hashes);
}

/** Days a document lives when nothing else is said; docs/publishing.md, "How long signatures last", explains each. */
const DEFAULT_LIFETIME_DAYS: Readonly<Record<TopLevelRole, number>> = {
  root: 365,
  targets: 180,
  snapshot: 30,
  timestamp: 14,
};

export const DAY_MS = 86_400_000;
/** Ten years: beyond that an expiry protects nobody. */
export const MAX_LIFETIME_DAYS = 3650;

/** Signed beside `expires`, because that alone does not tell how long the next version shall live. */
const LIFETIME_FIELD = "x-dchat-lifetime-days";

/** The fields every role begins with. */
export function commonFields(
  role: TopLevelRole,
  o: { readonly version: number; readonly nowMs: number; readonly lifetimeDays: number },
): JsonObject {
  // TUF times have whole seconds.
  const expires = new Date(o.nowMs + o.lifetimeDays * DAY_MS).toISOString().replace(/\.\d{3}Z$/, "Z");
  return { _type: role, spec_version: "1.0.31", version: o.version, expires, [LIFETIME_FIELD]: o.lifetimeDays };
}

/** The lifetime a document was given, in days. */
export function lifetimeDays(role: TopLevelRole, document: Document<Signed> | undefined): number {
  const days = document?.envelope.signed[LIFETIME_FIELD];
  const known = typeof days === "number" && days >= 1 && days <= MAX_LIFETIME_DAYS;
  return known ? days : DEFAULT_LIFETIME_DAYS[role];
}

/** True in the last quarter of a document's life: time to renew it. */
export function isDue(role: TopLevelRole, document: Document<Signed>, nowMs: number): boolean {
  return document.signed.expiresMs - nowMs < (lifetimeDays(role, document) * DAY_MS) / 4;
}
