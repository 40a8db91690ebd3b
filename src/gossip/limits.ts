// Every limit of the library that a node runs with: its own defaults are generous or none.
// Design: "The network of nodes" of docs/architecture.md. Must not: hold behaviour; figures and where they come from.
import type { GossipsubOpts } from "@libp2p/gossipsub";
import type { Libp2pOptions } from "libp2p";
import type { StreamMuxerOptions } from "../heavy/stream-muxer.ts";
import { MAX_MESSAGE_BYTES } from "./message.ts";

/** A node needs a dozen peers; an attacker's machine may not take more than its share of the rest. */
export const MAX_CONNECTIONS = 100;
export const MAX_CONNECTIONS_OF_NETWORK = 10;

export const CONNECTION_LIMITS: NonNullable<Libp2pOptions["connectionManager"]> = {
  maxConnections: MAX_CONNECTIONS,
  maxIncomingPendingConnections: 100, // a dozen times what one network may have
  inboundConnectionThreshold: 10, // a second for each address; of a network there are no more either
  inboundUpgradeTimeout: 10_000,
  maxParallelDials: 8,
  maxDialQueueLength: 64,
  maxPeerAddrsToDial: 4,
  dialTimeout: 10_000,
  addressDialTimeout: 5_000,
  outboundStreamProtocolNegotiationTimeout: 30_000, // it waits behind pieces as well; who asks has limits of his own
  inboundStreamProtocolNegotiationTimeout: 30_000, // and so does what he has to say for it
  connectionCloseTimeout: 1_000,
  reconnectRetries: 0, // bootstrap.ts does it, and does not give up
};

/**
 * How a dead connection is noticed. What is asked on a slow line waits behind the pieces that fill it: the library's own
 * limit of five seconds ended a connection of 2 Mbit/s every fifteen.
 */
export const MONITOR_LIMITS: NonNullable<Libp2pOptions["connectionMonitor"]> = {
  pingInterval: 30_000,
  pingTimeout: { minTimeout: 60_000, maxTimeout: 60_000 },
};

/** On a slow line the second question is asked before the first is answered: one more would end the connection. */
export const PING_LIMITS = { maxInboundStreams: 2, maxOutboundStreams: 2 };

/** What a socket takes before whoever writes has to wait: a frame of pieces and what comes with it, in one write. */
const SOCKET_BUFFER = { highWaterMark: 512 * 1024, noDelay: true };

export const SOCKET_OPTIONS = {
  maxInboundOfNetwork: MAX_CONNECTIONS_OF_NETWORK,
  maxNewOfNetwork: 10,
  maxHandshakesOfNetwork: 8, // some nodes behind one router at once; who says nothing holds a place for ten seconds
  inboundSocketInactivityTimeout: 120_000,
  outboundSocketInactivityTimeout: 120_000,
  dialOpts: SOCKET_BUFFER,
  listenOpts: SOCKET_BUFFER,
};

export const STREAM_LIMITS: StreamMuxerOptions = {
  keepAliveIntervalMs: 30_000,
  maxInboundStreams: 64, // on one connection: gossip, identify, ping and requests
  maxOutboundStreams: 64,
  openingsPerSecond: 256, // each is a request; with pieces one by one that is two gigabits a second
  maxOpeningsAtOnce: 1024, // a read of one piece is over in milliseconds, until its giver is known to be fast
  maxEarlyStreams: 8,
  streams: {
    maxWindowBytes: 2 << 20, // less than its read buffer
    inactivityTimeout: 120_000,
    maxReadBufferLength: 4 << 20,
    maxWriteBufferLength: 4 << 20,
  },
};

/** What a peer loses by each invalid message, squared: one is forgiven, three end the connection. */
const INVALID_WEIGHT = -10;
export const GRAYLIST_SCORE = -80;
const DECAY_INTERVAL_MS = 1_000;
/** An invalid message counts half after ten minutes: releases are rare, and so is honest misfortune. */
const INVALID_DECAY = 0.5 ** (DECAY_INTERVAL_MS / 600_000);

/**
 * The library's score of a peer starts anew when it connects again, however long the old one is kept: to keep it would only
 * fill the memory with identities that come and go. What a peer has to answer for is remembered in conduct.ts.
 */
const RETAIN_SCORE_MS = 0;

/** @param isShutOut whether nothing that a peer says is listened to any more, as while its connection is being closed */
export function gossipLimits(topic: string, isShutOut: (peer: string) => boolean): Partial<GossipsubOpts> {
  return {
    globalSignaturePolicy: "StrictSign",
    allowedTopics: [topic],
    fallbackToFloodsub: false,
    floodPublish: true,
    doPX: false, // addresses of strangers are not dialled
    emitSelf: false,
    allowPublishToZeroTopicPeers: false, // told and tried again, instead of lost
    ignoreDuplicatePublishError: true,
    maxInboundStreams: 2,
    maxOutboundStreams: 2,
    maxInboundDataLength: 16 * MAX_MESSAGE_BYTES,
    maxOutboundBufferSize: 1 << 20,
    maxTopicBytesPerPeer: 8 * 1024, // one topic is allowed; the fixed cost of each is a kilobyte
    decodeRpcLimits: {
      maxSubscriptions: 16,
      maxMessages: 64,
      maxIhaveMessageIDs: 512,
      maxIwantMessageIDs: 512,
      maxIdontwantMessageIDs: 512,
      maxControlMessages: 64,
      maxPeerInfos: 16,
    },
    scoreThresholds: {
      gossipThreshold: -20,
      publishThreshold: -50,
      graylistThreshold: GRAYLIST_SCORE,
      acceptPXThreshold: 1_000, // never
      opportunisticGraftThreshold: 1,
    },
    scoreParams: {
      decayInterval: DECAY_INTERVAL_MS,
      decayToZero: 0.01,
      retainScore: RETAIN_SCORE_MS,
      topicScoreCap: 20,
      appSpecificWeight: 1,
      appSpecificScore: (peer) => isShutOut(peer) ? 2 * GRAYLIST_SCORE : 0, // below, whatever it has earned
      behaviourPenaltyWeight: -10,
      behaviourPenaltyThreshold: 6,
      behaviourPenaltyDecay: 0.986,
      // An address is nobody's identity: behind one there may be many. How many connections it has is limited above.
      IPColocationFactorWeight: 0,
      topics: {
        [topic]: {
          topicWeight: 1,
          timeInMeshWeight: 0.01,
          timeInMeshQuantum: 1_000,
          timeInMeshCap: 300,
          firstMessageDeliveriesWeight: 1,
          firstMessageDeliveriesDecay: 0.9998,
          firstMessageDeliveriesCap: 10,
          // Months may pass between two releases: who delivers nothing has done nothing wrong.
          meshMessageDeliveriesWeight: 0,
          meshMessageDeliveriesDecay: 0.5,
          meshMessageDeliveriesCap: 1,
          meshMessageDeliveriesThreshold: 1,
          meshMessageDeliveriesWindow: 10,
          meshMessageDeliveriesActivation: 60_000,
          meshFailurePenaltyWeight: 0,
          meshFailurePenaltyDecay: 0.5,
          invalidMessageDeliveriesWeight: INVALID_WEIGHT,
          invalidMessageDeliveriesDecay: INVALID_DECAY,
        },
      },
    },
  };
}
