// gossip/peers.json: addresses at which peers of the network answered, kept from run to run. docs/formats.md.
// It is advice: a file that is damaged or cannot be written costs experience and never a connection. The long-running
// node of a home alone writes it. Must not: hold an address where nobody has answered, or grow without bound.
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { writeFileAtomic } from "../disk/atomic-file.ts";
import { UpdateError } from "../errors.ts";
import { Field } from "../trust/fields.ts";
import { parseJsonObject } from "../trust/json.ts";
import { jsonBytes, readFileIfThere } from "./home-file.ts";
import type { Home } from "./home.ts";

export interface KnownPeer {
  /** A multiaddr that ends with the peer's id. */
  readonly address: string;
  /** True when the operator named it: it may lead anywhere. */
  readonly isNamed: boolean;
  /** When a connection to it last stood. */
  readonly seenMs: number;
}

/** A node needs a dozen; of more, those who answered last are kept. */
export const MAX_KNOWN_PEERS = 64;
const PEERS_FORMAT = "dchat-peers-1";
/** A name has at most 253 characters, an id some sixty. */
const MAX_ADDRESS_LENGTH = 400;
/** As many with the longest addresses come to half of this. */
const MAX_PEERS_BYTES = 64 * 1024;
/** Whoever did not answer for so long has moved. What is noted for the future was so by a wrong clock, and may be there. */
const FORGET_MS = 30 * 86_400_000;

/**
 * Those that are worth a try; who answered last comes first. Empty when there is no file, or none that can be used. Never
 * throws.
 */
export async function readKnownPeers(home: Pick<Home, "knownPeersFile">, nowMs: number): Promise<readonly KnownPeer[]> {
  return (await readAllPeers(home)).filter(({ seenMs }) => nowMs - seenMs <= FORGET_MS);
}

/**
 * The same, whenever they were seen: for whoever writes the file again. A clock that is wrong for seconds must not cost a
 * node the peers that it knows.
 */
export async function readAllPeers(home: Pick<Home, "knownPeersFile">): Promise<readonly KnownPeer[]> {
  try {
    const bytes = await readFileIfThere(home.knownPeersFile, MAX_PEERS_BYTES);
    return bytes === undefined ? [] : parsePeers(bytes);
  } catch (e) {
    if (e instanceof UpdateError) return [];
    throw e;
  }
}

/** @throws UpdateError E_IO, E_DISK_FULL; the old file then stands */
export async function writeKnownPeers(
  home: Pick<Home, "knownPeersFile">,
  peers: readonly KnownPeer[],
): Promise<void> {
  const entries = peers.map(({ address, isNamed, seenMs }) => ({
    address,
    named: isNamed,
    seen: new Date(seenMs).toISOString(),
  }));
  await mkdir(dirname(home.knownPeersFile), { recursive: true });
  await writeFileAtomic(home.knownPeersFile, jsonBytes({ format: PEERS_FORMAT, peers: entries }), { mode: 0o600 });
}

/**
 * Both lists as one, bounded: those that are there now, then the others in their order. What is seen now counts, whatever
 * was noted before: a clock that was ahead is corrected by the next sight. Once named, a peer stays named.
 */
export function joinPeers(known: readonly KnownPeer[], seen: readonly KnownPeer[]): KnownPeer[] {
  const named = new Set([...known, ...seen].filter((p) => p.isNamed).map((p) => p.address));
  const all = new Map<string, KnownPeer>();
  for (const peer of [...seen, ...known]) {
    if (!all.has(peer.address)) all.set(peer.address, { ...peer, isNamed: named.has(peer.address) });
  }
  return [...all.values()].slice(0, MAX_KNOWN_PEERS);
}

function parsePeers(bytes: Uint8Array): KnownPeer[] {
  const what = "gossip/peers.json";
  const f = new Field(parseJsonObject(bytes, what), what);
  f.get("format").oneOf([PEERS_FORMAT]);
  return f.get("peers").array().slice(0, MAX_KNOWN_PEERS).map((p) => ({
    address: p.get("address").line(MAX_ADDRESS_LENGTH),
    isNamed: p.get("named").boolean(),
    seenMs: Date.parse(p.get("seen").rfc3339()),
  }));
}
