// A node among nodes: hears of releases, proves them, passes them on, and answers who missed one.
// Design: "The network of nodes" of docs/architecture.md. The library is loaded when the first node is created.
// Must not: believe a peer, connect where nobody told it to, or run without a limit.
import type { Connection } from "@libp2p/interface";
import { setTimeout as delay } from "node:timers/promises";
import type { Opts, Source } from "../api.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import { loadLibp2p } from "../heavy/gossip.ts";
import { createAnnouncer } from "./announcer.ts";
import { keepConnected } from "./bootstrap.ts";
import { requestBundle } from "./bundle-exchange.ts";
import { createCatchUp } from "./catch-up.ts";
import { createConduct } from "./conduct.ts";
import { carriesMessages, forgetLeavers, isAt } from "./connections.ts";
import { type Delivery, isLie } from "./delivery.ts";
import type { GossipEvent } from "./gossip-event.ts";
import { createHost, type Host } from "./host.ts";
import type { Knowledge } from "./knowledge.ts";
import { createLan, NO_LAN } from "./lan.ts";
import { isAnnouncement, looksKnown, looksLikeVote, topicOf } from "./message.ts";
import { HINTS } from "./mirror-hints.ts";
import { createNewcomers } from "./newcomers.ts";
import { mayDial, parsePeerAddress, requirePeerAddress, withoutPeer } from "./peer-address.ts";
import { TOLD_PEERS } from "./peer-exchange.ts";
import { findPeers } from "./peer-finder.ts";
import { PEER_PROTOCOL } from "./peer-protocol.ts";
import { createPeerService } from "./peer-service.ts";
import { createPeerSource, peerOfSource } from "./peer-source.ts";
import { createRelay } from "./relay.ts";
import type { Shelf } from "./shelf.ts";
import { toldPeers } from "./told-peers.ts";
import { requestVotes } from "./vote-exchange.ts";
import type { Votes } from "./votes.ts";

export interface GossipNodeOptions {
  readonly knowledge: Knowledge;
  /** What peers may have. */
  readonly shelf: Shelf;
  /** Of all that peers are given; undefined for no limit. */
  readonly uploadBytesPerSecond?: number | undefined;
  /** Where votes of governors are kept; without it the node takes none, and gives those of its knowledge. */
  readonly votes?: Votes | undefined;
  /** Mirrors that worked and that strangers may be told of; none when absent. */
  readonly mirrors?: (() => Promise<readonly string[]>) | undefined;
  /** 64 bytes, as `loadIdentity` gives them. */
  readonly identity: Uint8Array;
  /** Multiaddrs to listen on. Those that this machine does not have are left out, as long as one is there. */
  readonly listen: readonly string[];
  /** More of them, about which nothing is said where they cannot be had: not every machine has every family. */
  readonly spareListen?: readonly string[] | undefined;
  /** Multiaddrs of peers to stay connected to. */
  readonly peers: readonly string[];
  /** Multiaddrs, with ids, at which peers answered in earlier runs; some are tried while there are few peers. */
  readonly remembered?: readonly { readonly address: string; readonly isNamed: boolean }[] | undefined;
  /** Whether nodes on the same link are looked for, and told of this one, by multicast DNS. */
  readonly mdns?: boolean | undefined;
  /** Whether addresses that nobody named may be private ones. */
  readonly allowPrivate: boolean;
  readonly onEvent: (e: GossipEvent) => void;
}

