// Nodes of a network on loopback, each at an address of its own, with real trust in memory; and a repository they follow.
// Must not: judge; the trust functions that run are the product's.
import type { PeerId, Stream } from "@libp2p/interface";
import { after } from "node:test";
import { carriesMessages } from "../../src/gossip/connections.ts";
import { createHost, type Host } from "../../src/gossip/host.ts";
import { topicOf } from "../../src/gossip/message.ts";
import { PEER_PROTOCOL } from "../../src/gossip/peer-protocol.ts";
import { createGossipNode, type GossipNode } from "../../src/gossip/node.ts";
import type { GossipEvent } from "../../src/gossip/gossip-event.ts";
import type { Knowledge } from "../../src/gossip/knowledge.ts";
import { loadLibp2p } from "../../src/heavy/gossip.ts";
import type { Shelf } from "../../src/gossip/shelf.ts";
import { learnVotes } from "../../src/trust/votes.ts";
import type { Votes } from "../../src/gossip/votes.ts";
import { applyBundle, applySchedule, readBundle, writeBundle } from "../../src/trust/bundle.ts";
import { isComplete, pinRoot, type TrustState } from "../../src/trust/client.ts";
import { EMPTY_SHELF } from "./empty-shelf.ts";
import { newIdentity } from "./new-identity.ts";
import { NETWORK, type ReleaseRepository } from "./release-repository.ts";
import { strictClock, updated } from "./trust-client.ts";
import { until } from "./until.ts";

export interface TestNode extends GossipNode {
  readonly events: GossipEvent[];
  readonly knowledge: MemoryKnowledge;
  /** Where to reach it. */
  readonly address: string;
  readonly identity: Uint8Array;
}

export interface MemoryKnowledge extends Knowledge {
  readonly votes: Votes;
  /** Follows the repository as a mirror would let it, and does not tell anybody. */
  follow(repository: Pick<ReleaseRepository, "files">): void;
  timestampVersion(): number;
}

export function memoryKnowledge(pinnedRoot: Uint8Array, nowMs: number): MemoryKnowledge {
  let state: TrustState = pinRoot(pinnedRoot);
  const clock = strictClock(nowMs);
  return {
    network: NETWORK,
    state: () => state,
    clock: () => clock,
    votes: {
      learn(votes) {
        const taken = learnVotes(state, votes);
        state = taken.state;
        return taken.lie === undefined ? Promise.resolve(taken.learnt) : Promise.reject(taken.lie);
      },
    },
    bundle: () => isComplete(state) ? writeBundle(state, NETWORK) : undefined,
    learn(bytes) {
      const bundle = readBundle(bytes);
      state = applySchedule(applyBundle(state, bundle, clock), bundle);
      return Promise.resolve();
    },
    follow(repository) {
      state = updated(state, repository.files(), clock);
    },
    timestampVersion: () => state.timestamp?.signed.version ?? 0,
  };
}

let addresses = 0;

/** An address that no other node of this file has, any port. */
export function freshAddress(): string {
  addresses++;
  return `/ip4/127.${20 + Math.floor(Math.random() * 200)}.${addresses >> 8}.${addresses & 255}/tcp/0`;
}

/** Stopped at the end of the test file. */
export async function startNode(
  knowledge: MemoryKnowledge,
  o: {
    readonly peers?: readonly string[];
    readonly listen?: readonly string[];
    readonly spareListen?: readonly string[];
    readonly identity?: Uint8Array;
    readonly shelf?: Shelf;
    readonly mirrors?: (() => Promise<readonly string[]>) | undefined;
    readonly remembered?: readonly { readonly address: string; readonly isNamed: boolean }[];
    readonly allowPrivate?: boolean;
    readonly mdns?: boolean;
  } = {},
): Promise<TestNode> {
  const events: GossipEvent[] = [];
  const identity = o.identity ?? newIdentity();
  const node = await createGossipNode({
    knowledge,
    votes: knowledge.votes,
    shelf: o.shelf ?? EMPTY_SHELF,
    mirrors: o.mirrors,
    identity,
    listen: o.listen ?? [freshAddress()],
    spareListen: o.spareListen,
    peers: o.peers ?? [],
    remembered: o.remembered,
    mdns: o.mdns,
    allowPrivate: o.allowPrivate ?? false,
    onEvent: (e) => events.push(e),
  });
  after(() => node.stop());
  return { ...node, events, knowledge, identity, address: node.addresses()[0] ?? "" };
}

/** The topic of the nodes here. */
export const TOPIC = topicOf(NETWORK);

export interface Stranger {
  readonly host: Host;
  /** Messages that came on the topic. */
  readonly heard: Uint8Array[];
}

/**
 * Somebody who speaks on the topic and proves nothing; all that he hears is kept.
 * @param answer to requests of the peer protocol; without it he has none
 */
export async function startStranger(address: string, answer?: (stream: Stream) => void): Promise<Stranger> {
  const library = await loadLibp2p();
  const named = new Set([address.replace(/\/p2p\/.*$/, "")]);
  const host = await createHost(library, {
    topic: TOPIC,
    identity: newIdentity(),
    listen: [freshAddress()],
    named,
    allowPrivate: true,
    isShutOut: () => false,
  });
  const heard: Uint8Array[] = [];
  host.services.pubsub.addEventListener("message", ({ detail }) => heard.push(new Uint8Array(detail.data)));
  if (answer !== undefined) await host.handle(PEER_PROTOCOL, answer);
  await host.start();
  after(() => host.stop());
  host.services.pubsub.subscribe(TOPIC);
  await host.dial(library.multiaddr(address));
  await until("the stranger is heard", () => host.services.pubsub.getSubscribers(TOPIC).length > 0);
  return { host, heard };
}

/** A victim, an honest node connected to it, and somebody who listens. Both nodes know what is published by now. */
export async function startWitnessed(
  repository: ReleaseRepository,
  nowMs: number,
): Promise<{ victim: TestNode; honest: TestNode; witness: Stranger }> {
  const knows = () => {
    const knowledge = memoryKnowledge(repository.pinnedRoot, nowMs);
    knowledge.follow(repository);
    return knowledge;
  };
  const victim = await startNode(knows());
  const honest = await startNode(knows(), { peers: [victim.address] });
  const witness = await startStranger(victim.address);
  await until("the honest one is connected", () => victim.peers().includes(honest.id));
  return { victim, honest, witness };
}

/** Waits until what it says reaches so many. Their subscriptions come on their streams, and it speaks on its own. */
export async function untilHeard(host: Host, count: number, topic = TOPIC): Promise<void> {
  const hears = (peer: PeerId) => carriesMessages(host.getConnections(peer), "outbound");
  await until(
    `${count} hear the stranger`,
    () => host.services.pubsub.getSubscribers(topic).filter(hears).length >= count,
  );
}

/** What became of the messages that a node was sent. */
export function verdicts(node: TestNode): string[] {
  type Message = Extract<GossipEvent, { type: "message" }>;
  return node.events.filter((e): e is Message => e.type === "message")
    .map((e) => e.verdict === "accept" ? "accept" : `${e.verdict} ${e.why.code}`);
}
