// Short lists that peers tell each other of when asked, an entry a line: mirrors that worked, addresses of peers.
// Design: docs/formats.md, "Peer protocol". Must not: know what an entry is for, or let through what is none.
import type { Connection } from "@libp2p/interface";
import { UpdateError } from "../errors.ts";
import type { AnswerKind } from "./answers.ts";
import { askPeer } from "./exchange.ts";

export interface ToldListOptions {
  /** What is asked for, and what messages call it. */
  readonly get: "mirrors" | "peers";
  readonly maxEntries: number;
  readonly maxEntryBytes: number;
  /** For all of an exchange. */
  readonly exchangeMs: number;
  readonly isEntry: (text: string) => boolean;
}

export interface ToldList {
  /** A line each, once. Whatever is no entry is left out. */
  encode(entries: readonly string[]): Uint8Array;
  /** @throws UpdateError E_MALFORMED */
  decode(bytes: Uint8Array): string[];
  /**
   * Asks a peer.
   * @returns none when it knows none, or does not tell
   * @throws UpdateError E_TOO_LARGE, E_MALFORMED, E_UNREACHABLE, E_TIMEOUT
   */
  request(connection: Connection, signal: AbortSignal): Promise<string[]>;
  /** For peers that ask. @param entries for the peer of that id */
  answers(entries: (asker: string) => Promise<readonly string[]>): AnswerKind<unknown>;
}

/** What a peer is told changes slowly; asking more often has no use. */
const SERVE_INTERVAL_MS = 10_000;
/** Each may look at the disk and at names. */
const MAX_GIVING = 3;

export function createToldList({ get, maxEntries, maxEntryBytes, exchangeMs, isEntry }: ToldListOptions): ToldList {
  const encode = (entries: readonly string[]) =>
    new TextEncoder().encode([...new Set(entries)].filter(isEntry).slice(0, maxEntries).join("\n"));

  const decode = (bytes: Uint8Array) => {
    const entries = new TextDecoder().decode(bytes).split("\n");
    const wrong = entries.length > maxEntries ? `${entries.length} lines` : entries.find((entry) => !isEntry(entry));
    if (wrong === undefined) return entries;
    throw new UpdateError("E_MALFORMED", `${get} that cannot be read: ${JSON.stringify(wrong.slice(0, 80))}`);
  };

  return {
    encode,
    decode,
    async request(connection, signal) {
      const maxBytes = maxEntries * (maxEntryBytes + 1);
      const limits = { maxBytes, idleMs: exchangeMs, timeoutMs: exchangeMs, signal };
      const answer = await askPeer(connection, { get }, limits);
      return answer instanceof Uint8Array ? decode(answer) : [];
    },
    answers: (entries) => ({
      atOnce: MAX_GIVING,
      intervalMs: SERVE_INTERVAL_MS,
      async find(_, asker) {
        const told = encode(await entries(asker));
        return told.length === 0 ? undefined : told;
      },
    }),
  };
}
