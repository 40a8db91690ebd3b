// Addresses of peers that peers tell each other of, when asked. Design: docs/formats.md, "Peer protocol".
// A node tells of those it is connected to: where it dialled them itself, or where they have signed to be.
// Must not: connect to an address; peer-finder.ts does, where the rules allow it, and the id is proven by the handshake.
import { parsePeerAddress } from "./peer-address.ts";
import { createToldList } from "./told-list.ts";

/** Twice as many as a node wants to be connected to. */
export const MAX_TOLD_PEERS = 16;
/** The longest IPv6 address, a port and an id. */
const MAX_ADDRESS_BYTES = 160;
const EXCHANGE_MS = 5_000;

/** An address written out, with the id of who must answer there; names of strangers are not resolved. */
export function isToldAddress(text: string): boolean {
  const address = text.length <= MAX_ADDRESS_BYTES ? parsePeerAddress(text) : undefined;
  return address?.ip !== undefined && address.peer !== undefined && address.port > 0;
}

/** Addresses of connected peers other than the asker, in any order. */
export const TOLD_PEERS = createToldList({
  get: "peers",
  maxEntries: MAX_TOLD_PEERS,
  maxEntryBytes: MAX_ADDRESS_BYTES,
  exchangeMs: EXCHANGE_MS,
  isEntry: isToldAddress,
});
