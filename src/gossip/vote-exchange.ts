// Votes between peers: who has missed some is given all that are open. Design: docs/formats.md, "Peer protocol".
// Must not: believe what comes, or give a peer more than its share.
import type { Connection } from "@libp2p/interface";
import { type Certificate, certificateBytes, isOfOtherVersion, parseCertificate } from "../trust/certificate.ts";
import type { TrustState } from "../trust/client.ts";
import { UpdateError } from "../errors.ts";
import { canonicalBytes, parseJson } from "../trust/json.ts";
import { certificatesFrom, firstOpenSequence, votesDigest } from "../trust/votes.ts";
import type { AnswerKind } from "./answers.ts";
import { askPeer } from "./exchange.ts";
import type { Knowledge } from "./knowledge.ts";
import type { VotesRequest } from "./peer-protocol.ts";

/** As much as a node keeps of what is open, and then some certificates that are complete. */
const MAX_VOTES_BYTES = 5 << 20;
const IDLE_MS = 10_000;
/** That over a line of 2 Mbit/s. */
const EXCHANGE_MS = 30_000;
const MAX_GIVING = 3;
const SERVE_INTERVAL_MS = 2_000;

/**
 * Asks for the peer's votes.
 * @returns certificates in the order in which they can be learnt; none when the peer knows what this node knows
 * @throws UpdateError E_TOO_LARGE, E_MALFORMED, E_UNREACHABLE, E_TIMEOUT
 */
export async function requestVotes(
  connection: Connection,
  state: TrustState,
  signal: AbortSignal,
): Promise<Certificate[]> {
  const sequence = firstOpenSequence(state);
  const request = { get: "votes", sequence, digest: votesDigest(state, sequence) } as const;
  const limits = { maxBytes: MAX_VOTES_BYTES, idleMs: IDLE_MS, timeoutMs: EXCHANGE_MS, signal };
  const answer = await askPeer(connection, request, limits);
  return answer instanceof Uint8Array ? decodeVotes(answer) : [];
}

/** Without those of a later version. @throws UpdateError E_MALFORMED, E_TOO_LARGE */
export function decodeVotes(bytes: Uint8Array): Certificate[] {
  const list = parseJson(bytes, "the votes");
  if (!Array.isArray(list)) throw new UpdateError("E_MALFORMED", "the votes: must be an array");
  return list.filter((c) => !isOfOtherVersion(c)).map((c) => parseCertificate(canonicalBytes(c), "a vote"));
}

/** As many as fit, the lowest sequences first: those behind them have no place before. */
export function encodeVotes(certificates: readonly Certificate[]): Uint8Array {
  const parts: string[] = [];
  let room = MAX_VOTES_BYTES - 2;
  for (const c of certificates) {
    const bytes = certificateBytes(c);
    room -= bytes.length + 1;
    if (room < 0) break;
    parts.push(new TextDecoder().decode(bytes));
  }
  return new TextEncoder().encode(`[${parts.join(",")}]`);
}

/** Gives the votes that are known to peers that know others. */
export function voteAnswers(knowledge: Knowledge): AnswerKind<VotesRequest> {
  return {
    atOnce: MAX_GIVING,
    intervalMs: SERVE_INTERVAL_MS,
    find({ sequence, digest }) {
      const state = knowledge.state();
      const certificates = certificatesFrom(state, sequence);
      const isSame = certificates.length === 0 || votesDigest(state, sequence) === digest;
      return isSame ? undefined : encodeVotes(certificates);
    },
  };
}
