// Answers the requests of peers, one a stream. Design: docs/formats.md, "Peer protocol".
// Must not: throw; what goes wrong with a peer ends its stream.
import type { Stream } from "@libp2p/interface";
import { UpdateError } from "../errors.ts";
import { createBundleService } from "./bundle-exchange.ts";
import { type ByteStream, createByteStream } from "./byte-stream.ts";
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
}

/** A peer that says and takes nothing for so long is gone. */
const IDLE_MS = 10_000;

export function createPeerService(o: PeerServiceOptions): (peer: string, stream: Stream) => Promise<void> {
  const giveBundle = createBundleService(o.knowledge);
  const giveVotes = createVoteService(o.knowledge);
  const givePeers = TOLD_PEERS.createService(o.peers ?? (() => Promise.resolve([])));
  const giveHints = HINTS.createService(o.mirrors ?? (() => Promise.resolve([])));
  const { have, pieces } = createPieceService(o);

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
        return await giveHints(peer, bytes);
      case "peers":
        return await givePeers(peer, bytes);
      case "votes":
        return await giveVotes(request, peer, bytes);
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
