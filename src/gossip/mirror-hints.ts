// Mirrors that peers tell each other of, when asked: hints from strangers, and nothing more.
// Design: docs/formats.md, "Peer protocol"; docs/gossip.md, "Mirrors that peers know".
// Must not: connect to what a hint names, or let through what is no plain https URL.
import type { Connection } from "@libp2p/interface";
import { UpdateError } from "../errors.ts";
import type { ByteStream } from "./byte-stream.ts";
import { askPeer } from "./exchange.ts";
import { formatAnswer, writeLine } from "./peer-protocol.ts";
import { createPeerTurns } from "./peer-turns.ts";

/** As many as anybody can try. */
export const MAX_HINTS = 8;
/** Longer ones are no mirror's. */
const MAX_HINT_BYTES = 512;
const MAX_ANSWER_BYTES = MAX_HINTS * (MAX_HINT_BYTES + 1);
/** All of an exchange: a download waits for it, and a few round trips around the world fit. */
const EXCHANGE_MS = 2_000;
/** What worked changes slowly; asking more often has no use. */
const SERVE_INTERVAL_MS = 10_000;
/** Each looks at the disk and at names. */
const MAX_GIVING = 4;

/** True for an https URL as a hint may be: one way to write it, no credentials, nothing behind the path. */
export function isHint(text: string): boolean {
  if (text.length > MAX_HINT_BYTES || !/^https:\/\/[\x21-\x7e]+$/.test(text) || /[{}@?#\\]/.test(text)) return false;
  if (!URL.canParse(text)) return false;
  const { href, pathname } = new URL(text);
  return href === text || (pathname === "/" && href === `${text}/`);
}

/** A line each. Whatever is no hint is left out. */
export function encodeHints(urls: readonly string[]): Uint8Array {
  return new TextEncoder().encode([...new Set(urls)].filter(isHint).slice(0, MAX_HINTS).join("\n"));
}

/** @throws UpdateError E_MALFORMED */
export function decodeHints(bytes: Uint8Array): string[] {
  const hints = new TextDecoder().decode(bytes).split("\n");
  const wrong = hints.length > MAX_HINTS ? `${hints.length} lines` : hints.find((hint) => !isHint(hint));
  if (wrong === undefined) return hints;
  throw new UpdateError("E_MALFORMED", `mirrors that cannot be read: ${JSON.stringify(wrong.slice(0, 80))}`);
}

/**
 * Asks a peer which mirrors worked for it.
 * @returns none when it knows none, or does not tell
 * @throws UpdateError E_TOO_LARGE, E_MALFORMED, E_UNREACHABLE, E_TIMEOUT
 */
export async function requestHints(connection: Connection, signal: AbortSignal): Promise<string[]> {
  const limits = { maxBytes: MAX_ANSWER_BYTES, idleMs: EXCHANGE_MS, timeoutMs: EXCHANGE_MS, signal };
  const answer = await askPeer(connection, { get: "mirrors" }, limits);
  return answer instanceof Uint8Array ? decodeHints(answer) : [];
}

/** @param mirrors URLs that worked for this node and that strangers may know */
export function createHintService(
  mirrors: () => Promise<readonly string[]>,
): (peer: string, bytes: ByteStream) => Promise<void> {
  const turns = createPeerTurns({ atOnce: MAX_GIVING, intervalMs: SERVE_INTERVAL_MS });
  return async (peer, bytes) => {
    const hadTurn = await turns.take(peer, async () => {
      const hints = encodeHints(await mirrors());
      if (hints.length === 0) return await writeLine(bytes, formatAnswer({ status: "none" }));
      await writeLine(bytes, formatAnswer({ status: "ok", bytes: hints.length }));
      await bytes.write(hints);
    });
    if (!hadTurn) await writeLine(bytes, formatAnswer({ status: "busy" }));
  };
}
