// The four TUF roles as types, read from a parsed envelope. Design: "Trust in detail"; TUF 4.3–4.6.
// Unknown fields are kept in the bytes and ignored here. Must not: say anything about trust: that is client.ts.
import { UpdateError } from "../errors.ts";
import { type Delegations, readDelegations } from "./delegations.ts";
import type { Envelope } from "./envelope.ts";
import { Field } from "./fields.ts";
import { sha256Hex, sha512Hex } from "./hex.ts";
import type { Json } from "./json.ts";
import { type KeyRing, readKeys, readRoleKeys, type RoleKeys } from "./keys.ts";

export const TOP_LEVEL_ROLES = ["root", "timestamp", "snapshot", "targets"] as const;
export type TopLevelRole = (typeof TOP_LEVEL_ROLES)[number];

/**
 * Most bytes of a metadata file where nothing signed says less (TUF 5.3.3, 5.4.1, 5.5.1, 5.6.1). The figures are the
 * ones other clients use, so that a repository readable by them is readable here; a release repository needs far less.
 */
export const MAX_METADATA_BYTES: Readonly<Record<TopLevelRole, number>> = {
  root: 512_000,
  timestamp: 16_384,
  snapshot: 2_000_000,
  targets: 5_000_000,
};

/** What every role has. */
export interface Signed {
  readonly version: number;
  /** Milliseconds since the epoch. */
  readonly expiresMs: number;
}

export interface Root extends Signed {
  readonly consistentSnapshot: boolean;
  readonly keys: KeyRing;
  readonly roles: Readonly<Record<TopLevelRole, RoleKeys>>;
  /** The project's own extension, unread: an invalid one must not stop the root chain. */
  readonly xDchat: Json | undefined;
}

/** What a parent says of a file: its version, and its length and digests where they are given. */
export interface FileMeta {
  readonly version: number;
  readonly length: number | undefined;
  readonly hashes: Hashes | undefined;
}

/** Lowercase hex by algorithm; at least one of the two. */
export interface Hashes {
  readonly sha256?: string;
  readonly sha512?: string;
}

export interface Timestamp extends Signed {
  readonly snapshot: FileMeta;
}

export interface Snapshot extends Signed {
  /** By file name, such as "targets.json". */
  readonly meta: ReadonlyMap<string, FileMeta>;
  /** The project's own extension, unread: an invalid one stops switching, not learning. */
  readonly xDchatSchedule: Json | undefined;
}

export interface TargetFile {
  readonly path: string;
  readonly length: number;
  readonly hashes: Hashes;
  readonly custom: Json | undefined;
}

export interface Targets extends Signed {
  readonly targets: ReadonlyMap<string, TargetFile>;
  readonly delegations: Delegations | undefined;
}

function readSigned(e: Envelope, type: TopLevelRole): { signed: Field; common: Signed } {
  const signed = new Field(e.signed, e.what);
  if (signed.get("_type").string() !== type) return signed.get("_type").fail(`must be "${type}"`);
  const spec = signed.get("spec_version");
  if (!/^1(\.[0-9]{1,9}){1,2}$/.test(spec.string())) spec.fail("only TUF 1.x is supported");
  const common = { version: signed.get("version").integer(1), expiresMs: signed.get("expires").tufTime() };
  return { signed, common };
}

export function readRoot(e: Envelope): Root {
  const { signed, common } = readSigned(e, "root");
  const roles = signed.get("roles");
  return {
    ...common,
    // Left unspecified, it means that consistent snapshots are not written (TUF 6.2.1).
    consistentSnapshot: signed.get("consistent_snapshot").optional((f) => f.boolean()) ?? false,
    keys: readKeys(signed.get("keys")),
    roles: {
      root: readRoleKeys(roles.get("root")),
      timestamp: readRoleKeys(roles.get("timestamp")),
      snapshot: readRoleKeys(roles.get("snapshot")),
      targets: readRoleKeys(roles.get("targets")),
    },
    xDchat: e.signed["x-dchat"],
  };
}

export function readTimestamp(e: Envelope): Timestamp {
  const { signed, common } = readSigned(e, "timestamp");
  return { ...common, snapshot: readFileMeta(signed.get("meta").get("snapshot.json")) };
}

export function readSnapshot(e: Envelope): Snapshot {
  const { signed, common } = readSigned(e, "snapshot");
  const meta = new Map(signed.get("meta").entries().map(([name, f]) => [name, readFileMeta(f)]));
  if (!meta.has("targets.json")) signed.get("meta").fail("does not name targets.json");
  return { ...common, meta, xDchatSchedule: e.signed["x-dchat-schedule"] };
}

export function readTargets(e: Envelope): Targets {
  const { signed, common } = readSigned(e, "targets");
  const targets = new Map(signed.get("targets").entries().map(([path, f]) => [path, readTargetFile(path, f)]));
  return { ...common, targets, delegations: signed.get("delegations").optional(readDelegations) };
}

function readFileMeta(f: Field): FileMeta {
  return {
    version: f.get("version").integer(1),
    length: f.get("length").optional((l) => l.integer(1)),
    hashes: f.get("hashes").optional(readHashes),
  };
}

function readTargetFile(path: string, f: Field): TargetFile {
  return {
    path,
    length: f.get("length").integer(0),
    hashes: readHashes(f.get("hashes")),
    custom: f.get("custom").value,
  };
}

function readHashes(f: Field): Hashes {
  const sha256 = f.get("sha256").optional((h) => h.hex(32));
  const sha512 = f.get("sha512").optional((h) => h.hex(64));
  if (sha256 === undefined && sha512 === undefined) return f.fail("names no digest that is supported (sha256, sha512)");
  return { ...(sha256 === undefined ? {} : { sha256 }), ...(sha512 === undefined ? {} : { sha512 }) };
}

/**
 * Checks fetched bytes against what their parent signed.
 * @throws UpdateError E_SIZE_MISMATCH, E_HASH_MISMATCH
 */
export function checkFileMeta(bytes: Uint8Array, meta: FileMeta, what: string, clause: string): void {
  if (meta.length !== undefined && bytes.length !== meta.length) {
    throw new UpdateError("E_SIZE_MISMATCH", `${what}: ${bytes.length} bytes, signed are ${meta.length}`, { clause });
  }
  if (meta.hashes !== undefined && !hashesMatch(bytes, meta.hashes)) {
    throw new UpdateError("E_HASH_MISMATCH", `${what}: its digest is not the one its parent signed`, { clause });
  }
}

/** True when every digest that is named fits the bytes. */
export function hashesMatch(bytes: Uint8Array, h: Hashes): boolean {
  return (h.sha256 === undefined || sha256Hex(bytes) === h.sha256) &&
    (h.sha512 === undefined || sha512Hex(bytes) === h.sha512);
}
