// Mirrors that peers tell each other of, when asked: hints from strangers, and nothing more.
// Design: docs/formats.md, "Peer protocol"; docs/gossip.md, "Mirrors that peers know".
// Must not: connect to what a hint names, or let through what is no plain https URL.
import { createToldList } from "./told-list.ts";

/** As many as anybody can try. */
export const MAX_HINTS = 8;
/** Longer ones are no mirror's. */
const MAX_HINT_BYTES = 512;
/** A download waits for it, and a few round trips around the world fit. */
const EXCHANGE_MS = 2_000;

/** True for an https URL as a hint may be: one way to write it, no credentials, nothing behind the path. */
export function isHint(text: string): boolean {
  if (text.length > MAX_HINT_BYTES || !/^https:\/\/[\x21-\x7e]+$/.test(text) || /[{}@?#\\]/.test(text)) return false;
  if (!URL.canParse(text)) return false;
  const { href, pathname } = new URL(text);
  return href === text || (pathname === "/" && href === `${text}/`);
}

/** URLs that worked for a node and that strangers may know. */
export const HINTS = createToldList({
  get: "mirrors",
  maxEntries: MAX_HINTS,
  maxEntryBytes: MAX_HINT_BYTES,
  exchangeMs: EXCHANGE_MS,
  isEntry: isHint,
});
