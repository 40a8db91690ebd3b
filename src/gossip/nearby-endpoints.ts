// The endpoints that nodes on the link have told of lately. Design: docs/gossip.md, "On a LAN".
// Must not: grow, keep what nobody tells of any more, or let one machine's endpoints take the places of others.
import { parsePeerAddress } from "./peer-address.ts";

export interface NearbyEndpoints {
  /** @param endpoint as of `withoutPeer` @param id who says to be there; the latest counts, nodes are set up anew */
  see(endpoint: string, id: string): void;
  /** Addresses with ids. */
  addresses(): readonly string[];
  has(endpoint: string): boolean;
}

/** More nodes on one link find each other through those they have found. */
export const MAX_NEARBY = 32;
/** A machine runs one node, or a few on ports of their own. */
export const MAX_NEARBY_OF_ADDRESS = 4;
/** A node that is there answers every ten seconds; thirty answers do not all get lost. */
export const FORGET_NEARBY_MS = 300_000;

/** @param now milliseconds of a clock that only goes forward */
export function createNearbyEndpoints(now: () => number = () => performance.now()): NearbyEndpoints {
  const found = new Map<string, { readonly id: string; readonly seenMs: number }>(); // who was seen last is last

  function forgetOld(): void {
    for (const [endpoint, { seenMs }] of found) if (now() - seenMs > FORGET_NEARBY_MS) found.delete(endpoint);
  }

  return {
    see(endpoint, id) {
      found.delete(endpoint);
      forgetOld();
      const ofAddress = [...found.keys()].filter((e) => ipOf(e) === ipOf(endpoint));
      const oldest = ofAddress.length >= MAX_NEARBY_OF_ADDRESS
        ? ofAddress[0]
        : found.size >= MAX_NEARBY
        ? found.keys().next().value
        : undefined;
      if (oldest !== undefined) found.delete(oldest);
      found.set(endpoint, { id, seenMs: now() });
    },
    addresses() {
      forgetOld();
      return [...found].map(([endpoint, { id }]) => `${endpoint}/p2p/${id}`);
    },
    has(endpoint) {
      forgetOld();
      return found.has(endpoint);
    },
  };
}

function ipOf(endpoint: string): string | undefined {
  return parsePeerAddress(endpoint)?.ip;
}
