// Bundles between peers: one is asked for what it has newer, and gives it to others, within limits.
// Design: docs/formats.md, "Peer protocol". Must not: believe what comes, or give a peer more than its share.
import type { Connection } from "@libp2p/interface";
import { UpdateError } from "../errors.ts";
import { MAX_BUNDLE_BYTES } from "../trust/bundle.ts";
import type { ByteStream } from "./byte-stream.ts";
import { askPeer } from "./exchange.ts";
import type { Knowledge } from "./knowledge.ts";
import { type BundleRequest, formatAnswer, type KnownVersions, writeLine } from "./peer-protocol.ts";
import { createPeerTurns } from "./peer-turns.ts";
import { versionsOf } from "./relay.ts";

/** A peer that says nothing for so long will not. */
const IDLE_MS = 10_000;
/** The largest bundle over a line of 2 Mbit/s. */
const EXCHANGE_MS = 40_000;
/** Bytes go out in such parts: each waits until the peer has room. */
const WRITE_BYTES = 64 << 10;
/** Peers that have a turn at once, most of them waiting for a slot; whoever comes then is told to ask again. */
const MAX_TURNS = 64;
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
  const limits = { maxBytes: MAX_BUNDLE_BYTES, idleMs: IDLE_MS, timeoutMs: EXCHANGE_MS, signal };
  const answer = await askPeer(connection, { get: "bundle", known }, limits);
  if (answer instanceof Uint8Array) return answer;
  if (answer === "none") return undefined;
  throw new UpdateError("E_UNREACHABLE", `the peer answers "${answer}"`);
}

/**
 * Gives the bundle of what is known to peers that know less.
 * @param inSlot runs what gives it to a peer on that stream, within limits
 */
export function createBundleService(
  knowledge: Knowledge,
  inSlot: (peer: string, bytes: ByteStream, give: () => Promise<void>) => Promise<void>,
): (r: BundleRequest, peer: string, bytes: ByteStream) => Promise<void> {
  const turns = createPeerTurns({ atOnce: MAX_TURNS, intervalMs: SERVE_INTERVAL_MS, areWaitedFor: true });

  function bundleFor(known: KnownVersions): Uint8Array | undefined {
    const ours = versionsOf(knowledge);
    const isNewer = ours.root > known.root || (ours.root === known.root && ours.timestamp > known.timestamp);
    return isNewer ? knowledge.bundle() : undefined;
  }

  return async ({ known }, peer, bytes) => {
    const given = bundleFor(known);
    if (given === undefined) return await writeLine(bytes, formatAnswer({ status: "none" }));
    const give = async () => {
      await writeLine(bytes, formatAnswer({ status: "ok", bytes: given.length }));
      for (let at = 0; at < given.length; at += WRITE_BYTES) await bytes.write(given.subarray(at, at + WRITE_BYTES));
    };
    // The slot within the turn: who is not due yet would hold it for nothing.
    const hadTurn = await turns.take(peer, () => inSlot(peer, bytes, give));
    if (!hadTurn) await writeLine(bytes, formatAnswer({ status: "busy" }));
  };
}
