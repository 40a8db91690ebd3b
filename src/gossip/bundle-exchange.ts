// Bundles between peers: one is asked for what it has newer, and gives it to others, within limits.
// Design: docs/formats.md, "Peer protocol". Must not: believe what comes, or give a peer more than its share.
import type { Connection } from "@libp2p/interface";
import { UpdateError } from "../errors.ts";
import { MAX_BUNDLE_BYTES } from "../trust/bundle.ts";
import type { AnswerKind } from "./answers.ts";
import { askPeer } from "./exchange.ts";
import type { Knowledge } from "./knowledge.ts";
import type { BundleRequest, KnownVersions } from "./peer-protocol.ts";
import { versionsOf } from "./relay.ts";

/** A peer that says nothing for so long will not. */
const IDLE_MS = 10_000;
/** The largest bundle over a line of 2 Mbit/s: who asks waits no longer, and nobody is answered for longer. */
export const BUNDLE_EXCHANGE_MS = 40_000;
/** So much may go out at once: each of them may be a bundle of 8 MiB. */
const MAX_GIVING = 8;
/**
 * A peer has a new bundle when there is one; asking twice within this time has a use only when there were two. Who asks
 * is waited for: he would not hear of the second one again for a minute.
 */
const SERVE_INTERVAL_MS = 2_000;

/**
 * Asks for the peer's bundle.
 * @returns undefined when the peer has nothing newer than `known`
 * @throws UpdateError E_TOO_LARGE, E_MALFORMED, E_UNREACHABLE, E_TIMEOUT
 */
export async function requestBundle(
  connection: Connection,
  known: KnownVersions,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const limits = { maxBytes: MAX_BUNDLE_BYTES, idleMs: IDLE_MS, timeoutMs: BUNDLE_EXCHANGE_MS, signal };
  const answer = await askPeer(connection, { get: "bundle", known }, limits);
  if (answer instanceof Uint8Array) return answer;
  if (answer === "none") return undefined;
  throw new UpdateError("E_UNREACHABLE", `the peer answers "${answer}"`);
}

/** Gives the bundle of what is known to peers that know less. */
export function bundleAnswers(knowledge: Knowledge): AnswerKind<BundleRequest> {
  return {
    atOnce: MAX_GIVING,
    intervalMs: SERVE_INTERVAL_MS,
    areWaitedFor: true,
    hasNews({ known }) {
      const ours = versionsOf(knowledge);
      return ours.root > known.root || (ours.root === known.root && ours.timestamp > known.timestamp);
    },
    find: () => knowledge.bundle(),
  };
}
