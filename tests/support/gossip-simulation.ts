// Thousands of nodes and one announcement, in virtual time over a modelled network. What becomes of a message at a node is
// decided by the product's own relay: it judges, fetches the bundle from whoever delivered, proves, and only then forwards.
// Beside it, flooding with a time to live, over the same network. docs/decisions/0021 has the model.
// Must not: depend on anything but its options; the same seed gives the same figures.
import { setImmediate as turn } from "node:timers/promises";
import type { Knowledge } from "../../src/gossip/knowledge.ts";
import { encodeRelease } from "../../src/gossip/message.ts";
import { createRelay, type Relay } from "../../src/gossip/relay.ts";
import { UpdateError } from "../../src/errors.ts";
import { applyBundle, readBundle, writeBundle } from "../../src/trust/bundle.ts";
import { isComplete, pinRoot, type TrustState } from "../../src/trust/client.ts";
import { createEventQueue } from "./event-queue.ts";
import { createReleaseRepository, NETWORK } from "./release-repository.ts";
import { seededRandom } from "./seeded-random.ts";
import { strictClock, updated } from "./trust-client.ts";

export interface SimulationOptions {
  readonly nodes: number;
  /** Connections of a node, on average. */
  readonly degree: number;
  readonly seed: string;
  /** `product`, or flooding: everybody passes everything on to everybody until it has made so many hops. */
  readonly way: "product" | { readonly ttl: number };
}

export interface SimulationResult {
  /** When so many knew of the nodes that were not away before; undefined when that never happened. */
  readonly halfMs: number | undefined;
  readonly p99Ms: number | undefined;
  readonly allMs: number | undefined;
  /** When all nodes knew, those among them that were away and came back. */
  readonly everybodyMs: number | undefined;
  /** Share of the nodes that knew at the end. */
  readonly reached: number;
  /**
   * Sent by a node on average: copies of the announcement, notes of having it, requests for it and for its bundle, and
   * those made now and then by the product all the time until everybody knew.
   */
  readonly messagesPerNode: number;
}

// The modelled network.
const MIN_LATENCY_MS = 10, MAX_LATENCY_MS = 150; // of a link, one way: within a town, around the world
const LOSS = 0.01; // of messages: TCP loses none, connections that break do
const AWAY = 0.1; // of the nodes, at any time
const MEAN_AWAY_MS = 60_000; // a node is away for so long, and there for nine times as long
const BUNDLE_MS = 20; // 20 KB over 10 Mbit/s
// Measured: docs/performance.md, "Signatures"; a node that does this once a day does it cold.
const JUDGE_MS = 5, PROVE_MS = 25;
// The library's, as src/gossip/limits.ts leaves them.
const MESH = 6, LAZY = 6, HEARTBEAT_MS = 1_000, TOLD_HEARTBEATS = 3;
// src/gossip/node.ts
const CATCH_UP_MS = 60_000, SETTLE_MS = 3_000;
/** After this nobody waits any more. */
const END_MS = 600_000;
/** A request that got lost. */
const LOST_MS = 10_000;

const NOW = Date.UTC(2026, 0, 1);

interface Node {
  readonly id: string;
  /** One-way latency by neighbour. */
  readonly links: Map<Node, number>;
  mesh: Set<Node>;
  isAway: boolean;
  /** At some time before it knew. */
  wasAway: boolean;
  knownMs: number | undefined;
  /** The library shows a message to the product once. */
  hasSeen: boolean;
  state: TrustState;
  relay: Relay | undefined;
}

