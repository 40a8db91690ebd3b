// Which votes a state knows, for telling others and for comparing with what they know.
// Design: docs/formats.md, "Gossip" and "Peer protocol". Pure. Must not: judge a vote; schedule.ts does.
import { UpdateError } from "../errors.ts";
import { type Certificate, withSignatures } from "./certificate.ts";
import type { TrustState } from "./client.ts";
import { sha256Hex } from "./hex.ts";
import { judgementOf, learnCertificate, type Learnt } from "./schedule.ts";

/**
 * Votes are passed on down to so far below the head. Two certificates of one sequence may become complete in two halves
 * of a network: each half has to hear of the other's.
 */
const VOTES_BELOW = 3;

/** The first sequence whose votes are passed on now. */
export function firstOpenSequence(state: TrustState): number {
  return Math.max(1, judgementOf(state).head - VOTES_BELOW);
}

/** Certificates from a sequence on, in the order in which they can be learnt. */
export function certificatesFrom({ schedule }: Pick<TrustState, "schedule">, sequence: number): Certificate[] {
  return [...schedule.certificates.values()].filter((c) => c.body.sequence >= sequence && c.signatures.size > 0)
    .sort((a, b) => a.body.sequence - b.body.sequence || (a.sha256 < b.sha256 ? -1 : 1));
}

/** A certificate with each of its votes alone. */
export function votesOf(c: Certificate): Certificate[] {
  return [...c.signatures].map(([id, hex]) => withSignatures(c, new Map([[id, hex]])));
}

/** The name of the one vote that a certificate carries: what it is for, and whose it is. */
export function voteName({ sha256, signatures }: Certificate): string {
  return [sha256, ...signatures.keys()].join(" ");
}

/** Two states of equal digest know the same votes from that sequence on. */
export function votesDigest(state: Pick<TrustState, "schedule">, sequence: number): string {
  const names = certificatesFrom(state, sequence).flatMap(votesOf).map(voteName).sort();
  return sha256Hex(new TextEncoder().encode(names.join("\n")));
}

/** How many votes are known after that were not before. */
export function countNewVotes(before: Pick<TrustState, "schedule">, after: Pick<TrustState, "schedule">): number {
  if (before.schedule === after.schedule) return 0;
  const known = new Set(certificatesFrom(before, 1).flatMap(votesOf).map(voteName));
  return certificatesFrom(after, 1).flatMap(votesOf).filter((vote) => !known.has(voteName(vote))).length;
}

export interface LearntVotes {
  readonly state: TrustState;
  /** What became of each, up to the lie if there is one. */
  readonly learnt: readonly Learnt[];
  /** The first signature of a governor that does not verify: what comes behind it was not looked at. */
  readonly lie: UpdateError | undefined;
}

/** Takes in one certificate after another; those that break a rule are passed over. */
export function learnVotes(before: TrustState, received: readonly Certificate[]): LearntVotes {
  const learnt: Learnt[] = [];
  let state = before;
  for (const certificate of received) {
    try {
      const taken = learnCertificate(state, certificate);
      learnt.push(taken);
      state = taken.state;
    } catch (e) {
      if (!(e instanceof UpdateError)) throw e;
      if (e.code !== "E_CERTIFICATE") return { state, learnt, lie: e };
      learnt.push({ state, outcome: "ignored", why: e.message, added: [] });
    }
  }
  return { state, learnt, lie: undefined };
}
