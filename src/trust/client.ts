// The TUF 1.0 client workflow as pure functions: (trusted state, new bytes, clock) → new state or an error.
// Design: "Trust in detail"; each check names its clause of the TUF specification (5.x).
// Must not: read a clock, touch disk or network, know about dchat. A state is never changed, only replaced.
import { UpdateError } from "../errors.ts";
import { type Envelope, parseEnvelope, requireThreshold } from "./envelope.ts";
import { sha256Hex } from "./hex.ts";
import { EMPTY_SCHEDULE, type ScheduleRecord } from "./schedule-record.ts";
import {
  checkFileMeta,
  type FileMeta,
  hashesMatch,
  MAX_METADATA_BYTES,
  readRoot,
  readSnapshot,
  readTargets,
  readTimestamp,
  type Root,
  type Signed,
  type Snapshot,
  type Targets,
  type Timestamp,
} from "./metadata.ts";
import { isOrphan, requireDelegated } from "./vouching.ts";

/** A role whose signatures were verified, with the exact bytes it was read from. */
export interface Trusted<T> {
  readonly signed: T;
  readonly envelope: Envelope;
}

/** Everything that is trusted at one moment. Targets are those that the trusted snapshot names, never older ones. */
export interface TrustState {
  readonly root: Trusted<Root>;
  /** Raw bytes of every root from the pinned one to the current one. */
  readonly rootChain: readonly Uint8Array[];
  readonly timestamp: Trusted<Timestamp> | undefined;
  /** May be older than the timestamp says: it is then only a floor against rollback. */
  readonly snapshot: Trusted<Snapshot> | undefined;
  /** "targets" and delegated roles, by name. */
  readonly targets: ReadonlyMap<string, Trusted<Targets>>;
  /** Certificates of governance; what they amount to is judged under the roots when it is asked for. */
  readonly schedule: ScheduleRecord;
}

/** The time an update started (TUF 5.1), and what to do with metadata that is past its time. */
export interface Clock {
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  /** "allow" is for reading what is known offline; what has expired is then reported by `expiredRoles`. */
  readonly expired: "refuse" | "allow";
}

/** For what stays true when it has expired: expiry limits learning, never what is known. */
export const ANY_TIME: Clock = { nowMs: 0, expired: "allow" };

function requireFresh(what: string, signed: Signed, clock: Clock, clause: string): void {
  if (clock.expired === "allow" || signed.expiresMs > clock.nowMs) return;
  throw new UpdateError("E_EXPIRED", `${what} expired at ${new Date(signed.expiresMs).toISOString()}`, { clause });
}

function rollback(what: string, got: number, trusted: number, clause: string): UpdateError {
  return new UpdateError("E_ROLLBACK", `${what}: version ${got} is older than the trusted ${trusted}`, { clause });
}

/**
 * Trust on the operator's word: the first root, pinned by its bytes or digest (TUF 5.2).
 * Its own signatures are checked so that a damaged file is not pinned; its expiry is not (TUF 5.3.1).
 */
export function pinRoot(bytes: Uint8Array, pinnedSha256?: string): TrustState {
  const what = "the trust root";
  if (pinnedSha256 !== undefined && sha256Hex(bytes) !== pinnedSha256) {
    throw new UpdateError("E_HASH_MISMATCH", `${what}: its SHA-256 is not the pinned ${pinnedSha256}`);
  }
  const envelope = parseEnvelope(bytes, what, MAX_METADATA_BYTES.root);
  const root = readRoot(envelope);
  requireThreshold(envelope, root.keys, root.roles.root, "TUF 5.2");
  return {
    root: { signed: root, envelope },
    rootChain: [bytes],
    timestamp: undefined,
    snapshot: undefined,
    targets: new Map(),
    schedule: EMPTY_SCHEDULE,
  };
}

/** The next root: exactly one version up, signed by the old root's threshold and by its own (TUF 5.3.4, 5.3.5). */
export function acceptRoot(state: TrustState, bytes: Uint8Array): TrustState {
  const old = state.root.signed;
  const envelope = parseEnvelope(bytes, `${old.version + 1}.root.json`, MAX_METADATA_BYTES.root);
  // Before anything of it is read: whoever is not trusted must not make us check a thousand keys.
  requireThreshold(envelope, old.keys, old.roles.root, "TUF 5.3.4");
  const root = readRoot(envelope);
  requireThreshold(envelope, root.keys, root.roles.root, "TUF 5.3.4");
  if (root.version !== old.version + 1) {
    throw new UpdateError(
      "E_ROLLBACK",
      `${envelope.what}: holds version ${root.version}, the next root is ${old.version + 1}`,
      { clause: "TUF 5.3.5" },
    );
  }
  const next = { ...state, root: { signed: root, envelope }, rootChain: [...state.rootChain, bytes] };
  // TUF 5.3.11: a rotated timestamp or snapshot key voids what it signed, which is how a repository recovers from
  // versions that an attacker drove to the end of the range.
  const rotated = (["timestamp", "snapshot"] as const).some((role) =>
    [...old.roles[role].keyIds].some((id) => !root.roles[role].keyIds.has(id))
  );
  return rotated ? { ...next, timestamp: undefined, snapshot: undefined, targets: new Map() } : next;
}

