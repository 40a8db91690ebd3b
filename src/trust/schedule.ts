// Learning certificates and votes. Design: "Governance in detail", "Gossip" (votes); docs/decisions/0012.
// A union: order and repetition do not matter. What is kept is bounded by the window around the head and by governors,
// so that a governor who signs without end costs a few kilobytes and hinders nobody.
// Must not: know where certificates come from.
import { UpdateError } from "../errors.ts";
import { type Certificate, overlaps, withSignatures } from "./certificate.ts";
import type { TrustState } from "./client.ts";
import { type Epoch, epochsOf } from "./epochs.ts";
import { epochFor, judgeCertificates, type Judgement, place } from "./judge.ts";
import type { KeyId } from "./keys.ts";
import { EMPTY_SCHEDULE, type ScheduleRecord, unionOf, unite } from "./schedule-record.ts";
import { isSignedBy } from "./signers.ts";

/** Votes are taken up to this far above the head, so that governors need not wait for each other's certificates. */
export const WINDOW_ABOVE = 4;
/** Down to here what was not accepted is kept too: a rival may still become complete. Older, only evidence is kept. */
const WINDOW_BELOW = 3;
/** Bodies of one sequence that are kept for one governor: one, and one more as evidence against his key. */
const BODIES_PER_GOVERNOR = 2;

/** Twenty governors who all fill every place they have; more of them, and the heaviest bodies stay. */
const MAX_OPEN_BYTES = 4 * 2 ** 20;

const judged = new WeakMap<ScheduleRecord, { rootChain: TrustState["rootChain"]; judgement: Judgement }>();

/** What a state's certificates amount to under its roots. */
export function judgementOf(state: Pick<TrustState, "schedule" | "rootChain" | "root">): Judgement {
  const { schedule, rootChain } = state;
  const known = judged.get(schedule);
  if (known?.rootChain === rootChain) return known.judgement;
  const judgement = judgeCertificates(epochsOf(state), schedule.certificates.values());
  judged.set(schedule, { rootChain, judgement });
  return judgement;
}

/** What became of a certificate that was learnt. */
export interface Learnt {
  readonly state: TrustState;
  /**
   * "complete": it is in force now and was not before; "vote": it adds a governor's signature; "known": nothing new;
   * "ignored": not for now, see `why`.
   */
  readonly outcome: "complete" | "vote" | "known" | "ignored";
  readonly why: string;
  /** Governors whose signatures are new. */
  readonly added: readonly KeyId[];
}

/**
 * Takes in a certificate with whatever signatures it has.
 * @throws UpdateError E_CERTIFICATE when it can never be part of this schedule, E_SIGNATURE when a governor's signature
 *   does not verify
 */
export function learnCertificate(state: TrustState, received: Certificate): Learnt {
  const { sequence } = received.body;
  const ignored = (why: string): Learnt => ({ state, outcome: "ignored", why, added: [] });
  const before = judgementOf(state);
  const epoch = epochFor(before.epochs, received);
  if (epoch === undefined) return ignored(`no root is known whose governors judge certificate ${sequence}`);
  place(before, received); // says what rule it breaks, if it breaks one
  const known = state.schedule.certificates.get(received.sha256);
  const certificate = verifiedPart(state.schedule, received, epoch);
  const added = [...certificate.signatures.keys()].filter((id) => known?.signatures.has(id) !== true);
  if (certificate.signatures.size === 0) return ignored(`certificate ${sequence} has no governor's signature`);
  if (added.length === 0) return { state, outcome: "known", why: `certificate ${sequence} is known`, added };
  const next = { ...state, schedule: pruned(state, withCertificates(state.schedule, [certificate])) };
  const kept = next.schedule.certificates.get(received.sha256);
  const keptAdded = added.filter((id) => kept?.signatures.has(id));
  if (keptAdded.length === 0) {
    const { head } = before;
    return ignored(`certificate ${sequence} is beyond what is kept at head ${head}`);
  }
  const isNew = judgementOf(next).accepted.has(received.sha256) && !before.accepted.has(received.sha256);
  const outcome = isNew ? "complete" : "vote";
  return {
    state: next,
    outcome,
    why: `certificate ${sequence} has ${keptAdded.length} new signatures`,
    added: keptAdded,
  };
}

/** Takes in all that can be used of a list, such as a bundle's; what cannot is left out. */
export function learnCertificates(state: TrustState, received: readonly Certificate[]): TrustState {
  const epochs = epochsOf(state);
  const usable = received.flatMap((c) => {
    try {
      const epoch = epochFor(epochs, c);
      return epoch === undefined ? [] : [verifiedPart(state.schedule, c, epoch)];
    } catch (e) {
      if (e instanceof UpdateError) return [];
      throw e;
    }
  });
  if (usable.length === 0) return state;
  return { ...state, schedule: pruned(state, withCertificates(state.schedule, usable)) };
}

