// Answers the requests of peers, one a stream. Design: docs/formats.md, "Peer protocol".
// Must not: throw; what goes wrong with a peer ends its stream.
import type { Stream } from "@libp2p/interface";
import { type AnswerKind, type AnswerLimits, createAnswers } from "./answers.ts";
import { BUNDLE_EXCHANGE_MS, bundleAnswers } from "./bundle-exchange.ts";
import { type ByteStream, createByteStream } from "./byte-stream.ts";
import type { Knowledge } from "./knowledge.ts";
import { HINTS } from "./mirror-hints.ts";
import { TOLD_PEERS } from "./peer-exchange.ts";
import { formatAnswer, parseRequest, type PeerRequest, readLine, writeLine } from "./peer-protocol.ts";
import { createPieceService, type PieceServiceOptions } from "./piece-service.ts";
import { createUploadLimit } from "./upload-limit.ts";
import { voteAnswers } from "./vote-exchange.ts";

export interface PeerServiceOptions extends PieceServiceOptions {
  readonly knowledge: Knowledge;
  /** Of all that is given; undefined for no limit. */
  readonly bytesPerSecond: number | undefined;
  /** Addresses of connected peers that another may be told of; none when absent. */
  readonly peers?: ((asker: string) => Promise<readonly string[]>) | undefined;
  /** Told of a peer that opened a stream and did not ask on it within the time for that. */
  readonly onSilence?: (peer: string) => void;
  /** Mirrors that strangers may be told of; none when absent. */
  readonly mirrors?: (() => Promise<readonly string[]>) | undefined;
  /** Shorter in tests. */
  readonly answering?: AnswerLimits;
  /** In milliseconds, for all of a request; shorter in tests. */
  readonly requestMs?: number;
}

/** A peer that says and takes nothing for so long is gone. */
const IDLE_MS = 20_000;
/**
 * A request is one packet: who is not done with it by then asks nothing, however he spreads it. He sends it when he has the
 * answer to his opening the stream, which on a slow line waits behind the pieces that this node gives him.
 */
const REQUEST_MS = 20_000;
/** Some round trips and a bundle of a megabyte over a line of 2 Mbit/s; those who ask give up then themselves. */
const ANSWERING: AnswerLimits = { leashMs: 5_000, wholeMs: BUNDLE_EXCHANGE_MS };

/** Each kind of request, by its first word. */
type Requests = { [K in PeerRequest["get"]]: Extract<PeerRequest, { readonly get: K }> };
type Services = { readonly [K in keyof Requests]: (r: Requests[K], peer: string, bytes: ByteStream) => Promise<void> };

export function createPeerService(o: PeerServiceOptions): (peer: string, stream: Stream) => Promise<void> {
  const nothing = () => Promise.resolve([]);
  const limit = createUploadLimit(o.bytesPerSecond, o.signal);
  const answers = <R>(kind: AnswerKind<R>) => createAnswers(kind, o.answering ?? ANSWERING, limit);
  const services: Services = {
    bundle: answers(bundleAnswers(o.knowledge)),
    votes: answers(voteAnswers(o.knowledge)),
    peers: answers(TOLD_PEERS.answers(o.peers ?? nothing)),
    mirrors: answers(HINTS.answers(o.mirrors ?? nothing)),
    ...createPieceService(o, limit),
  };
  const serve = <K extends keyof Requests>(get: K, r: Requests[K], peer: string, bytes: ByteStream) =>
    services[get](r, peer, bytes);

  async function readRequest(peer: string, bytes: ByteStream): Promise<string> {
    const timer = setTimeout(() => {
      o.onSilence?.(peer);
      bytes.abort();
    }, o.requestMs ?? REQUEST_MS);
    try {
      return await readLine(bytes);
    } finally {
      clearTimeout(timer);
    }
  }

  async function answer(peer: string, bytes: ByteStream): Promise<void> {
    const request = parseRequest(await readRequest(peer, bytes));
    if (request === undefined) return await writeLine(bytes, formatAnswer({ status: "unknown" }));
    await serve(request.get, request, peer, bytes);
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
