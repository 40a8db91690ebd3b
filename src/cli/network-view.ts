// What status tells of the network: the versions that are known, and the node of this home with its peers and what it
// serves. Design: docs/gossip.md, "Watching it". Must not: ask anybody; the node has written down what it does.
import type { Home } from "../config/home.ts";
import { type NodeSight, readNodeReport, type ServedArtifact } from "../config/node-report.ts";
import { lockHolder } from "../disk/lock.ts";
import type { TrustState } from "../trust/client.ts";
import { createApprovals } from "../trust/release-match.ts";
import { listReleases } from "../trust/releases.ts";
import { byVersion } from "./listing.ts";
import type { Context } from "./context.ts";
import { counted, formatBytes } from "./output.ts";
import { ownPlatform } from "./own-platform.ts";
import { offlineClock } from "./session.ts";

/** People look at the first ones; programs get all. */
const MAX_SHOWN = 8;

export async function viewNetwork(
  c: Context,
  home: Home,
  state: TrustState,
): Promise<{ readonly lines: readonly string[]; readonly json: Record<string, unknown> }> {
  const sight = await readNodeReport(home);
  const { artifacts } = listReleases(state, offlineClock(c));
  const approvalOf = createApprovals(state);
  const ours = artifacts.filter((x) => x.platform === ownPlatform());
  const known = byVersion(ours).map(({ version, artifacts: [first] }) => ({
    version,
    ...(first === undefined ? { approved: "pending" as const, activationHeight: null } : approvalOf(first)),
  }));
  return {
    lines: [
      `known: ${known.length === 0 ? "no version for this platform" : shownFew(known.map((v) => v.version))}`,
      ...(sight.status === "none" ? [await nobodyLine(home)] : nodeLines(c, sight)),
    ],
    json: { knownVersions: known, node: nodeJson(sight) },
  };
}

/** With --no-gossip, or when it cannot have its port yet, a daemon is no node. */
async function nobodyLine({ daemonLock }: Home): Promise<string> {
  const daemon = await lockHolder(daemonLock);
  return daemon?.isAlive === true
    ? `network: the daemon of this home (process ${daemon.pid}) has no peers and serves nothing`
    : "network: no node runs on this home; see: dchat-update daemon";
}

function nodeLines(c: Context, sight: Exclude<NodeSight, { status: "none" }>): string[] {
  const { report: { peers, served, givenBytes, addresses }, pid } = sight;
  const inbound = peers.filter((p) => !p.isOutbound).length;
  const silent = `the node (process ${pid}) has said nothing for a minute; this is what it last said`;
  return [
    ...(sight.status === "silent" ? [c.out.line("warning", silent)] : []),
    `network: ${counted(peers.length, "peer")} (${inbound} of them came by themselves), listening on ${
      shownFew(addresses)
    }`,
    `serving: ${served.length === 0 ? "nothing" : shownFew(served.map(servedWords))}, ${formatBytes(givenBytes)} given`,
  ];
}

function servedWords({ name, pieces, totalPieces }: ServedArtifact): string {
  return pieces === totalPieces ? name : `${name} (${pieces} of ${totalPieces} pieces)`;
}

function shownFew(items: readonly string[]): string {
  const rest = items.length - MAX_SHOWN;
  return `${items.slice(0, MAX_SHOWN).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}

function nodeJson(sight: NodeSight): Record<string, unknown> | null {
  if (sight.status === "none") return null;
  const { startedMs, peerId, addresses, peers, served, givenBytes } = sight.report;
  return {
    status: sight.status,
    pid: sight.pid,
    started: new Date(startedMs).toISOString(),
    peerId,
    addresses,
    peers: peers.map(({ id, address, isOutbound }) => ({ id, address, outbound: isOutbound })),
    served,
    givenBytes,
  };
}
