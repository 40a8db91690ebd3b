// Which peers a command asks: those that are named to it, those of the configuration, and those that have answered before.
// Design: docs/gossip.md, "What a command asks". Must not: connect to anybody.
import type { Source, SourceKind } from "../api.ts";
import { readKnownPeers } from "../config/known-peers.ts";
import { createPeersByAddress } from "../gossip/peers-by-address.ts";
import type { Arguments, OptionSpec } from "./command.ts";
import type { Context } from "./context.ts";
import { requirePeers } from "./peer-option.ts";
import { networkName, type Session } from "./session.ts";

export const PEER_OPTIONS: Readonly<Record<"peer" | "no-gossip", OptionSpec>> = {
  peer: { type: "string", value: "MULTIADDR", multiple: true, help: "a node to ask besides mirrors" },
  "no-gossip": { type: "boolean", help: "ask mirrors only, no peers" },
};

/** An attacker who owns some of them must not be all that is asked; more cost time and bring nothing. */
const MAX_ASKED = 8;
/** Behind every priority that can be configured: to reach them takes the larger half of this program. */
const PEER_PRIORITY = Number.MAX_SAFE_INTEGER - 1;

export interface PeersToAsk {
  /** Multiaddrs, those that the operator named first. */
  readonly addresses: readonly string[];
  /** Which of them may lead anywhere. */
  readonly named: readonly string[];
}

/**
 * @param only the kind of sources that is wanted; undefined for all
 * @throws UpdateError E_USAGE for an address that is none
 */
export async function peersToAsk(
  c: Context,
  a: Arguments,
  { home, config }: Session,
  only?: SourceKind,
): Promise<PeersToAsk> {
  const given = a.strings("peer");
  requirePeers(given);
  if (a.flag("no-gossip") || (only !== undefined && only !== "peer")) return { addresses: [], named: [] };
  const known = await readKnownPeers(home, c.nowMs);
  const own = [...given, ...config.peers];
  const named = [...own, ...known.filter((p) => p.isNamed).map((p) => p.address)];
  return { addresses: [...new Set([...own, ...known.map((p) => p.address)])].slice(0, MAX_ASKED), named };
}

/** Runs work with those peers as sources of pieces, which are asked when mirrors are not enough. */
export async function withPeers<T>(
  a: Arguments,
  s: Session,
  peers: PeersToAsk,
  work: (sources: readonly Source[]) => Promise<T>,
): Promise<T> {
  const how = { network: networkName(s), allowPrivate: a.flag("allow-private"), priority: PEER_PRIORITY };
  const { sources, close } = createPeersByAddress({ ...peers, ...how });
  try {
    return await work(sources);
  } finally {
    await close();
  }
}