/** The state with what another record knows as well. */
export function withSchedule(state: TrustState, other: ScheduleRecord): TrustState {
  if (isWithin(other, state.schedule)) return state;
  return { ...state, schedule: pruned(state, unionOf(state.schedule, other)) };
}

/** True when a record holds nothing that the other does not: most of the time, and then nothing has to be judged. */
function isWithin(part: ScheduleRecord, whole: ScheduleRecord): boolean {
  if (part === EMPTY_SCHEDULE || part === whole) return true;
  const hasAll = [...part.certificates].every(([sha256, { signatures }]) => {
    const known = whole.certificates.get(sha256)?.signatures;
    return known !== undefined && [...signatures].every(([id, hex]) => (known.get(id) ?? "~") <= hex);
  });
  return hasAll && [...part.local].every(([sha256, facts]) => {
    const known = whole.local.get(sha256);
    return known?.completeSeenHeight === facts.completeSeenHeight && known?.matchedPlatform === facts.matchedPlatform;
  });
}

function withCertificates(record: ScheduleRecord, list: readonly Certificate[]): ScheduleRecord {
  const certificates = new Map<string, Certificate>();
  for (const c of list) certificates.set(c.sha256, unite(certificates.get(c.sha256) ?? c, c));
  return unionOf(record, { certificates, local: new Map() });
}

/** The received certificate with the signatures of governors alone, all of them verified. */
function verifiedPart(record: ScheduleRecord, received: Certificate, epoch: Epoch): Certificate {
  const { governors } = epoch.governance;
  const known = record.certificates.get(received.sha256);
  const ids = [...received.signatures.keys()].filter((id) => governors.has(id));
  const claimed = new Set([...ids, ...known?.signatures.keys() ?? []]);
  const weight = [...claimed].reduce((sum, id) => sum + (governors.get(id) ?? 0), 0);
  // Where no quorum is in sight, a signature that would not be kept is not worth the time of verifying it.
  const isCheap = 2 * weight <= epoch.totalWeight;
  const signatures = new Map<KeyId, string>();
  // The bytes that are kept already remember which signatures were verified for them.
  const same = known === undefined ? received : { ...received, signedBytes: known.signedBytes };
  for (const id of ids) {
    if (isCheap && !hasRoom(record, received, id)) continue;
    if (!isSignedBy(same, id, epoch)) {
      throw new UpdateError(
        "E_SIGNATURE",
        `certificate ${received.body.sequence}: the signature of governor ${id} does not verify`,
      );
    }
    signatures.set(id, received.signatures.get(id) ?? "");
  }
  return withSignatures(same, signatures);
}

/** False for a body that has no place yet, when this governor's own places are taken. */
function hasRoom(record: ScheduleRecord, c: Certificate, id: KeyId): boolean {
  if (record.certificates.has(c.sha256)) return true;
  let before = 0;
  for (const other of record.certificates.values()) {
    if (other.body.sequence !== c.body.sequence || !other.signatures.has(id)) continue;
    if (byRank(other, c) < 0) before++;
  }
  return before < BODIES_PER_GOVERNOR;
}

/** The newest proposal first: who proposes again after one has expired must not lose his place to it. */
function byRank(a: Certificate, b: Certificate): number {
  return b.body.proposedHeight - a.body.proposedHeight || (a.sha256 < b.sha256 ? -1 : a.sha256 > b.sha256 ? 1 : 0);
}

/** The bounded part of a record: what is in force, what may come into force, and one proof against each double signer. */
function pruned(state: TrustState, record: ScheduleRecord): ScheduleRecord {
  const judgement = judgementOf({ ...state, schedule: record });
  const kept = new Map<string, Set<KeyId>>();
  const keep = (sha256: string, ids: Iterable<KeyId>) => kept.set(sha256, new Set([...kept.get(sha256) ?? [], ...ids]));
  const bodies = new Map<KeyId, Map<number, Certificate[]>>();
  for (const c of record.certificates.values()) {
    if (!isUsable(judgement, c)) continue;
    const governors = governorsOf(judgement, c);
    if (judgement.accepted.has(c.sha256)) keep(c.sha256, governors);
    if (c.body.sequence - judgement.head > WINDOW_ABOVE) continue;
    for (const id of governors) {
      const own = bodies.get(id) ?? new Map<number, Certificate[]>();
      bodies.set(id, own.set(c.body.sequence, [...own.get(c.body.sequence) ?? [], c].sort(byRank)));
    }
  }
  for (const [id, own] of bodies) {
    let hasOldEvidence = false;
    for (const [sequence, all] of [...own].sort(([a], [b]) => a - b)) {
      const isOld = judgement.head - sequence > WINDOW_BELOW;
      const [first, second] = all;
      const isEvidence = first !== undefined && second !== undefined && overlaps(first, second);
      if (isOld && (hasOldEvidence || !isEvidence)) continue;
      hasOldEvidence ||= isOld;
      // A body that has a place by anybody's vote keeps all votes: bodies are what memory is spent on.
      for (const c of all.slice(0, BODIES_PER_GOVERNOR)) keep(c.sha256, isOld ? [id] : governorsOf(judgement, c));
    }
  }
  const certificates = affordable(
    judgement,
    [...kept].flatMap(([sha256, ids]) => {
      const c = record.certificates.get(sha256);
      return c === undefined ? [] : [onlyOf(c, ids)];
    }),
  );
  const local = [...record.local].filter(([sha256]) => judgement.accepted.has(sha256));
  return { certificates: new Map(certificates.map((c) => [c.sha256, c])), local: new Map(local) };
}