export async function simulate(o: SimulationOptions): Promise<SimulationResult> {
  const random = seededRandom(o.seed);
  const unit = () => random.below(1 << 30) / (1 << 30);
  const queue = createEventQueue();
  const { signal } = new AbortController();
  let messages = 0;

  const repository = createReleaseRepository({ seed: "simulation", nowMs: NOW });
  const clock = strictClock(NOW);
  const before = updated(pinRoot(repository.pinnedRoot), repository.files(), clock);
  repository.publish();
  const after = updated(before, repository.files(), clock);
  const announcement = encodeRelease(repository.bytes("timestamp"));
  // Pure functions of the state that nodes share: each distinct call is made once, for real.
  const bundles = new Map<TrustState, Uint8Array | undefined>();
  const learnt = new Map<TrustState, TrustState>();

  const nodes = Array.from({ length: o.nodes }, (_, i): Node => ({
    id: String(i),
    links: new Map(),
    mesh: new Set(),
    isAway: false,
    wasAway: false,
    knownMs: undefined,
    hasSeen: false,
    state: before,
    relay: undefined,
  }));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  connect();

  /** Rings through all nodes, each in a random order: connected, everybody with about as many neighbours. */
  function connect(): void {
    for (let ring = 0; ring < o.degree / 2; ring++) {
      const order = random.sample(nodes, nodes.length);
      order.forEach((node, at) => {
        const other = order[(at + 1) % order.length]!; // below its length
        const latencyMs = MIN_LATENCY_MS + unit() ** 2 * (MAX_LATENCY_MS - MIN_LATENCY_MS); // most are near
        node.links.set(other, latencyMs);
        other.links.set(node, latencyMs);
      });
    }
    for (const node of nodes) {
      for (const other of random.sample([...node.links.keys()], MESH)) {
        node.mesh.add(other);
        other.mesh.add(node);
      }
    }
  }

  /** Something goes from one to another; it may get lost, and whoever is away hears nothing. */
  function send(from: Node, to: Node, happen: () => void): void {
    messages++;
    if (from.isAway || unit() < LOSS) return;
    queue.plan(from.links.get(to) ?? MAX_LATENCY_MS, () => to.isAway ? undefined : happen());
  }

  function knows(node: Node): void {
    node.knownMs ??= queue.nowMs;
  }

  const neighbours = (node: Node) => [...node.links.keys()].filter((other) => !other.isAway);

  // The product.

  function relayOf(node: Node): Relay {
    return node.relay ??= createRelay({
      knowledge: knowledgeOf(node),
      signal,
      peers: () => random.sample(neighbours(node).map((n) => n.id), 4),
      fetchBundle: (peer) => fetchBundle(node, byId.get(peer)),
      votes: undefined,
      fetchVotes: () => Promise.resolve([]),
      onLearnt: () => forward(node, undefined), // what came by asking is announced
      onLie: (_, why) => {
        throw why; // here is no liar
      },
      pause: (ms) => new Promise((resolve) => queue.plan(ms, resolve)),
    });
  }

  function knowledgeOf(node: Node): Knowledge {
    return {
      network: NETWORK,
      state: () => node.state,
      clock: () => clock,
      bundle: () => {
        if (!bundles.has(node.state)) {
          bundles.set(node.state, isComplete(node.state) ? writeBundle(node.state, NETWORK) : undefined);
        }
        return bundles.get(node.state);
      },
      learn(bytes) {
        const from = node.state;
        node.state = learnt.get(from) ?? applyBundle(from, readBundle(bytes), clock);
        learnt.set(from, node.state);
        knows(node);
        return Promise.resolve();
      },
    };
  }

  function fetchBundle(node: Node, giver: Node | undefined): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new UpdateError("E_UNREACHABLE", "the peer is away"));
      messages++;
      if (giver === undefined || giver.isAway || unit() < LOSS) return queue.plan(LOST_MS, fail);
      const roundTripMs = 2 * (node.links.get(giver) ?? MAX_LATENCY_MS);
      const isNewer = giver.state !== before && node.state === before;
      // The stream is opened within the request; the bundle takes another round trip or so to come.
      const ms = roundTripMs + (isNewer ? roundTripMs + BUNDLE_MS + PROVE_MS : 0);
      queue.plan(ms, () => resolve(isNewer ? bundles.get(giver.state) ?? knowledgeOf(giver).bundle() : undefined));
    });
  }

  function deliver(from: Node, to: Node): void {
    if (to.hasSeen) return;
    to.hasSeen = true;
    queue.plan(JUDGE_MS, () => {
      void relayOf(to).deliver(from.id, announcement).then(({ verdict }) => {
        if (verdict === "accept") forward(to, from);
        else to.hasSeen = to.state !== before; // the library forgets what was not accepted; a later copy counts
      });
    });
  }

  /** To the mesh at once; to some others, for some heartbeats, that it is here. */
  function forward(node: Node, from: Node | undefined): void {
    node.hasSeen = true;
    for (const other of node.mesh) if (other !== from) send(node, other, () => deliver(node, other));
    for (let beat = 1; beat <= TOLD_HEARTBEATS; beat++) {
      queue.plan((beat - unit()) * HEARTBEAT_MS, () => {
        const lazy = neighbours(node).filter((other) => !node.mesh.has(other));
        for (const other of random.sample(lazy, LAZY)) send(node, other, () => want(node, other));
      });
    }
  }

  function want(giver: Node, taker: Node): void {
    if (!taker.hasSeen) send(taker, giver, () => send(giver, taker, () => deliver(giver, taker)));
  }

  async function catchUp(node: Node): Promise<void> {
    const [peer] = random.sample(neighbours(node), 1);
    if (node.isAway || peer === undefined) return;
    await relayOf(node).catchUp(peer.id).catch(() => {}); // asked again in a minute
  }

  function catchUpNowAndThen(node: Node): void {
    queue.plan(CATCH_UP_MS * (0.5 + unit()), () => {
      void catchUp(node);
      catchUpNowAndThen(node);
    });
  }

  // Flooding.

  function flood(node: Node, from: Node | undefined, hopsLeft: number): void {
    knows(node);
    if (hopsLeft === 0) return;
    for (const other of node.links.keys()) {
      if (other === from) continue;
      send(node, other, () => {
        if (other.hasSeen) return;
        other.hasSeen = true;
        queue.plan(JUDGE_MS, () => flood(other, node, hopsLeft - 1));
      });
    }
  }

  // Coming and going.

  function leave(node: Node): void {
    node.isAway = true;
    node.wasAway ||= node.knownMs === undefined;
    queue.plan(-Math.log(1 - unit()) * MEAN_AWAY_MS, () => comeBack(node));
  }

  function comeBack(node: Node): void {
    node.isAway = false;
    planLeaving(node);
    if (o.way !== "product") return;
    void catchUp(node);
    queue.plan(SETTLE_MS, () => void catchUp(node));
  }

  function planLeaving(node: Node): void {
    queue.plan(-Math.log(1 - unit()) * MEAN_AWAY_MS * (1 - AWAY) / AWAY, () => leave(node));
  }

  const [publisher, ...others] = nodes;
  if (publisher === undefined) throw new Error("a network of no nodes");
  for (const node of others) {
    if (unit() < AWAY) leave(node);
    else planLeaving(node);
    if (o.way === "product") catchUpNowAndThen(node);
  }
  publisher.state = after;
  publisher.hasSeen = true;
  knows(publisher);
  if (o.way === "product") forward(publisher, undefined);
  else flood(publisher, undefined, o.way.ttl);
  while (nodes.some((n) => n.knownMs === undefined) && queue.nowMs < END_MS) {
    // As many as fit between two looks; after each, what waits for it goes on.
    for (let i = 0; i < 100 && queue.step(END_MS); i++) await settled();
  }

  const known = nodes.filter((n) => n.knownMs !== undefined);
  const there = nodes.filter((n) => !n.wasAway);
  const at = (of: readonly Node[], share: number): number | undefined =>
    of.map((n) => n.knownMs ?? Infinity).sort((x, y) => x - y).filter(
      Number.isFinite,
    )[Math.ceil(of.length * share) - 1];
  return {
    halfMs: at(there, 0.5),
    p99Ms: at(there, 0.99),
    allMs: at(there, 1),
    everybodyMs: at(nodes, 1),
    reached: known.length / nodes.length,
    messagesPerNode: messages / nodes.length,
  };
}

/** The promises that an event has resolved have run: they wait for nothing but each other. */
const settled = () => turn();
