// A certificate: one entry of the schedule, as it is signed by governors. Design: "Formats", Certificate.
// Read strictly: a field that nobody knows refuses it, because nodes that read it and nodes that do not would part.
// Must not: judge who signed it or whether it fits the schedule; that is judge.ts.
import type { Digests, UpgradeType } from "../api.ts";
import { UpdateError } from "../errors.ts";
import { type Envelope, parseEnvelope } from "./envelope.ts";
import { Field } from "./fields.ts";
import { sha256Hex } from "./hex.ts";
import { canonicalBytes, isJsonObject, type Json, type JsonObject } from "./json.ts";
import type { KeyId } from "./keys.ts";
import { checkRelativePath, isVersion, targetPath } from "./naming.ts";
import { UPGRADE_TYPES } from "./release-terms.ts";
import { isNetworkName, MAX_GOVERNORS } from "./x-dchat.ts";

const SPEC_VERSION = "1";
/** Leaves a quarter of a gossip message of 16 KiB for the signatures that travel with it. */
export const MAX_SIGNED_BYTES = 12 * 1024;
/** A key id, a signature and the punctuation around them are 222 bytes. */
export const MAX_CERTIFICATE_BYTES = MAX_SIGNED_BYTES + MAX_GOVERNORS * 256;
/** A release has about ten platforms; what fits into `MAX_SIGNED_BYTES` is less than twice this. */
const MAX_TARGETS = 32;
/** Certificates that one certificate replaces or cancels: more than are ever open at a time. */
const MAX_NAMED = 16;

/** `prev_sha256` of the first certificate of a network. */
export const NO_CERTIFICATE = "0".repeat(64);

interface CommonBody {
  readonly network: string;
  readonly sequence: number;
  /** SHA-256 of the signed bytes of the certificate before. */
  readonly prevSha256: string;
  /** The root under which it was proposed: its governors must be those of the sequence. */
  readonly rootVersion: number;
  readonly proposedHeight: number;
  /** Complete at this height or later it has no effect. */
  readonly expiresHeight: number;
  readonly title?: string;
  readonly notesUrl?: string;
}

/** A version from a height on. */
export interface Activation extends CommonBody {
  readonly kind: "activate";
  readonly upgradeType: UpgradeType;
  readonly version: string;
  /** By target path; every platform that is approved. */
  readonly targets: ReadonlyMap<string, Digests>;
  /** The first block under the new rules. */
  readonly activationHeight: number;
  readonly switch: "at" | "before";
  /** With "before": nodes switch anywhere from here to the block before the activation. */
  readonly switchFrom?: number;
  readonly replaces: readonly number[];
  /** What a feature toggle turns on. */
  readonly feature?: string;
}

/** Earlier certificates shall have no effect. */
export interface Cancellation extends CommonBody {
  readonly kind: "cancel";
  readonly cancels: readonly number[];
}

export type CertificateBody = Activation | Cancellation;

/** A certificate as read. Nothing about its signatures is implied. */
export interface Certificate {
  readonly body: CertificateBody;
  /** Of the signed bytes: what the certificate is called by the next one, by the snapshot, everywhere. */
  readonly sha256: string;
  readonly signed: JsonObject;
  readonly signedBytes: Uint8Array;
  /** Hex text by key id. */
  readonly signatures: ReadonlyMap<KeyId, string>;
}

/** The certificates that a certificate takes the effect from. */
export function namedBy(body: CertificateBody): readonly number[] {
  return body.kind === "cancel" ? body.cancels : body.replaces;
}

/** True when one had not expired before the other was proposed: nobody may sign both. */
export function overlaps({ body: a }: Certificate, { body: b }: Certificate): boolean {
  return a.proposedHeight < b.expiresHeight && b.proposedHeight < a.expiresHeight;
}

/** @throws UpdateError E_TOO_LARGE, E_MALFORMED */
export function parseCertificate(bytes: Uint8Array, what = "the certificate"): Certificate {
  return fromEnvelope(parseEnvelope(bytes, what, MAX_CERTIFICATE_BYTES));
}

/** The certificate of a body, without signatures. @throws UpdateError E_MALFORMED, E_TOO_LARGE */
export function certificateOf(signed: JsonObject): Certificate {
  const signedBytes = canonicalBytes(signed);
  return fromEnvelope({ what: "the certificate", bytes: signedBytes, signed, signedBytes, signatures: new Map() });
}

function fromEnvelope({ what, signed, signedBytes, signatures }: Envelope): Certificate {
  if (signedBytes.length > MAX_SIGNED_BYTES) {
    throw new UpdateError("E_TOO_LARGE", `${what}: ${signedBytes.length} signed bytes, at most ${MAX_SIGNED_BYTES}`);
  }
  const body = readBody(new Field(signed, what));
  return { body, sha256: sha256Hex(signedBytes), signed, signedBytes, signatures };
}

/** The file of a certificate: canonical, so that equal certificates are equal bytes. */
export function certificateBytes(c: Certificate): Uint8Array {
  const signatures = [...c.signatures].sort(([a], [b]) => (a < b ? -1 : 1)).map(([keyid, sig]) => ({ keyid, sig }));
  // Canonical text is JSON here: no field holds a control character, which is all that OLPC writes otherwise.
  return canonicalBytes({ signatures, signed: c.signed });
}

