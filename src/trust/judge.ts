// Which certificates the network has approved: the hash chain, built from certificates as they lie there, in any order.
// Design: "Formats", Certificate; docs/decisions/0012. A function of roots and certificates alone: two nodes that hold
// the same ones come to the same judgement, whenever each of them came. Must not: know heights, this node, releases.
import type { UpgradeType } from "../api.ts";
import { UpdateError } from "../errors.ts";
import { type Certificate, namedBy, NO_CERTIFICATE } from "./certificate.ts";
import type { Epoch, Epochs } from "./epochs.ts";
import { UPGRADE_TYPES } from "./release-terms.ts";
import { reaches } from "./signers.ts";

/** Complete certificates of one sequence that are kept: two contest each other, the rest is for their successors. */
const MAX_RIVALS = 8;
/** A certificate a week for forty years. */
export const MAX_CERTIFICATES = 2048;

/** A certificate in its place in the chain; complete once it is among the accepted ones. */
export interface Placed {
  readonly certificate: Certificate;
  readonly epoch: Epoch;
  /** The one before; undefined for the first that these roots judge. */
  readonly parent: Placed | undefined;
  /** What it names, as it stands in its own past. */
  readonly named: readonly Placed[];
  /** Weight it needs: the largest quorum of its own type and of the types of what it names. */
  readonly required: number;
  readonly demands: ReadonlySet<UpgradeType>;
  /** Blocks by which an approval must precede its height. */
  readonly leadBlocks: number;
}

export interface Judgement {
  readonly epochs: Epochs;
  /** Complete and in its place, by SHA-256. */
  readonly accepted: ReadonlyMap<string, Placed>;
  /** The same by sequence, rising; several of one sequence are rivals. */
  readonly bySequence: ReadonlyMap<number, readonly Placed[]>;
  /** The first sequence that these roots judge; undefined without governors. */
  readonly start: number | undefined;
  /** The greatest accepted sequence; one below the start while there is none. */
  readonly head: number;
}

/** Judges a set of certificates. */
export function judgeCertificates(epochs: Epochs, certificates: Iterable<Certificate>): Judgement {
  const start = epochs.all[0]?.governance.firstSequence;
  const accepted = new Map<string, Placed>();
  const bySequence = new Map<number, readonly Placed[]>();
  let head = (start ?? 1) - 1;
  const base = { epochs, accepted, bySequence, start };
  const waiting = new Map<number, Certificate[]>();
  for (const c of certificates) waiting.set(c.body.sequence, [...waiting.get(c.body.sequence) ?? [], c]);
  // A sequence without any accepted certificate ends the chain: nothing behind it has a past.
  for (let next = start; next !== undefined && waiting.has(next) && accepted.size < MAX_CERTIFICATES; next++) {
    const rivals: Placed[] = [];
    for (const c of (waiting.get(next) ?? []).toSorted((a, b) => (a.sha256 < b.sha256 ? -1 : 1))) {
      if (rivals.length === MAX_RIVALS) break;
      const placed = fits({ ...base, head }, c);
      if (placed === undefined || !reaches(c, placed.epoch, placed.required)) continue;
      rivals.push(placed);
    }
    if (rivals.length === 0) break;
    for (const placed of rivals) accepted.set(placed.certificate.sha256, placed);
    bySequence.set(next, rivals);
    head = next;
    if (next === Number.MAX_SAFE_INTEGER) break;
  }
  return { ...base, head };
}

function fits(j: Judgement, c: Certificate): Placed | undefined {
  try {
    return place(j, c);
  } catch (e) {
    if (e instanceof UpdateError) return undefined;
    throw e;
  }
}

function broken(why: string): never {
  throw new UpdateError("E_CERTIFICATE", why);
}

/**
 * The epoch that a certificate is for, by its network, its root and its sequence.
 * @returns undefined when its root is not known yet, or when its sequence is before what the known roots judge
 * @throws UpdateError E_CERTIFICATE for another network, or when the root it names is not of the governors of its sequence
 */