/** After the last root: an expired one ends the update (TUF 5.3.10). */
export function requireFreshRoot(state: TrustState, clock: Clock): void {
  requireFresh(`root version ${state.root.signed.version}`, state.root.signed, clock, "TUF 5.3.10");
}

/** The next timestamp (TUF 5.4). One of the trusted version, whatever its bytes, changes nothing (5.4.3.1). */
export function acceptTimestamp(state: TrustState, bytes: Uint8Array, clock: Clock): TrustState {
  const envelope = parseEnvelope(bytes, "timestamp.json", MAX_METADATA_BYTES.timestamp);
  const root = state.root.signed;
  requireThreshold(envelope, root.keys, root.roles.timestamp, "TUF 5.4.2");
  const timestamp = readTimestamp(envelope);
  const old = state.timestamp?.signed;
  if (old !== undefined) {
    if (timestamp.version < old.version) throw rollback(envelope.what, timestamp.version, old.version, "TUF 5.4.3.1");
    if (timestamp.version === old.version) return state;
    if (timestamp.snapshot.version < old.snapshot.version) {
      throw rollback(
        "timestamp.json names a snapshot",
        timestamp.snapshot.version,
        old.snapshot.version,
        "TUF 5.4.3.2",
      );
    }
  }
  requireFresh(envelope.what, timestamp, clock, "TUF 5.4.4");
  return { ...state, timestamp: { signed: timestamp, envelope } };
}

/** What the trusted timestamp says of the snapshot, and whether the trusted snapshot is already that one. */
export function wantedSnapshot(state: TrustState, clock: Clock): { meta: FileMeta; present: boolean } {
  const timestamp = state.timestamp;
  if (timestamp === undefined) throw new UpdateError("E_INTERNAL", "a snapshot was asked for before a timestamp");
  requireFresh("timestamp.json", timestamp.signed, clock, "TUF 5.4.4");
  const meta = timestamp.signed.snapshot;
  const known = state.snapshot;
  const present = known !== undefined && known.signed.version === meta.version && fits(known.envelope.bytes, meta);
  if (present) requireFresh("snapshot.json", known.signed, clock, "TUF 5.5.6");
  return { meta, present };
}

/**
 * The snapshot that the timestamp names (TUF 5.5).
 * @param origin "disk" for a file that was accepted before: it may be older than the timestamp and then only serves as
 *   a floor
 */
export function acceptSnapshot(
  state: TrustState,
  bytes: Uint8Array,
  clock: Clock,
  origin: "mirror" | "disk" = "mirror",
): TrustState {
  const meta = state.timestamp?.signed.snapshot;
  if (meta === undefined) throw new UpdateError("E_INTERNAL", "a snapshot arrived before a timestamp");
  if (origin === "mirror") checkFileMeta(bytes, meta, "snapshot.json", "TUF 5.5.2");
  const envelope = parseEnvelope(bytes, "snapshot.json", MAX_METADATA_BYTES.snapshot);
  const root = state.root.signed;
  requireThreshold(envelope, root.keys, root.roles.snapshot, "TUF 5.5.3");
  const snapshot = readSnapshot(envelope);
  if (origin === "mirror" && snapshot.version !== meta.version) {
    throw new UpdateError(
      "E_ROLLBACK",
      `snapshot.json: version ${snapshot.version}, the timestamp names ${meta.version}`,
      { clause: "TUF 5.5.4" },
    );
  }
  for (const [name, old] of state.snapshot?.signed.meta ?? []) {
    const now = snapshot.meta.get(name);
    const shown = JSON.stringify(name.slice(0, 64));
    if (now === undefined) {
      throw new UpdateError("E_ROLLBACK", `snapshot.json: ${shown} has disappeared`, { clause: "TUF 5.5.5" });
    }
    if (now.version < old.version) throw rollback(`snapshot.json: ${shown}`, now.version, old.version, "TUF 5.5.5");
  }
  requireFresh(envelope.what, snapshot, clock, "TUF 5.5.6");
  const kept = [...state.targets].filter(([name, t]) => isNamedBy(snapshot, name, t));
  return { ...state, snapshot: { signed: snapshot, envelope }, targets: new Map(kept) };
}