export interface GossipNode {
  readonly id: string;
  /** Where it listens, with its id. */
  addresses(): string[];
  /** Ids of the peers that are connected. */
  peers(): string[];
  /** Its connections, without the ids in their addresses. */
  connections(): { readonly id: string; readonly address: string; readonly isOutbound: boolean }[];
  /** Addresses, with their ids, at which peers have answered this node and are connected now. */
  dialled(): { readonly address: string; readonly isNamed: boolean }[];
  /** Each connected peer as a source of pieces. */
  sources(priority: number): Source[];
  /** The same, and each peer that connects until the signal. Never throws. */
  comingSources(priority: number, o: Opts): AsyncIterable<Source>;
  /** Mirrors that some peers, when asked, say have worked for them. Never throws; lies are blamed. */
  mirrorHints(): Promise<{ readonly peer: string; readonly urls: readonly string[] }[]>;
  /** A source of pieces gave wrong ones, which no version and no root explains: the peer that it is is shut out at once. */
  shutOutSource(id: string): void;
  /** Bytes of pieces that peers took. */
  givenBytes(): number;
  /** Tells the peers of what is trusted now, and of new votes; as soon as there is one, if there is none. */
  announce(): Promise<void>;
  /** Stays connected to these from now on, instead of those that were named before. @throws UpdateError E_USAGE */
  namePeers(addresses: readonly string[]): void;
  /** Ends all that runs; within seconds, whatever the peers do. */
  stop(): Promise<void>;
}

const STOP_MS = 5_000;
/** What three strangers say is enough to try. */
const MAX_ASKED_FOR_MIRRORS = 3;

/**
 * What was started of a node that cannot be is stopped again.
 * @throws UpdateError E_USAGE for an address that is none, E_IO when it can listen nowhere or not ask on its links
 */
