// Bundles between peers: one is asked for what it has newer, and gives it to others, within limits.
// Design: docs/formats.md, "Peer protocol". Must not: believe what comes, or give a peer more than its share.
import type { Connection } from "@libp2p/interface";
import { UpdateError } from "../errors.ts";
import { MAX_BUNDLE_BYTES } from "../trust/bundle.ts";
import { type ByteStream, createByteStream } from "./byte-stream.ts";
import type { Knowledge } from "./knowledge.ts";
import {
  type BundleRequest,
  formatAnswer,
  formatRequest,
  type KnownVersions,
  parseAnswer,
  PEER_PROTOCOL,
  type PeerAnswer,
  readLine,
  writeLine,
} from "./peer-protocol.ts";
import { versionsOf } from "./relay.ts";

/** A peer that says nothing for so long will not. */
const IDLE_MS = 10_000;
/** The largest bundle over a line of 2 Mbit/s. */
const EXCHANGE_MS = 40_000;
/** Bytes go out in such parts: each waits until the peer has room. */
const WRITE_BYTES = 64 << 10;
/** Bundles that are being given away at once; whoever comes then is told to ask again. */
const MAX_GIVING = 8;
/** A peer has a new bundle when there is one; asking twice within this time has no use. */
const SERVE_INTERVAL_MS = 2_000;
/** Peers of whom it is remembered when they last got one. */
const MAX_REMEMBERED = 1_000;

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
  const limited = AbortSignal.any([signal, AbortSignal.timeout(EXCHANGE_MS)]);
  try {
    const stream = await connection.newStream(PEER_PROTOCOL, { signal: limited });
    const bytes = createByteStream(stream, { signal: limited, idleMs: IDLE_MS });
    try {
      await writeLine(bytes, formatRequest({ get: "bundle", known }));
      return await readBundleAnswer(bytes);
    } finally {
      bytes.abort(); // both sides are done, or this one gives up
    }
  } catch (e) {
    if (e instanceof UpdateError || signal.aborted) throw e;
    throw new UpdateError("E_UNREACHABLE", "the peer broke off the exchange", { cause: e });
  }
}

async function readBundleAnswer(bytes: ByteStream): Promise<Uint8Array | undefined> {
  const answer = parseAnswer(await readLine(bytes));
  if (answer.status === "none") return undefined;
  if (answer.status !== "ok") throw new UpdateError("E_UNREACHABLE", `the peer answers "${answer.status}"`);
  if (answer.bytes > MAX_BUNDLE_BYTES) {
    throw new UpdateError("E_TOO_LARGE", `a bundle of ${answer.bytes} bytes, at most ${MAX_BUNDLE_BYTES} are read`);
  }
  return await bytes.read(answer.bytes);
}

/** Gives the bundle of what is known to peers that know less. */
export function createBundleService(
  knowledge: Knowledge,
): (r: BundleRequest, peer: string, bytes: ByteStream) => Promise<void> {
  const lastGivenMs = new Map<string, number>();
  let giving = 0;

  function bundleFor(peer: string, known: KnownVersions): Uint8Array | PeerAnswer {
    const ours = versionsOf(knowledge);
    const isNewer = ours.root > known.root || (ours.root === known.root && ours.timestamp > known.timestamp);
    const bundle = isNewer ? knowledge.bundle() : undefined;
    if (bundle === undefined) return { status: "none" };
    const nowMs = performance.now();
    const isTooSoon = nowMs - (lastGivenMs.get(peer) ?? -Infinity) < SERVE_INTERVAL_MS;
    if (giving >= MAX_GIVING || isTooSoon) return { status: "busy" };
    if (lastGivenMs.size >= MAX_REMEMBERED) lastGivenMs.clear();
    lastGivenMs.set(peer, nowMs);
    return bundle;
  }

  return async ({ known }, peer, bytes) => {
    const given = bundleFor(peer, known);
    if (!(given instanceof Uint8Array)) return await writeLine(bytes, formatAnswer(given));
    const endMs = performance.now() + EXCHANGE_MS;
    giving++;
    try {
      await writeLine(bytes, formatAnswer({ status: "ok", bytes: given.length }));
      for (let at = 0; at < given.length && performance.now() < endMs; at += WRITE_BYTES) {
        await bytes.write(given.subarray(at, at + WRITE_BYTES));
      }
    } finally {
      giving--;
    }
  };
}