/** True when stored bytes are still what their parent signs for; if not, they have to be fetched again. */
function fits(bytes: Uint8Array, meta: FileMeta): boolean {
  const sameLength = meta.length === undefined || meta.length === bytes.length;
  return sameLength && (meta.hashes === undefined || hashesMatch(bytes, meta.hashes));
}

function isNamedBy(snapshot: Snapshot, name: string, targets: Trusted<Targets>): boolean {
  const meta = snapshot.meta.get(`${name}.json`);
  return meta !== undefined && meta.version === targets.signed.version && fits(targets.envelope.bytes, meta);
}

/** How a targets role is called in errors: names come from outside. */
function targetsFile(name: string): string {
  return /^[\w.-]{1,64}$/.test(name) ? `${name}.json` : `${JSON.stringify(name.slice(0, 64))}.json`;
}

/** What the trusted snapshot says of a targets role, and whether the trusted one is already that one. */
export function wantedTargets(
  state: TrustState,
  name: string,
  parent: string,
  clock: Clock,
): { meta: FileMeta; present: boolean } {
  const meta = requireFinalSnapshot(state).meta.get(`${name}.json`);
  if (meta === undefined) {
    throw new UpdateError("E_MALFORMED", `snapshot.json does not name ${targetsFile(name)}`, { clause: "TUF 5.6" });
  }
  const known = state.targets.get(name);
  if (known === undefined) return { meta, present: false };
  if (isOrphan(state, name, parent, known.envelope)) return { meta, present: false };
  // A role that two parents delegate to must satisfy each parent's keys, not only those of the first that asked.
  requireDelegated(state, name, parent, known.envelope);
  requireFresh(targetsFile(name), known.signed, clock, "TUF 5.6.5");
  return { meta, present: true };
}

/** A targets role that the snapshot names and the parent delegates to (TUF 5.6); the top-level one has parent "root". */
export function acceptTargets(
  state: TrustState,
  name: string,
  parent: string,
  bytes: Uint8Array,
  clock: Clock,
): TrustState {
  const what = targetsFile(name);
  const { meta } = wantedTargets(state, name, parent, clock);
  checkFileMeta(bytes, meta, what, "TUF 5.6.2");
  const envelope = parseEnvelope(bytes, what, MAX_METADATA_BYTES.targets);
  requireDelegated(state, name, parent, envelope);
  const targets = readTargets(envelope);
  if (targets.version !== meta.version) {
    throw new UpdateError("E_ROLLBACK", `${what}: version ${targets.version}, the snapshot names ${meta.version}`, {
      clause: "TUF 5.6.4",
    });
  }
  requireFresh(what, targets, clock, "TUF 5.6.5");
  return { ...state, targets: new Map([...state.targets, [name, { signed: targets, envelope }]]) };
}

/** The snapshot, when it is the very one that the timestamp names; anything else is no basis for targets. */
function requireFinalSnapshot(state: TrustState): Snapshot {
  const { timestamp, snapshot } = state;
  if (timestamp === undefined || snapshot === undefined) {
    throw new UpdateError("E_INTERNAL", "targets were asked for before a snapshot");
  }
  if (snapshot.signed.version !== timestamp.signed.snapshot.version) {
    throw new UpdateError("E_ROLLBACK", "snapshot.json is not the version that timestamp.json names", {
      clause: "TUF 5.5.4",
    });
  }
  return snapshot.signed;
}

/** True when timestamp, snapshot and top-level targets are there and name each other. */
export function isComplete(state: TrustState): boolean {
  return state.timestamp !== undefined && state.snapshot !== undefined && state.targets.has("targets") &&
    state.snapshot.signed.version === state.timestamp.signed.snapshot.version;
}

/** A role that is past its time. */
export interface ExpiredRole {
  readonly role: string;
  readonly expiresMs: number;
}

/** What of the state has expired at `nowMs`, for those who read it with `expired: "allow"`. */
export function expiredRoles(state: TrustState, nowMs: number): ExpiredRole[] {
  const roles: [string, Signed | undefined][] = [
    ["root", state.root.signed],
    ["timestamp", state.timestamp?.signed],
    ["snapshot", state.snapshot?.signed],
    ...[...state.targets].map(([name, t]): [string, Signed] => [name, t.signed]),
  ];
  return roles.flatMap(([role, signed]) =>
    signed !== undefined && signed.expiresMs <= nowMs ? [{ role, expiresMs: signed.expiresMs }] : []
  );
}
