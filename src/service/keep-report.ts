// While a node runs: what it is doing, for the commands beside it, and the peers that answered, for the next time.
// Design: docs/gossip.md, "Watching it". Must not: end the node because a disk is full; both files are advice.
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Home } from "../config/home.ts";
import { joinPeers, type KnownPeer, readAllPeers, writeKnownPeers } from "../config/known-peers.ts";
import { createReportWriter } from "../config/node-report.ts";
import { sweepLeftovers } from "../disk/atomic-file.ts";
import { asUpdateError, type UpdateError } from "../errors.ts";
import type { GossipNode } from "../gossip/node.ts";
import type { TrustState } from "../trust/client.ts";
import { listServed } from "./served-artifacts.ts";

export interface KeepReportOptions {
  readonly home: Home;
  readonly node: Pick<GossipNode, "id" | "addresses" | "connections" | "dialled" | "givenBytes">;
  readonly state: () => TrustState;
  readonly signal: AbortSignal;
  /** Told once, when a file cannot be written. */
  readonly onFailure: (error: UpdateError) => void;
}

/** How old what `status` shows may be. */
const REPORT_MS = 5_000;
/** Peers that were there all the time are noted as seen so often. */
const SEEN_AGAIN_MS = 3_600_000;

/** Runs until the signal; then the report is gone. Never throws. */
export async function keepReport({ home, node, state, signal, onFailure }: KeepReportOptions): Promise<void> {
  await sweepLeftovers(dirname(home.nodeReportFile)); // this is who writes there most
  const writer = createReportWriter(home);
  const startedMs = Date.now();
  let known = await readAllPeers(home);
  let hasFailed = false;

  async function remember(): Promise<void> {
    const nowMs = Date.now();
    const next = joinPeers(known, node.dialled().map((d): KnownPeer => ({ ...d, seenMs: nowMs })));
    if (!isNews(known, next)) return;
    await writeKnownPeers(home, next);
    known = next;
  }

  async function write(): Promise<void> {
    const peerId = node.id, givenBytes = node.givenBytes();
    const served = await listServed(home, state());
    const addresses = node.addresses(), peers = node.connections();
    await writer.write({ startedMs, peerId, addresses, peers, served, givenBytes });
  }

  while (!signal.aborted) {
    try {
      await write();
      await remember();
      hasFailed = false;
    } catch (e) {
      if (!hasFailed) onFailure(asUpdateError(e, "E_IO"));
      hasFailed = true;
    }
    await delay(REPORT_MS, undefined, { signal, ref: false }).catch(() => {}); // the loop looks at the signal
  }
  await writer.remove().catch(() => {}); // what is left says whose it was
}

function isNews(before: readonly KnownPeer[], after: readonly KnownPeer[]): boolean {
  const old = new Map(before.map((p) => [p.address, p]));
  return after.some((p) => {
    const known = old.get(p.address);
    return known === undefined || known.isNamed !== p.isNamed || Math.abs(p.seenMs - known.seenMs) > SEEN_AGAIN_MS;
  });
}
