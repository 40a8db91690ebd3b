// Mirrors that peers tell each other of, when asked: hints from strangers, and nothing more.
// Design: docs/formats.md, "Peer protocol"; docs/gossip.md, "Mirrors that peers know".
// Must not: connect to what a hint names, or let through what is no plain https URL.
import type { Connection } from "@libp2p/interface";
import { UpdateError } from "../errors.ts";
import { type ByteStream, createByteStream } from "./byte-stream.ts";
import { formatAnswer, formatRequest, parseAnswer, PEER_PROTOCOL, readLine, writeLine } from "./peer-protocol.ts";

/** As many as anybody can try. */
export const MAX_HINTS = 8;
/** Longer ones are no mirror's. */
const MAX_HINT_BYTES = 512;
const MAX_ANSWER_BYTES = MAX_HINTS * (MAX_HINT_BYTES + 1);
/** All of an exchange: a download waits for it, and a few round trips around the world fit. */
const EXCHANGE_MS = 2_000;
/** What worked changes slowly; asking more often has no use. */
const SERVE_INTERVAL_MS = 10_000;
/** Peers of whom it is remembered when they last asked. */
const MAX_REMEMBERED = 1_000;

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
  const limited = AbortSignal.any([signal, AbortSignal.timeout(EXCHANGE_MS)]);
  try {
    const stream = await connection.newStream(PEER_PROTOCOL, { signal: limited });
    const bytes = createByteStream(stream, { signal: limited, idleMs: EXCHANGE_MS });
    try {
      await writeLine(bytes, formatRequest({ get: "mirrors" }));
      const answer = parseAnswer(await readLine(bytes));
      if (answer.status !== "ok") return [];
      if (answer.bytes > MAX_ANSWER_BYTES) {
        throw new UpdateError("E_TOO_LARGE", `mirrors in ${answer.bytes} bytes, at most ${MAX_ANSWER_BYTES} are read`);
      }
      return decodeHints(await bytes.read(answer.bytes));
    } finally {
      bytes.abort(); // both sides are done, or this one gives up
    }
  } catch (e) {
    if (e instanceof UpdateError || signal.aborted) throw e;
    throw new UpdateError("E_UNREACHABLE", "the peer broke off the exchange", { cause: e });
  }
}

/** @param mirrors URLs that worked for this node and that strangers may know */
export function createHintService(
  mirrors: () => Promise<readonly string[]>,
): (peer: string, bytes: ByteStream) => Promise<void> {
  const lastMs = new Map<string, number>();
  return async (peer, bytes) => {
    const nowMs = performance.now();
    if (nowMs - (lastMs.get(peer) ?? -Infinity) < SERVE_INTERVAL_MS) {
      return await writeLine(bytes, formatAnswer({ status: "busy" }));
    }
    if (lastMs.size >= MAX_REMEMBERED) lastMs.clear();
    lastMs.set(peer, nowMs);
    const hints = encodeHints(await mirrors());
    if (hints.length === 0) return await writeLine(bytes, formatAnswer({ status: "none" }));
    await writeLine(bytes, formatAnswer({ status: "ok", bytes: hints.length }));
    await bytes.write(hints);
  };
}
