// Addresses of peers that peers tell each other of, when asked. Design: docs/formats.md, "Peer protocol".
// A node tells of those it is connected to: where it dialled them itself, or where they have signed to be.
// Must not: connect to an address; peer-finder.ts does, where the rules allow it, and the id is proven by the handshake.
import type { Connection } from "@libp2p/interface";
import { UpdateError } from "../errors.ts";
import type { ByteStream } from "./byte-stream.ts";
import { askPeer } from "./exchange.ts";
import { parsePeerAddress } from "./peer-address.ts";
import { formatAnswer, writeLine } from "./peer-protocol.ts";
import { createPeerTurns } from "./peer-turns.ts";

/** Twice as many as a node wants to be connected to. */
export const MAX_TOLD_PEERS = 16;
/** The longest IPv6 address, a port and an id. */
const MAX_ADDRESS_BYTES = 160;
const MAX_ANSWER_BYTES = MAX_TOLD_PEERS * (MAX_ADDRESS_BYTES + 1);
const EXCHANGE_MS = 5_000;
const SERVE_INTERVAL_MS = 10_000;
const MAX_GIVING = 4;

/** An address written out, with the id of who must answer there; names of strangers are not resolved. */
export function isToldAddress(text: string): boolean {
  const address = text.length <= MAX_ADDRESS_BYTES ? parsePeerAddress(text) : undefined;
  return address?.ip !== undefined && address.peer !== undefined && address.port > 0;
}

/** A line each. Whatever is no such address is left out. */
export function encodePeers(addresses: readonly string[]): Uint8Array {
  return new TextEncoder().encode([...new Set(addresses)].filter(isToldAddress).slice(0, MAX_TOLD_PEERS).join("\n"));
}

/** @throws UpdateError E_MALFORMED */
export function decodePeers(bytes: Uint8Array): string[] {
  const addresses = new TextDecoder().decode(bytes).split("\n");
  const wrong = addresses.length > MAX_TOLD_PEERS
    ? `${addresses.length} lines`
    : addresses.find((a) => !isToldAddress(a));
  if (wrong === undefined) return addresses;
  throw new UpdateError("E_MALFORMED", `peers that cannot be read: ${JSON.stringify(wrong.slice(0, 80))}`);
}

/** @returns none when the peer tells of none. @throws UpdateError E_TOO_LARGE, E_MALFORMED, E_UNREACHABLE, E_TIMEOUT */
export async function requestPeers(connection: Connection, signal: AbortSignal): Promise<string[]> {
  const limits = { maxBytes: MAX_ANSWER_BYTES, idleMs: EXCHANGE_MS, timeoutMs: EXCHANGE_MS, signal };
  const answer = await askPeer(connection, { get: "peers" }, limits);
  return answer instanceof Uint8Array ? decodePeers(answer) : [];
}

/** @param addresses of connected peers other than the asker, in any order */
export function createPeersService(
  addresses: (asker: string) => Promise<readonly string[]>,
): (peer: string, bytes: ByteStream) => Promise<void> {
  const turns = createPeerTurns({ atOnce: MAX_GIVING, intervalMs: SERVE_INTERVAL_MS });
  return async (peer, bytes) => {
    const hadTurn = await turns.take(peer, async () => {
      const told = encodePeers(await addresses(peer));
      if (told.length === 0) return await writeLine(bytes, formatAnswer({ status: "none" }));
      await writeLine(bytes, formatAnswer({ status: "ok", bytes: told.length }));
      await bytes.write(told);
    });
    if (!hadTurn) await writeLine(bytes, formatAnswer({ status: "busy" }));
  };
}
