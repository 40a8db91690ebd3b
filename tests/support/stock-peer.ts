// A peer with the library's own connection, Noise and Yamux as they come, with the cipher of theirs that works on this
// runtime; or with frames of the test's own. Must not: use anything of the product's data path.
import { after } from "node:test";
import type { MessageStream, StreamMuxerFactory } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { tcp } from "@libp2p/tcp";
import { AbstractStreamMuxer } from "@libp2p/utils";
import { yamux } from "@libp2p/yamux";
import type { Libp2p } from "libp2p";
import type { Uint8ArrayList } from "uint8arraylist";
import { loadLibp2p } from "../../src/heavy/gossip.ts";
import { freshAddress } from "./gossip-network.ts";
import { libraryCrypto } from "./library-crypto.ts";

/** Stopped at the end of the test file. */
export async function startStockPeer(muxer: () => StreamMuxerFactory = yamux()): Promise<Libp2p> {
  const library = await loadLibp2p();
  const peer = await library.createLibp2p({
    addresses: { listen: [freshAddress()] },
    transports: [tcp()],
    connectionEncrypters: [noise({ crypto: libraryCrypto(library.noiseCrypto()) })],
    streamMuxers: [muxer],
    connectionManager: { inboundConnectionThreshold: 100, reconnectRetries: 0 },
  });
  after(() => peer.stop());
  return peer;
}

/** In a muxer's place: a connection, deciphered, on which the test speaks Yamux by hand. */
export class FramesByHand extends AbstractStreamMuxer {
  readonly got: Uint8Array[] = [];

  constructor(connection: MessageStream) {
    super(connection, { protocol: "/yamux/1.0.0", name: "by-hand" });
  }

  override onData(data: Uint8Array | Uint8ArrayList): void {
    this.got.push(data.subarray().slice());
  }

  override onCreateStream(): never {
    throw new Error("frames are made by hand");
  }

  write(...bytes: readonly Uint8Array[]): void {
    this.send(Buffer.concat(bytes));
  }

  /** Hangs up. */
  end(): void {
    this.maConn.abort(new Error("the end of the test"));
  }

  /** Stops reading what the other side sends. */
  stopReading(): void {
    this.maConn.pause();
  }

  readOn(): void {
    this.maConn.resume();
  }
}

export function framesByHand(onConnection: (muxer: FramesByHand) => void): () => StreamMuxerFactory {
  return () => ({
    protocol: "/yamux/1.0.0",
    createStreamMuxer(connection) {
      const muxer = new FramesByHand(connection);
      onConnection(muxer);
      return muxer;
    },
  });
}
