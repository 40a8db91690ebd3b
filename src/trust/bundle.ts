// The bundle: all current metadata in one file. Design: "Formats", Bundle.
// Its strings are the exact bytes of the files, because TUF hashes bytes.
// Must not: trust anything for being in it.
import { UpdateError } from "../errors.ts";
import { type Certificate, certificateBytes, parseCertificate } from "./certificate.ts";
import {
  acceptRoot,
  acceptSnapshot,
  acceptTargets,
  acceptTimestamp,
  type Clock,
  isComplete,
  requireFreshRoot,
  type TrustState,
  wantedSnapshot,
} from "./client.ts";
import { parseEnvelope } from "./envelope.ts";
import { Field } from "./fields.ts";
import { type Json, parseJsonObject } from "./json.ts";
import { MAX_CERTIFICATES } from "./judge.ts";
import { MAX_METADATA_BYTES } from "./metadata.ts";
import { EMPTY_SCHEDULE } from "./schedule-record.ts";
import { judgementOf, learnCertificates } from "./schedule.ts";
import { nextUnloadedRole } from "./search.ts";
import { storedTrust } from "./stored-trust.ts";

export const BUNDLE_FORMAT = "dchat-bundle-1";
/** The format's own limit. */
export const MAX_BUNDLE_BYTES = 8 * 2 ** 20;
/** A root a month for thirty years. */
const MAX_BUNDLE_ROOTS = 360;

/** A bundle as read: exact bytes of each file, nothing proven. */
export interface RawBundle {
  readonly network: string;
  readonly roots: readonly Uint8Array[];
  readonly timestamp: Uint8Array;
  readonly snapshot: Uint8Array;
  readonly targets: Uint8Array;
  readonly delegated: ReadonlyMap<string, Uint8Array>;
  /** Certificates. */
  readonly schedule: readonly Uint8Array[];
}

/** @throws UpdateError E_TOO_LARGE, E_MALFORMED */
export function readBundle(bytes: Uint8Array): RawBundle {
  requireBundleSize(bytes);
  const f = new Field(parseJsonObject(bytes, "the bundle"), "the bundle");
  f.get("format").oneOf([BUNDLE_FORMAT]);
  const roots = f.get("roots").array();
  if (roots.length > MAX_BUNDLE_ROOTS) f.get("roots").fail(`more than ${MAX_BUNDLE_ROOTS} roots`);
  // Bundles of before there was a schedule have an empty one.
  const schedule = f.get("schedule").optional((s) => s.array()) ?? [];
  if (schedule.length > MAX_CERTIFICATES) f.get("schedule").fail(`more than ${MAX_CERTIFICATES} entries`);
  const text = (t: Field) => new TextEncoder().encode(t.string());
  return {
    network: f.get("network").line(),
    roots: roots.map(text),
    timestamp: text(f.get("timestamp")),
    snapshot: text(f.get("snapshot")),
    targets: text(f.get("targets")),
    delegated: new Map(f.get("delegated").entries().map(([name, t]) => [name, text(t)])),
    schedule: schedule.map(text),
  };
}

/**
 * The bundle of a complete state.
 * @param mirrors the list that the state names, if it names one
 * @throws UpdateError E_TOO_LARGE when nobody would read it
 */
export function writeBundle(state: TrustState, network: string, mirrors?: Uint8Array): Uint8Array {
  if (!isComplete(state)) throw new UpdateError("E_INTERNAL", "a bundle was asked for before everything was there");
  const stored = storedTrust(state);
  const text = (b: Uint8Array | undefined) => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(b);
  // The cast: Object.create is typed any; without a prototype a role named __proto__ is a role like any other.
  const delegated = Object.create(null) as Record<string, Json>;
  for (const [name, bytes] of stored.targets) if (name !== "targets") delegated[name] = text(bytes);
  const document: Json = {
    format: BUNDLE_FORMAT,
    network,
    roots: stored.roots.map(text),
    timestamp: text(stored.timestamp),
    snapshot: text(stored.snapshot),
    targets: text(stored.targets.get("targets")),
    delegated,
    schedule: inForce(state).map((c) => text(certificateBytes(c))),
    ...(mirrors === undefined ? {} : { mirrors: text(mirrors) }),
  };
  // Plain JSON, not canonical: OLPC text keeps line feeds raw, which no JSON reader takes. Nothing signs a bundle.
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  requireBundleSize(bytes, "drop old releases: dchat-update release prune");
  return bytes;
}

function requireBundleSize(bytes: Uint8Array, hint?: string): void {
  if (bytes.length <= MAX_BUNDLE_BYTES) return;
  const message = `the bundle has ${bytes.length} bytes, at most ${MAX_BUNDLE_BYTES} are allowed`;
  throw new UpdateError("E_TOO_LARGE", message, hint === undefined ? {} : { hint });
}

/**
 * Applies a bundle to what is already trusted, as if a mirror had given each file: same checks, same floors.
 * @throws UpdateError
 */
export function applyBundle(state: TrustState, bundle: RawBundle, clock: Clock): TrustState {
  let next = state;
  for (const bytes of bundle.roots) {
    if (rootVersion(bytes) > next.root.signed.version) next = acceptRoot(next, bytes);
  }
  requireFreshRoot(next, clock);
  next = acceptTimestamp(next, bundle.timestamp, clock);
  if (!wantedSnapshot(next, clock).present) next = acceptSnapshot(next, bundle.snapshot, clock);
  for (let role = nextUnloadedRole(next, clock); role !== undefined; role = nextUnloadedRole(next, clock)) {
    const bytes = role.name === "targets" ? bundle.targets : bundle.delegated.get(role.name);
    if (bytes === undefined) {
      throw new UpdateError("E_MALFORMED", `the bundle lacks the role ${JSON.stringify(role.name.slice(0, 64))}`);
    }
    next = acceptTargets(next, role.name, role.parent, bytes, clock);
  }
  return next;
}

/**
 * Takes in the certificates of a bundle. What cannot be used, for whatever reason, is left out: whether the schedule is
 * whole is told by the snapshot, not by the bundle. Apart from `applyBundle`, because judging takes time that a reader
 * of releases does not need to spend.
 */
export function applySchedule(state: TrustState, bundle: Pick<RawBundle, "schedule">): TrustState {
  const certificates = bundle.schedule.flatMap((bytes) => {
    try {
      return [parseCertificate(bytes, "a certificate of the bundle")];
    } catch (e) {
      if (e instanceof UpdateError) return [];
      throw e;
    }
  });
  return learnCertificates(state, certificates);
}

/** The approved certificates, by sequence. */
function inForce(state: TrustState): Certificate[] {
  if (state.schedule === EMPTY_SCHEDULE) return [];
  return [...judgementOf(state).bySequence.values()].flat().map((p) => p.certificate);
}

/** Only to skip roots that are known: the number is checked again when a root is accepted. */
function rootVersion(bytes: Uint8Array): number {
  const envelope = parseEnvelope(bytes, "a root of the bundle", MAX_METADATA_BYTES.root);
  return new Field(envelope.signed, envelope.what).get("version").integer(1);
}