/** True for what says that it is a certificate of another version: whoever passes it on knows more, and does not lie. */
export function isOfOtherVersion(envelope: Json): boolean {
  const signed = isJsonObject(envelope) ? envelope["signed"] : undefined;
  const version = isJsonObject(signed) ? signed["spec_version"] : undefined;
  return typeof version === "string" && version !== SPEC_VERSION;
}

/** The same certificate with other signatures. */
export function withSignatures(c: Certificate, signatures: ReadonlyMap<KeyId, string>): Certificate {
  return { ...c, signatures };
}

const COMMON_FIELDS = [
  "_type",
  "spec_version",
  "network",
  "sequence",
  "prev_sha256",
  "root_version",
  "kind",
  "proposed_height",
  "expires_height",
  "title",
  "notes_url",
];
const ACTIVATE_FIELDS = [
  ...COMMON_FIELDS,
  "upgrade_type",
  "version",
  "targets",
  "activation_height",
  "switch",
  "switch_from",
  "replaces",
  "feature",
];
const CANCEL_FIELDS = [...COMMON_FIELDS, "cancels"];

function readBody(f: Field): CertificateBody {
  f.get("_type").oneOf(["dchat-activation"]);
  f.get("spec_version").oneOf([SPEC_VERSION]);
  const kind = f.get("kind").oneOf(["activate", "cancel"]);
  const known = kind === "activate" ? ACTIVATE_FIELDS : CANCEL_FIELDS;
  for (const [name, field] of f.entries()) if (!known.includes(name)) field.fail(`has no place in "${kind}"`);
  const common = readCommon(f);
  if (kind === "activate") return readActivation(f, common);
  return { ...common, kind, cancels: readNamed(f.get("cancels"), common.sequence) };
}

function readCommon(f: Field): CommonBody {
  const network = f.get("network").line(64);
  if (!isNetworkName(network)) f.get("network").fail("must be 1 to 64 of a-z 0-9 . _ -");
  const proposedHeight = f.get("proposed_height").integer(0);
  const title = f.get("title").optional((t) => t.line(200));
  const notesUrl = f.get("notes_url").optional((u) => u.line(1024));
  return {
    network,
    sequence: f.get("sequence").integer(1),
    prevSha256: f.get("prev_sha256").hex(32),
    rootVersion: f.get("root_version").integer(1),
    proposedHeight,
    expiresHeight: above(f.get("expires_height"), proposedHeight),
    ...(title === undefined ? {} : { title }),
    ...(notesUrl === undefined ? {} : { notesUrl }),
  };
}

function above(f: Field, height: number): number {
  const n = f.integer(1);
  return n > height ? n : f.fail(`must be above ${height}`);
}

function readActivation(f: Field, common: CommonBody): Activation {
  const upgradeType = f.get("upgrade_type").oneOf(UPGRADE_TYPES);
  const version = f.get("version").line(64);
  if (!isVersion(version)) f.get("version").fail("must be a semantic version");
  const activationHeight = above(f.get("activation_height"), common.proposedHeight);
  if (common.expiresHeight > activationHeight) f.get("expires_height").fail("must not be above the activation");
  const how = f.get("switch").oneOf(["at", "before"]);
  const switchFrom = f.get("switch_from").optional((s) => s.integer(1));
  if ((switchFrom !== undefined) !== (how === "before")) f.get("switch_from").fail('belongs to "before"');
  if (switchFrom !== undefined && switchFrom >= activationHeight) {
    f.get("switch_from").fail("must be below the activation");
  }
  const feature = f.get("feature").optional((x) => x.line(64));
  if (feature !== undefined && upgradeType !== "feature-toggle") f.get("feature").fail("belongs to a feature-toggle");
  return {
    ...common,
    kind: "activate",
    upgradeType,
    version,
    targets: readTargets(f.get("targets"), version),
    activationHeight,
    switch: how,
    ...(switchFrom === undefined ? {} : { switchFrom }),
    replaces: f.get("replaces").optional((r) => readNamed(r, common.sequence)) ?? [],
    ...(feature === undefined ? {} : { feature }),
  };
}

function readTargets(f: Field, version: string): ReadonlyMap<string, Digests> {
  const entries = f.entries();
  if (entries.length === 0 || entries.length > MAX_TARGETS) f.fail(`must name 1 to ${MAX_TARGETS} artifacts`);
  return new Map(entries.map(([path, t]) => {
    checkRelativePath(path, t.where);
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (path !== targetPath(version, name)) t.fail(`is not an artifact of version ${version}`);
    for (const [key, field] of t.entries()) {
      if (!["length", "sha256", "blake3"].includes(key)) field.fail("has no place here");
    }
    return [path, {
      length: t.get("length").integer(1),
      sha256: t.get("sha256").hex(32),
      blake3: t.get("blake3").hex(32),
    }];
  }));
}

/** Sequences in rising order, so that one meaning has one text. */
function readNamed(f: Field, sequence: number): readonly number[] {
  const named = f.array().map((n) => n.integer(1));
  if (named.length === 0 || named.length > MAX_NAMED) f.fail(`must name 1 to ${MAX_NAMED} certificates`);
  if (named.some((n, i) => n >= (named[i + 1] ?? sequence))) f.fail("must rise, and stay below the sequence");
  return named;
}
