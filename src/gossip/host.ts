// The library's node with all limits, an identity, and a guard over who is connected to.
// Design: "The network of nodes" of docs/architecture.md. Must not: know what is said on its streams.
import type { GossipSub } from "@libp2p/gossipsub";
import type { Libp2p } from "libp2p";
import { createHash } from "node:crypto";
import { UpdateError } from "../errors.ts";
import type { Libp2pLibrary } from "../heavy/gossip.ts";
import { networkOf } from "../net/address.ts";
import {
  CONNECTION_LIMITS,
  gossipLimits,
  MONITOR_LIMITS,
  PING_LIMITS,
  SOCKET_OPTIONS,
  STREAM_LIMITS,
} from "./limits.ts";
import { mayDial } from "./peer-address.ts";
import { answerPings, PING_PROTOCOL } from "./ping.ts";

export interface HostOptions {
  readonly topic: string;
  /** 64 bytes: seed and public key. */
  readonly identity: Uint8Array;
  readonly listen: readonly string[];
  /** Endpoints that the operator named: they may lead anywhere. */
  readonly named: ReadonlySet<string>;
  readonly allowPrivate: boolean;
  isShutOut(peer: string): boolean;
  /** Endpoints on this machine's own links, found where the operator wants that; none when absent. */
  readonly isNearby?: ((address: string) => boolean) | undefined;
  /** Told of what cannot be listened on, while the node is started. */
  readonly onListenFailure?: (address: string, error: unknown) => void;
}

export type Host = Libp2p<{ pubsub: GossipSub }>;

/** Some addresses to listen on may not be there, such as IPv6 ones: the value of the library's `NO_FATAL`. */
const LISTEN_WHERE_POSSIBLE = 1;

/**
 * @returns a node that is not started yet
 * @throws UpdateError E_INTERNAL when the runtime has no cipher and the compiled one cannot be relied on
 */
export async function createHost(library: Libp2pLibrary, o: HostOptions): Promise<Host> {
  try {
    library.noiseCrypto(); // tested here: connections would fail one by one, and nobody be told why
  } catch (e) {
    throw new UpdateError("E_INTERNAL", e instanceof Error ? e.message : String(e), {
      cause: e,
      hint: "get this program again, and try another runtime",
    });
  }
  const host: Host = await library.createLibp2p({
    start: false,
    privateKey: library.privateKeyFromRaw(o.identity),
    nodeInfo: { name: "dchat-update", version: "1", userAgent: "dchat-update" }, // nothing to choose victims by
    addresses: { listen: [...o.listen] },
    transports: [
      library.readingTcp({ ...SOCKET_OPTIONS, networkOf, onListenFailure: o.onListenFailure ?? (() => {}) }),
    ],
    transportManager: { faultTolerance: LISTEN_WHERE_POSSIBLE },
    connectionEncrypters: [library.noiseChannel()],
    streamMuxers: [library.streamMuxer(STREAM_LIMITS)],
    connectionManager: CONNECTION_LIMITS,
    connectionMonitor: MONITOR_LIMITS,
    connectionGater: {
      denyDialMultiaddr: (address) =>
        !mayDial(address.toString(), o.named, o.allowPrivate) && o.isNearby?.(address.toString()) !== true,
      denyDialPeer: (peer) => o.isShutOut(peer.toString()),
      denyInboundEncryptedConnection: (peer) => o.isShutOut(peer.toString()),
    },
    services: {
      identify: library.identify(),
      pubsub: library.gossipsub({
        ...gossipLimits(o.topic, (peer) => o.isShutOut(peer)),
        // Of the whole message, not only of what is signed in it: the library remembers an id before anybody has judged the
        // message, so a forged copy that had the id of the genuine one would hide it.
        msgIdFn: ({ data }) => sha256(data),
        // The same id, asked for before the publisher's signature is verified: copies cost a hash, however many come. It is
        // remembered only once a signature has verified, as the other one is, and so hides nothing more.
        fastMsgIdFn: ({ data = new Uint8Array() }) => sha256(data).toString("base64"),
      }),
    },
  });
  const stopped = new AbortController();
  host.addEventListener("stop", () => stopped.abort(), { once: true });
  await host.handle(PING_PROTOCOL, (stream) => answerPings(stream, stopped.signal), PING_LIMITS);
  return host;
}

function sha256(data: Uint8Array): Buffer {
  return createHash("sha256").update(data).digest();
}
