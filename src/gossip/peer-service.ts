// Answers the requests of peers, one a stream. Design: docs/formats.md, "Peer protocol".
// Must not: throw; what goes wrong with a peer ends its stream.
import { setTimeout as delay } from "node:timers/promises";
import type { Stream } from "@libp2p/interface";
import { UpdateError } from "../errors.ts";
import { createBundleService } from "./bundle-exchange.ts";
import { type ByteStream, createByteStream } from "./byte-stream.ts";
import { createFetchSlots } from "./fetch-slots.ts";
import type { Knowledge } from "./knowledge.ts";
import { HINTS } from "./mirror-hints.ts";
import { TOLD_PEERS } from "./peer-exchange.ts";
import { formatAnswer, parseRequest, readLine, writeLine } from "./peer-protocol.ts";
import { createVoteService } from "./vote-exchange.ts";
import { createPieceService, type PieceServiceOptions } from "./piece-service.ts";

export interface PeerServiceOptions extends PieceServiceOptions {
  readonly knowledge: Knowledge;
  /** Addresses of connected peers that another may be told of; none when absent. */
  readonly peers?: ((asker: string) => Promise<readonly string[]>) | undefined;
  /** Told of a peer that opened a stream and asked nothing on it for as long as it may. */
  readonly onSilence?: (peer: string) => void;
  /** Mirrors that strangers may be told of; none when absent. */
  readonly mirrors?: (() => Promise<readonly string[]>) | undefined;
  /** Shorter in tests. */
  readonly answering?: AnswerLimits;
}

/** How long a peer may take an answer that is no piece, in milliseconds. */
export interface AnswerLimits {
  /** Then he makes room for whoever waits. */
  readonly leashMs: number;
  /** Then it ends, though nobody waits. */
  readonly wholeMs: number;
}

/** A peer that says and takes nothing for so long is gone. */
const IDLE_MS = 10_000;
/** Some round trips and a bundle of a megabyte over a line of 2 Mbit/s; those who ask give up after 40 s themselves. */
const ANSWERING: AnswerLimits = { leashMs: 5_000, wholeMs: 40_000 };
/** Bundles that are given at once. */
const MAX_BUNDLES = 8;
/** Answers of each other kind: one less than have turns, for one that was ended may not have noticed yet. */
const MAX_LISTS = 3;
/** Of them to one peer: it may ask again before it has read all of the first one. */
const MAX_PER_PEER = 2;

export function createPeerService(o: PeerServiceOptions): (peer: string, stream: Stream) => Promise<void> {
  const giveBundle = createBundleService(o.knowledge, answering(MAX_BUNDLES));
  const giveVotes = createVoteService(o.knowledge), votes = answering(MAX_LISTS);
  const givePeers = TOLD_PEERS.createService(o.peers ?? (() => Promise.resolve([]))), peers = answering(MAX_LISTS);
  const giveHints = HINTS.createService(o.mirrors ?? (() => Promise.resolve([]))), mirrors = answering(MAX_LISTS);
  const { have, pieces } = createPieceService(o);

  /** Answers of a kind, each within limits of time, however a peer spreads what it takes. */
  function answering(atOnce: number): (peer: string, bytes: ByteStream, give: () => Promise<void>) => Promise<void> {
    const { leashMs, wholeMs } = o.answering ?? ANSWERING;
    const pause = (ms: number) => delay(ms, undefined, { ref: false });
    const inSlot = createFetchSlots({ atOnce, maxPerPeer: MAX_PER_PEER, leashMs, pause });
    return (peer, bytes, give) =>
      inSlot(async (signal) => {
        const end = () => bytes.abort();
        signal.addEventListener("abort", end);
        const timer = setTimeout(end, wholeMs);
        try {
          await give();
        } finally {
          clearTimeout(timer);
        }
      }, peer);
  }

  async function answer(peer: string, bytes: ByteStream): Promise<void> {
    const line = await readLine(bytes).catch((e) => {
      if (e instanceof UpdateError && e.code === "E_TIMEOUT") o.onSilence?.(peer);
      throw e;
    });
    const request = parseRequest(line);
    switch (request?.get) {
      case "bundle":
        return await giveBundle(request, peer, bytes);
      case "have":
        return await have(request, peer, bytes);
      case "pieces":
        return await pieces(request, peer, bytes);
      case "mirrors":
        return await mirrors(peer, bytes, () => giveHints(peer, bytes));
      case "peers":
        return await peers(peer, bytes, () => givePeers(peer, bytes));
      case "votes":
        return await votes(peer, bytes, () => giveVotes(request, peer, bytes));
      case undefined:
        return await writeLine(bytes, formatAnswer({ status: "unknown" }));
    }
  }

  return async (peer, stream) => {
    const bytes = createByteStream(stream, { signal: o.signal, idleMs: IDLE_MS });
    try {
      await answer(peer, bytes);
      await bytes.end();
    } catch {
      bytes.abort(); // a peer that breaks off or asks nonsense gets no answer
    }
  };
}
