// What of the schedule is kept: certificates with the signatures known so far, and what this node alone knows of them.
// Design: "State on disk" of docs/architecture.md. Everything else is derived from it and from the roots.
// Must not: judge.
import { UpdateError } from "../errors.ts";
import { type Certificate, certificateBytes, parseCertificate } from "./certificate.ts";
import type { Field } from "./fields.ts";
import type { Json } from "./json.ts";

/** What a node knows of a certificate by having been there. */
export interface LocalFacts {
  /** The finalized height at which it was first seen complete; null when the node joined later and cannot know. */
  readonly completeSeenHeight?: number | null;
  /** The platform for which its artifacts were those of the signed release; stays when the release leaves the list. */
  readonly matchedPlatform?: string;
}

export interface ScheduleRecord {
  /** By SHA-256 of the signed bytes. Every signature was verified when it was learnt. */
  readonly certificates: ReadonlyMap<string, Certificate>;
  readonly local: ReadonlyMap<string, LocalFacts>;
}

export const EMPTY_SCHEDULE: ScheduleRecord = { certificates: new Map(), local: new Map() };

/** The JSON of a record, for the state file. */
export function storedSchedule(record: ScheduleRecord): Json {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return {
    certificates: [...record.certificates.values()].map((c) => decoder.decode(certificateBytes(c))),
    local: Object.fromEntries([...record.local].map(([sha256, facts]) => [sha256, { ...facts }])),
  };
}

/** @throws UpdateError E_MALFORMED */
export function readStoredSchedule(f: Field): ScheduleRecord {
  const certificates = f.get("certificates").array().map((c) => parseCertificate(new TextEncoder().encode(c.string())));
  const local = f.get("local").entries().map(([sha256, facts]): [string, LocalFacts] => [sha256, readFacts(facts)]);
  return { certificates: new Map(certificates.map((c) => [c.sha256, c])), local: new Map(local) };
}

function readFacts(f: Field): LocalFacts {
  const seen = f.get("completeSeenHeight").optional((h) => (h.value === null ? null : h.integer(0)));
  const platform = f.get("matchedPlatform").optional((p) => p.line(64));
  return {
    ...(seen === undefined ? {} : { completeSeenHeight: seen }),
    ...(platform === undefined ? {} : { matchedPlatform: platform }),
  };
}

/** What both know: the union of signatures, the earlier sight, either match. Commutative, associative, idempotent. */
export function unionOf(a: ScheduleRecord, b: ScheduleRecord): ScheduleRecord {
  return { certificates: joined(a.certificates, b.certificates, unite), local: joined(a.local, b.local, uniteFacts) };
}

function joined<T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>, unite: (x: T, y: T) => T): Map<string, T> {
  const all = new Map(a);
  for (const [key, y] of b) {
    const x = all.get(key);
    all.set(key, x === undefined ? y : unite(x, y));
  }
  return all;
}

/**
 * One certificate with the signatures of both. A governor may have signed one body twice: the smaller text stays.
 * @throws UpdateError E_INTERNAL when they are different certificates
 */
export function unite(a: Certificate, b: Certificate): Certificate {
  if (a.sha256 !== b.sha256) throw new UpdateError("E_INTERNAL", "different certificates cannot be united");
  const signatures = new Map(a.signatures);
  for (const [id, hex] of b.signatures) {
    const known = signatures.get(id);
    if (known === undefined || hex < known) signatures.set(id, hex);
  }
  return { ...a, signatures };
}

function uniteFacts(a: LocalFacts, b: LocalFacts): LocalFacts {
  const seen = earlier(a.completeSeenHeight, b.completeSeenHeight);
  const platform = [a.matchedPlatform, b.matchedPlatform].filter((p) => p !== undefined).sort()[0];
  return {
    ...(seen === undefined ? {} : { completeSeenHeight: seen }),
    ...(platform === undefined ? {} : { matchedPlatform: platform }),
  };
}

function earlier(a: number | null | undefined, b: number | null | undefined): number | null | undefined {
  if (a === undefined || b === undefined) return a ?? b ?? (a === undefined ? b : a);
  return a === null || b === null ? null : Math.min(a, b);
}