export async function createGossipNode(o: GossipNodeOptions): Promise<GossipNode> {
  const { knowledge, onEvent } = o;
  const topic = topicOf(knowledge.network);
  const listen = [...o.listen, ...o.spareListen ?? []];
  for (const address of listen) requirePeerAddress(address, "the address to listen on");
  const remembered = (o.remembered ?? []).filter((p) => parsePeerAddress(p.address)?.peer !== undefined);
  let peers: readonly string[] = [];
  const named = new Set<string>();

  function namePeers(addresses: readonly string[]): void {
    const all = [...addresses, ...remembered.filter((p) => p.isNamed).map((p) => p.address)];
    const endpoints = all.map((address) => withoutPeer(requirePeerAddress(address, "the peer").text));
    named.clear();
    for (const endpoint of endpoints) named.add(endpoint);
    peers = addresses;
  }

  namePeers(o.peers);
  const acquainted = new Set([...o.peers, ...remembered.map((p) => p.address)].map((a) => parsePeerAddress(a)?.peer));
  const library = await loadLibp2p();
  const stopping = new AbortController();
  const { signal } = stopping;
  const eitherOf = (giveUp: AbortSignal) => AbortSignal.any([signal, giveUp]);
  const conduct = createConduct(), newcomers = createNewcomers();
  const lan = o.mdns === true ? createLan(library, () => host, topic) : NO_LAN;
  const { isShutOut } = conduct, { isNearby } = lan;
  const spare = new Set(o.spareListen?.map(withoutPeer)), notListening: GossipEvent[] = [];
  const onListenFailure = (address: string, e: unknown) => {
    if (spare.has(withoutPeer(address))) return;
    notListening.push({ type: "not-listening", address, error: asUpdateError(e, "E_IO") });
  };
  const host: Host = await createHost(library, { ...o, listen, topic, named, isShutOut, isNearby, onListenFailure });
  const { pubsub } = host.services;
  const announcer = createAnnouncer({
    ...{ pubsub, topic, knowledge, signal, onEvent },
    canHear: (peer) => carriesMessages(connectionsOf(peer), "outbound"),
  });

  const relay = createRelay({
    knowledge,
    signal,
    peers: () => shuffled(pubsub.getSubscribers(topic).map(String)),
    fetchBundle: async (peer, known, giveUp) => await requestBundle(connectionTo(peer), known, eitherOf(giveUp)),
    votes: o.votes,
    fetchVotes: async (peer, state, giveUp) => await requestVotes(connectionTo(peer), state, eitherOf(giveUp)),
    onLearnt(peer) {
      onEvent({ type: "learnt", peer });
      void announcer.announce(); // what came by asking is on no topic yet
    },
    onLie: blame,
  });

  const connectionsOf = (peer: string) => host.getConnections(library.peerIdFromString(peer));

  /** The connection that is there: a peer who has left is not dialled for an answer. */
  function connectionTo(peer: string): Connection {
    const [connection] = connectionsOf(peer);
    if (connection === undefined) throw new UpdateError("E_UNREACHABLE", "the peer is not connected any more");
    return connection;
  }

  function blame(peer: string, error: UpdateError): void {
    onEvent({ type: "lie", peer, error });
    if (conduct.blame(peer)) hangUpOn(peer);
  }

  function hangUpOn(peer: string): void {
    onEvent({ type: "shut-out", peer });
    host.hangUp(library.peerIdFromString(peer)).catch(() => {}); // it is gone already
  }

  /**
   * Who says too much is blamed for that alone, and soon hung up on. What may be genuine is judged all the same: the library
   * shows a message once, so not to look at it would hide it, whoever brings it after him.
   */
  async function deliver(peer: string, message: Uint8Array): Promise<Delivery> {
    if (!conduct.maySpeak(peer, looksLikeVote(message))) {
      const why = new UpdateError("E_TOO_LARGE", "more messages than anybody has to say");
      if (!looksKnown(message)) return { verdict: "reject", why, isBearersFault: true };
      blame(peer, why);
    }
    try {
      const delivery = await relay.deliver(peer, message);
      if (delivery.verdict !== "accept" || delivery.kind !== "release") return delivery;
      if (isAnnouncement(knowledge.state(), message)) return delivery;
      // What is trusted by now is newer, or the same written in another way. That is announced, and this one not as well.
      return { verdict: "ignore", why: new UpdateError("E_STALE", "another form of what is known, or older") };
    } catch (e) {
      return { verdict: "ignore", why: asUpdateError(e) }; // a full disk is nobody's lie
    }
  }

  const { Accept, Ignore, Reject } = library.TopicValidatorResult;
  pubsub.topicValidators.set(topic, async (from, { data }) => {
    const peer = from.toString();
    const delivery = await deliver(peer, data);
    if (delivery.verdict === "accept" || delivery.why.code === "E_STALE") announcer.heard(data);
    onEvent({ type: "message", peer, ...delivery });
    if (delivery.verdict === "reject") blame(peer, delivery.why);
    if (delivery.verdict === "accept") return Accept;
    // To the library a rejected message is the fault of all who bring it.
    return delivery.verdict === "reject" && delivery.isBearersFault !== true ? Reject : Ignore;
  });

  const catchUp = createCatchUp({
    signal,
    ask: relay.catchUp,
    peers: () => shuffled(host.getPeers().map(String)),
    isChosen: (peer) => acquainted.has(peer) || connectionsOf(peer).some((c) => c.direction === "outbound"),
    canSpeak: (peer) => carriesMessages(connectionsOf(peer), "inbound"),
    onFailure: (peer, error) => onEvent({ type: "no-answer", peer, error }),
  });

  for (const type of ["peer:connect", "peer:disconnect"] as const) {
    host.addEventListener(type, ({ detail }) => {
      const peers = host.getPeers().length;
      onEvent({ type: "peer", peer: detail.toString(), connected: type === "peer:connect", peers });
    });
  }

  async function askForPeers(peer: string): Promise<string[]> {
    try {
      return await TOLD_PEERS.request(connectionTo(peer), signal);
    } catch (e) {
      if (isLie(e)) blame(peer, e);
      return [];
    }
  }

  let givenBytes = 0;
  const service = createPeerService({
    knowledge,
    shelf: o.shelf,
    mirrors: o.mirrors,
    peers: async (asker) => await toldPeers(host, asker, o.allowPrivate),
    signal,
    bytesPerSecond: o.uploadBytesPerSecond,
    onGiven: (bytes) => givenBytes += bytes,
    onSilence(peer) {
      if (!conduct.mayBeSilent(peer) && conduct.blame(peer, true)) hangUpOn(peer);
    },
  });
  await host.handle(PEER_PROTOCOL, (stream, { remotePeer }) => service(remotePeer.toString(), stream), {
    maxInboundStreams: 8,
    maxOutboundStreams: 8,
  });
  await host.register(PEER_PROTOCOL, {
    onConnect(peer) {
      void catchUp.welcome(peer.toString());
      newcomers.tell(peer.toString());
    },
  });
  const sourceOf = (peer: string, priority: number): Source =>
    createPeerSource({
      peer,
      priority,
      openStream: async (s) => await connectionTo(peer).newStream(PEER_PROTOCOL, { signal: s }),
    });
  const addresses = () => host.getMultiaddrs().map((address) => address.toString());

  async function close(): Promise<void> {
    const soon = async (stopped: Promise<void>) =>
      await Promise.race([stopped, delay(STOP_MS, undefined, { ref: false })]);
    try {
      await soon(lan.stop());
    } finally {
      await soon(Promise.resolve(host.stop()));
    }
  }

  try {
    await host.start();
    pubsub.subscribe(topic);
    if (listen.length > 0 && addresses().length === 0) {
      throw new UpdateError("E_IO", `it is not possible to listen on ${listen.join(" or ")}`, {
        hint: "another program may have the port: choose another one with --listen",
      });
    }
    onEvent({ type: "listening", addresses: addresses() });
    notListening.forEach(onEvent);
    await lan.start();
  } catch (e) {
    stopping.abort();
    await close().catch(() => {}); // why it did not start says more
    throw asUpdateError(e, "E_IO");
  }

  const running = Promise.all([
    catchUp.nowAndThen(announcer.retry),
    forgetLeavers({
      signal,
      book: host.peerStore,
      isKept: (peer) => acquainted.has(peer) || connectionsOf(peer).length > 0,
    }),
    findPeers({
      signal,
      remembered: remembered.map((p) => p.address),
      connected: () => [host.peerId, ...host.getPeers()].map(String),
      nearby: lan.nearby,
      mayDial: (address) => mayDial(address, named, o.allowPrivate) || isNearby(address),
      dial: async (address) => void await host.dial(library.multiaddr(address), { signal }),
      ask: askForPeers,
    }),
    keepConnected({
      addresses: () => peers.filter((address) => parsePeerAddress(address)?.peer !== host.peerId.toString()),
      signal,
      isConnected: (address) => host.getConnections().some((c) => isAt(c, address)),
      connect: async (address) => void await host.dial(library.multiaddr(address), { signal }),
      onFailure: (address, e) => onEvent({ type: "unreachable", address, error: asUpdateError(e, "E_UNREACHABLE") }),
    }),
  ]);

  return {
    id: host.peerId.toString(),
    addresses,
    peers: () => host.getPeers().map((peer) => peer.toString()),
    connections: () =>
      host.getConnections().map(({ remotePeer, remoteAddr, direction }) => ({
        id: remotePeer.toString(),
        address: withoutPeer(remoteAddr.toString()),
        isOutbound: direction === "outbound",
      })),
    dialled: () =>
      host.getConnections().filter((c) => c.direction === "outbound").map(({ remotePeer, remoteAddr }) => {
        const endpoint = withoutPeer(remoteAddr.toString());
        return { address: `${endpoint}/p2p/${remotePeer}`, isNamed: named.has(endpoint) };
      }),
    sources: (priority) => host.getPeers().map((peer) => sourceOf(peer.toString(), priority)),
    async *comingSources(priority, o) {
      const coming = newcomers.follow(eitherOf(o.signal)); // from now on: nobody is missed
      for (const peer of host.getPeers()) yield sourceOf(peer.toString(), priority);
      for await (const peer of coming) yield sourceOf(peer, priority);
    },
    mirrorHints: async () =>
      await Promise.all(
        shuffled(host.getPeers()).slice(0, MAX_ASKED_FOR_MIRRORS).map(async (id) => {
          const peer = id.toString();
          try {
            return { peer, urls: await HINTS.request(connectionTo(peer), signal) };
          } catch (e) {
            if (isLie(e)) blame(peer, e);
            return { peer, urls: [] };
          }
        }),
      ),
    shutOutSource(id) {
      const peer = peerOfSource(id);
      if (peer !== undefined && conduct.blame(peer, true)) hangUpOn(peer);
    },
    givenBytes: () => givenBytes,
    announce: announcer.announce,
    namePeers,
    async stop() {
      stopping.abort();
      await running;
      await close();
    },
  };
}

function shuffled<T>(items: readonly T[]): T[] {
  return items.map((item) => ({ item, at: Math.random() })).sort((a, b) => a.at - b.at).map(({ item }) => item);
}