export function epochFor(epochs: Epochs, { body }: Certificate): Epoch | undefined {
  if (body.network !== epochs.network) {
    broken(
      `the certificate is for network ${JSON.stringify(body.network)}, not ${JSON.stringify(epochs.network ?? "")}`,
    );
  }
  if (body.rootVersion > epochs.newestRoot || body.sequence < (epochs.all[0]?.governance.firstSequence ?? Infinity)) {
    return undefined;
  }
  const epoch = epochs.ofSequence(body.sequence);
  if (epoch !== undefined && epochs.ofRoot(body.rootVersion) === epoch) return epoch;
  return broken(
    `certificate ${body.sequence} names root ${body.rootVersion}, whose governors do not judge this sequence`,
  );
}

/**
 * Puts a certificate into its place behind the one it names, whatever its signatures.
 * @returns undefined when what comes before it is not known (yet)
 * @throws UpdateError E_CERTIFICATE when it breaks a rule of the schedule
 */
export function place(j: Judgement, c: Certificate): Placed | undefined {
  const { body } = c;
  const epoch = epochFor(j.epochs, c);
  if (epoch === undefined || j.start === undefined) return undefined;
  const parent = j.accepted.get(body.prevSha256);
  if (body.sequence === j.start) {
    // Roots before the oldest known one may have judged certificates that this node cannot.
    const isFirst = j.epochs.oldestRoot === 1;
    if (isFirst && body.prevSha256 !== NO_CERTIFICATE) broken("the first certificate must name none before it");
  } else if (parent === undefined) {
    return undefined;
  } else if (parent.certificate.body.sequence !== body.sequence - 1) {
    broken(`certificate ${body.sequence} names one of sequence ${parent.certificate.body.sequence} before it`);
  }
  const extension = j.epochs.extensionOf(body.rootVersion);
  const leadBlocks = extension?.minLeadBlocks ?? 0;
  if (body.kind === "activate") {
    if (body.activationHeight - body.proposedHeight <= leadBlocks) {
      broken(`certificate ${body.sequence} was proposed less than ${leadBlocks} blocks before its height`);
    }
    if (body.switch === "at" && body.upgradeType === "hard-fork" && extension?.chain?.finality !== "instant") {
      broken('a hard fork that is switched "at" its height needs a chain with instant finality: use "before"');
    }
  }
  const past = body.sequence === j.start ? [] : lineOf(parent);
  const { named, demands } = readNamed(c, past, j.start);
  const required = Math.max(...[...demands].map((type) => epoch.governance.quorum[type]));
  const placed: Placed = { certificate: c, epoch, parent: past[0], named, required, demands, leadBlocks };
  requireRisingHeights([placed, ...past]);
  return placed;
}

/** A certificate and all before it, newest first. */
export function lineOf(placed: Placed | undefined): Placed[] {
  const line: Placed[] = [];
  for (let p = placed; p !== undefined; p = p.parent) line.push(p);
  return line;
}

function readNamed(c: Certificate, past: readonly Placed[], start: number) {
  const demands = new Set<UpgradeType>(c.body.kind === "activate" ? [c.body.upgradeType] : []);
  const named: Placed[] = [];
  const dead = withoutEffect(past);
  for (const sequence of namedBy(c.body)) {
    const found = past.find((p) => p.certificate.body.sequence === sequence);
    if (found === undefined && sequence >= start) {
      broken(`certificate ${c.body.sequence} names ${sequence}, which is not in its past`);
    }
    if (found !== undefined && dead.has(found)) {
      broken(`certificate ${c.body.sequence} names ${sequence}, which has no effect any more`);
    }
    // What these roots cannot judge might have needed any quorum.
    for (const type of found?.demands ?? UPGRADE_TYPES) demands.add(type);
    if (found !== undefined) named.push(found);
  }
  return { named, demands };
}

/** Of a line, newest first: those that a later one with effect names. Cancelling a cancellation brings back what it took. */
function withoutEffect(line: readonly Placed[]): ReadonlySet<Placed> {
  const dead = new Set<Placed>();
  for (const p of line) {
    if (dead.has(p)) continue;
    for (const named of p.named) dead.add(named);
  }
  return dead;
}

function requireRisingHeights(line: readonly Placed[]): void {
  const dead = withoutEffect(line);
  let above = Infinity, sequence = 0;
  for (const p of line) {
    const { body } = p.certificate;
    if (body.kind !== "activate" || dead.has(p)) continue;
    if (body.activationHeight >= above) {
      broken(
        `height ${above} of certificate ${sequence} is not above ${body.activationHeight} of certificate ${body.sequence}`,
      );
    }
    above = body.activationHeight;
    sequence = body.sequence;
  }
}