/** What is in force, and of the rest the heaviest, as far as there is room: what governors agree on stays longest. */
function affordable(j: Judgement, list: readonly Certificate[]): Certificate[] {
  const byName = [...list].sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
  const open = byName.filter((c) => !j.accepted.has(c.sha256));
  const bytes = (c: Certificate) => c.signedBytes.length + c.signatures.size * 256;
  if (open.reduce((sum, c) => sum + bytes(c), 0) <= MAX_OPEN_BYTES) return byName;
  const weight = (c: Certificate) => {
    const governors = j.epochs.ofSequence(c.body.sequence)?.governance.governors;
    return [...c.signatures.keys()].reduce((sum, id) => sum + (governors?.get(id) ?? 0), 0);
  };
  let room = MAX_OPEN_BYTES;
  const kept = new Set(open.sort((a, b) => weight(b) - weight(a)).filter((c) => (room -= bytes(c)) >= 0));
  return byName.filter((c) => j.accepted.has(c.sha256) || kept.has(c));
}

function onlyOf(c: Certificate, ids: ReadonlySet<KeyId>): Certificate {
  if ([...c.signatures.keys()].every((id) => ids.has(id))) return c;
  return withSignatures(c, new Map([...c.signatures].filter(([id]) => ids.has(id))));
}

function governorsOf(j: Judgement, c: Certificate): KeyId[] {
  const governors = j.epochs.ofSequence(c.body.sequence)?.governance.governors;
  return [...c.signatures.keys()].filter((id) => governors?.has(id) === true);
}

/** False for what can never come into force: its rule is broken, or its root is not known. */
function isUsable(j: Judgement, c: Certificate): boolean {
  try {
    if (!j.accepted.has(c.sha256)) place(j, c);
    return epochFor(j.epochs, c) !== undefined;
  } catch (e) {
    if (e instanceof UpdateError) return false;
    throw e;
  }
}

/** Notes at which finalized height what is in force now was first seen so; null when this node has just joined. */
export function recordSeen(state: TrustState, height: number | null): TrustState {
  const local = new Map(state.schedule.local);
  for (const sha256 of judgementOf(state).accepted.keys()) {
    const facts = local.get(sha256);
    if (facts?.completeSeenHeight === undefined) local.set(sha256, { ...facts, completeSeenHeight: height });
  }
  return { ...state, schedule: { ...state.schedule, local } };
}

/** A governor who signed two bodies of one sequence. */
export interface Evidence {
  readonly keyId: KeyId;
  readonly sequence: number;
  /** SHA-256 of the two bodies. */
  readonly certificates: readonly [string, string];
}

/** The evidence that is kept, by sequence: one proof a governor and sequence. His votes count all the same. */
export function evidenceOf(state: TrustState): Evidence[] {
  const { epochs } = judgementOf(state);
  const signed = new Map<string, Certificate[]>();
  const found = new Map<string, Evidence>();
  for (const c of [...state.schedule.certificates.values()].sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1))) {
    const { sequence } = c.body;
    const epoch = epochs.ofSequence(sequence);
    for (const keyId of c.signatures.keys()) {
      const slot = `${sequence} ${keyId}`, others = signed.get(slot) ?? [];
      signed.set(slot, [...others, c]);
      const other = found.has(slot) ? undefined : others.find((o) => overlaps(o, c));
      if (other === undefined || epoch === undefined) continue;
      if (!isSignedBy(c, keyId, epoch) || !isSignedBy(other, keyId, epoch)) continue;
      found.set(slot, { keyId, sequence, certificates: [other.sha256, c.sha256] });
    }
  }
  return [...found.values()].sort((a, b) => a.sequence - b.sequence || (a.keyId < b.keyId ? -1 : 1));
}
