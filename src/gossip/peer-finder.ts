// Finds more peers while there are few: those that answered in earlier runs, and those that connected peers tell of; and
// when there are none, as after the machine itself had no network, those that have ever answered.
// Design: docs/gossip.md, "Connections". Must not: dial what the rules forbid, dial one address again and
// again, or let one peer fill all places.
import { setTimeout as delay } from "node:timers/promises";
import { withoutPeer } from "./peer-address.ts";

export interface PeerFinderOptions {
  readonly signal: AbortSignal;
  /** With their ids, who answered last first; they are tried before others. */
  readonly remembered: readonly string[];
  /** Before the first look; each look that finds nobody doubles it. For tests. */
  readonly waitMs?: number;
  /** Addresses on the same link, with ids; asked at each look. */
  nearby(): readonly string[];
  /** Ids of the peers that are connected, and this node's own. */
  connected(): readonly string[];
  /** Whether the rules allow a connection to be made there. */
  mayDial(address: string): boolean;
  /** Rejects when nobody answers there, or somebody else. */
  dial(address: string): Promise<void>;
  /** Addresses that a connected peer tells of, with their ids. Never throws. */
  ask(peer: string): Promise<readonly string[]>;
}

/** A message reaches everybody over six; two may leave at a time. This node's own id is one of the connected. */
const ENOUGH_CONNECTED = 9;
const FIRST_WAIT_MS = 3_000;
/** As long as nothing is found it is looked for less and less. */
const LONGEST_WAIT_MS = 300_000;
const MAX_DIALS_AT_ONCE = 3;
/** So that one peer cannot choose all whom this node talks to. */
const MAX_OF_ONE_ANSWER = 4;
const MAX_CANDIDATES = 64;
/** Who did not answer is not dialled again so soon, whoever tells of him. */
const AVOID_MS = 1_800_000;
const MAX_AVOIDED = 256;
/** Of more, those that answered last. */
const MAX_ANSWERED = 64;

/** Runs until the signal. Never throws. */
export async function findPeers(o: PeerFinderOptions): Promise<void> {
  const candidates = new Set(o.remembered);
  const answered = new Set([...o.remembered].reverse()); // the last is who answered last
  const avoidedUntilMs = new Map<string, number>();
  const firstWaitMs = o.waitMs ?? FIRST_WAIT_MS;
  let waitMs = firstWaitMs;

  const idOf = (address: string) => address.slice(address.lastIndexOf("/") + 1);

  function isWorthATry(address: string): boolean {
    if ((avoidedUntilMs.get(withoutPeer(address)) ?? -Infinity) > performance.now()) return false;
    return !o.connected().includes(idOf(address)) && o.mayDial(address);
  }

  function avoid(address: string): void {
    const [oldest] = avoidedUntilMs.keys();
    if (avoidedUntilMs.size >= MAX_AVOIDED && oldest !== undefined) avoidedUntilMs.delete(oldest);
    avoidedUntilMs.set(withoutPeer(address), performance.now() + AVOID_MS);
  }

  async function askOne(): Promise<void> {
    const [, ...others] = o.connected(); // the first is this node itself
    const peer = others[Math.floor(Math.random() * others.length)];
    if (peer === undefined) return;
    const told = (await o.ask(peer)).filter(isWorthATry).sort(() => Math.random() - 0.5);
    for (const address of told.slice(0, MAX_OF_ONE_ANSWER)) {
      if (candidates.size < MAX_CANDIDATES) candidates.add(address);
    }
  }

  function noteAnswer(address: string): void {
    answered.delete(address);
    answered.add(address);
    const [oldest] = answered;
    if (answered.size > MAX_ANSWERED && oldest !== undefined) answered.delete(oldest);
  }

  /** Nobody is there to tell of others. That those did not answer lately says more of this node than of them. */
  function recallAll(): void {
    for (const address of [...answered].reverse()) {
      avoidedUntilMs.delete(withoutPeer(address));
      candidates.add(address);
    }
  }

  /** @returns how many more there are */
  async function dialSome(): Promise<number> {
    const chosen = [...candidates].filter(isWorthATry).slice(0, MAX_DIALS_AT_ONCE);
    for (const address of candidates) if (chosen.includes(address) || !isWorthATry(address)) candidates.delete(address);
    const results = await Promise.all(chosen.map(async (address) => {
      try {
        await o.dial(address);
        noteAnswer(address);
        return 1;
      } catch {
        avoid(address);
        return 0;
      }
    }));
    return results.reduce<number>((sum, n) => sum + n, 0);
  }

  while (!o.signal.aborted) {
    // Spread out: nodes that lost the same peer do not all dial the next one in the same moment.
    await delay(waitMs * (0.5 + Math.random()), undefined, { signal: o.signal, ref: false }).catch(() => {});
    if (o.signal.aborted) return;
    if (o.connected().length >= ENOUGH_CONNECTED) {
      waitMs = firstWaitMs * 4;
      continue;
    }
    for (const address of o.nearby()) if (candidates.size < MAX_CANDIDATES) candidates.add(address);
    if (candidates.size === 0) await askOne();
    if (candidates.size === 0 && o.connected().length === 1) recallAll();
    const found = await dialSome();
    waitMs = found > 0 ? firstWaitMs : Math.min(waitMs * 2, LONGEST_WAIT_MS);
  }
}
