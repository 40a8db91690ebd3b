// The service of a long-running node: gossip, checks of the mirrors, downloads and staging in the background, and how it
// is doing, for whoever watches. `daemon` is this, and `run` has one beside the node. Design: docs/gossip.md.
// Must not: end because of a peer, a mirror or the clock.
import { setTimeout as delay } from "node:timers/promises";
import { readKnownPeers } from "../../config/known-peers.ts";
import { fileMark } from "../../disk/file-mark.ts";
import { asUpdateError, isHomeError, type UpdateError } from "../../errors.ts";
import type { GossipEvent } from "../../gossip/gossip-event.ts";
import { loadIdentity } from "../../gossip/identity.ts";
import { createGossipNode } from "../../gossip/node.ts";
import { createAlertLimit } from "../../service/alert-limit.ts";
import { createAwakeClock } from "../../service/awake-clock.ts";
import { createCheckTimes } from "../../service/check-times.ts";
import { keepReport } from "../../service/keep-report.ts";
import { createMetrics, type Metrics } from "../../service/metrics.ts";
import { startStatusServer, type StatusServer } from "../../service/status-server.ts";
import { createStoredShelf } from "../../service/stored-shelf.ts";
import type { TrustState } from "../../trust/client.ts";
import { listReleases } from "../../trust/releases.ts";
import { countNewVotes } from "../../trust/votes.ts";
import { alert } from "../alert.ts";
import type { Arguments, CommandResult } from "../command.ts";
import type { Context } from "../context.ts";
import { mirrorsToTell } from "../mirror-hints.ts";
import { noteSight } from "../schedule-sight.ts";
import { offlineClock, openConfig, openSession, refresh, type Session, withMirrors } from "../session.ts";
import { openKnowledge } from "../session-knowledge.ts";
import { type Bell, createBell } from "./daemon-bell.ts";
import { createDownloader } from "./daemon-download.ts";
import { createBackgroundFetch } from "./daemon-fetch.ts";
import { startGossip } from "./daemon-gossip.ts";
import { type Attempt, createDaemonLog, type DaemonLog } from "./daemon-log.ts";
import type { ServiceOptions } from "./daemon-options.ts";
import { createStager } from "./daemon-staging.ts";

/** How soon the service knows what a command has learnt. */
const LOOK_AT_DISK_MS = 2_000;
const HOUR_MS = 3_600_000;
/** How soon a change of the settings counts. Also: timers of runtimes end at 24 days, and intervals may be longer. */
const LOOK_AT_SETTINGS_MS = 60_000;
/** Whoever makes up identities can be shut out a thousand times a minute; people need to hear of it once. */
const ALERT_INTERVAL_MS = 60_000;

export interface Service extends ServiceOptions {
  /** True: a port that is taken costs what needs it and no more. False: it ends the service. */
  readonly isPatient: boolean;
}

/**
 * Runs until the signal. To be called under the home's daemon lock.
 * @throws UpdateError E_IO when it can listen nowhere, unless it is patient; what the home says at the beginning
 */
export async function runService(c: Context, a: Arguments, s: Session, o: Service): Promise<CommandResult> {
  const metrics = createMetrics();
  const log = createDaemonLog(c.out, metrics);
  // No progress bars; what is said goes into the log.
  const out = { ...c.out, quiet: true, note: log.trouble, warn: log.warn };
  const logged: Context = { ...c, out, alertLimit: createAlertLimit() };
  const bells = { check: createBell(), download: createBell(), staging: createBell() };
  // For what they are fetching at that moment.
  const changes = { download: createBell(), staging: createBell() };
  // Downloads begin when what is approved has been seen to.
  const ring = () => [bells.check, bells.staging, changes.download, changes.staging].forEach((bell) => bell.ring());
  let announce = () => {};
  /** There is something newer, and this home does not take it. */
  let unstored: UpdateError | undefined;

  const knowledge = openKnowledge(s, {
    now: Date.now,
    noteSight: async (state) => await noteSight(logged, s, state, "one-peer"),
    onUnstored(e) {
      unstored = e;
      log.failure("store", e);
    },
    onGrowth(before, after) {
      unstored = undefined;
      if (isNewer(before, after)) {
        log.growth(after, versionsIn(c, after).filter((v) => !versionsIn(c, before).includes(v)));
      }
      const votes = countNewVotes(before, after);
      if (votes > 0) log.votes(votes);
      announce();
      ring();
    },
  });
  metrics.set("root_version", s.state.root.signed.version, undefined);
  metrics.set("timestamp_version", s.state.timestamp?.signed.version ?? 0, undefined);

  const { gossip } = o;
  const peersToKeep = async () => [...new Set([...gossip?.peers ?? [], ...(await openConfig(c)).config.peers])];
  const createNode = gossip === undefined ? undefined : async () =>
    await createGossipNode({
      ...gossip,
      peers: await peersToKeep(),
      remembered: await readKnownPeers(s.home, Date.now()),
      knowledge,
      shelf: createStoredShelf(s.home, () => knowledge.state(), c.signal),
      votes: knowledge.votes,
      mirrors: async () => {
        const now = { ...logged, nowMs: Date.now() };
        return await mirrorsToTell(now, await openSession(now, a));
      },
      identity: await loadIdentity(s.home.identityFile, c),
      onEvent: createListener(logged, s, log),
    });
  const onFailure = (what: Attempt) => (e: unknown) => log.failure(what, asUpdateError(e));
  const link = await startGossip(createNode, {
    isPatient: o.isPatient,
    signal: c.signal,
    whileRunning: (node, signal) =>
      keepReport({ home: s.home, node, state: knowledge.state, signal, onFailure: onFailure("report") }),
    onFailure: onFailure("gossip"),
  });
  announce = () => void link.node()?.announce();
  const { configFile, trustFile, currentFile } = s.home;
  const disk = watchDisk(log, [configFile, trustFile, currentFile], {
    reload: () => knowledge.reload(),
    readSettings: async () => link.node()?.namePeers(await peersToKeep()),
    onChange: ring,
  });
  const fetch = createBackgroundFetch(a, link, log);
  const stager = createStager(logged, a, {
    fetch,
    bell: bells.staging,
    changes: changes.staging,
    log,
    preflight: o.preflight,
    onLooked: bells.download.ring,
  });
  const downloader = createDownloader(logged, a, { fetch, bell: bells.download, changes: changes.download, log });
  const given = () => link.node()?.givenBytes() ?? 0;
  let status: StatusServer | undefined;
  try {
    const problem = () =>
      disk.problem() ?? wordsOf(unstored) ?? stager.problem() ?? downloader.problem() ?? link.problem();
    status = await startStatus(o, problem, () => showMetrics(metrics, given())).catch((e) => {
      if (!o.isPatient) throw e;
      onFailure("metrics")(e);
      return undefined;
    });
    await Promise.all([
      disk.look(c.signal),
      askMirrors(logged, a, bells.check, log, (e) => unstored = e),
      downloader.run(),
      stager.run(),
    ]);
  } finally {
    await status?.close();
    await link.stop();
  }
  const { root, timestamp } = knowledge.state();
  return {
    lines: [c.out.line("ok", "Stopped")],
    json: {
      network: knowledge.network,
      peerId: link.node()?.id ?? null,
      rootVersion: root.signed.version,
      timestampVersion: timestamp?.signed.version ?? null,
      messages: log.counts(),
      givenBytes: given(),
    },
  };
}

function createListener(c: Context, s: Session, log: DaemonLog): (e: GossipEvent) => void {
  let alertedAtMs = -Infinity;
  return (e) => {
    log.event(e);
    if (e.type !== "lie" || performance.now() - alertedAtMs < ALERT_INTERVAL_MS) return;
    alertedAtMs = performance.now();
    void alert({ ...c, nowMs: Date.now() }, s.home, `peer:${e.peer}`, "an announcement", e.error);
  };
}

async function startStatus(
  { metricsPort: port }: ServiceOptions,
  problem: () => string | undefined,
  metrics: () => string,
): Promise<StatusServer | undefined> {
  return port === undefined ? undefined : await startStatusServer({ port, problem, metrics });
}

function showMetrics(metrics: Metrics, givenBytes: number): string {
  metrics.set("given_bytes_total", givenBytes, undefined);
  return metrics.text();
}

function isNewer({ root, timestamp }: TrustState, after: TrustState): boolean {
  return after.root.signed.version !== root.signed.version ||
    after.timestamp?.signed.version !== timestamp?.signed.version;
}

function versionsIn(c: Context, state: TrustState): string[] {
  return [...new Set(listReleases(state, offlineClock(c)).artifacts.map((x) => x.version))];
}

interface OnDisk {
  readonly reload: () => Promise<void>;
  readonly readSettings: () => Promise<unknown>;
  readonly onChange: () => void;
}

/**
 * Commands may learn something meanwhile, or change the settings: it is told to the network too, and acted on. What the
 * home has that cannot be read is told here, and not again by all who need it.
 */
function watchDisk(log: DaemonLog, files: readonly string[], { reload, readSettings, onChange }: OnDisk) {
  let problem: string | undefined;
  let seen = "";
  return {
    problem: () => problem,
    async look(signal: AbortSignal): Promise<void> {
      while (!signal.aborted) {
        try {
          await reload();
          const now = (await Promise.all(files.map((file) => fileMark(file).catch(() => "")))).join("\n");
          if (seen !== now && seen !== "") onChange();
          seen = now;
          await readSettings();
          problem = undefined;
        } catch (e) {
          const error = asUpdateError(e), text = `${error.code}: ${error.message}`;
          if (problem !== text) log.failure("state", error); // once, not every two seconds
          problem = text;
        }
        await delay(LOOK_AT_DISK_MS, undefined, { signal }).catch(() => {}); // the loop looks at the signal
      }
    },
  };
}

function wordsOf(unstored: UpdateError | undefined): string | undefined {
  return unstored && `what is newer cannot be stored: ${unstored.code}: ${unstored.message}`;
}

/**
 * With auto-update enabled, mirrors are asked too, as often as the configuration says by then.
 * @param onStored told whether the home took what they had; nothing where they had nothing to give
 */
async function askMirrors(
  c: Context,
  a: Arguments,
  bell: Bell,
  log: DaemonLog,
  onStored: (why: UpdateError | undefined) => void,
): Promise<void> {
  const times = createCheckTimes(), clockMs = createAwakeClock();
  while (!c.signal.aborted) {
    let isAsking = false;
    try {
      const { enabled, checkIntervalHours } = (await openConfig(c)).config.autoUpdate;
      if (enabled && times.isDue(clockMs(), checkIntervalHours * HOUR_MS)) {
        const now: Context = { ...c, nowMs: Date.now() };
        const session = await openSession(now, a);
        times.begin(clockMs());
        isAsking = true;
        await withMirrors(now, a, session, async (client) => void await refresh(now, session, client, log.asked));
        times.succeeded();
        log.checked();
        onStored(undefined);
      }
    } catch (e) {
      if (c.signal.aborted) return;
      const isOurs = isHomeError(e);
      if (isOurs && isAsking) onStored(asUpdateError(e));
      if (!isOurs || isAsking) log.failure("check", asUpdateError(e)); // else `watchDisk` tells it
    }
    await bell.wait(LOOK_AT_SETTINGS_MS, c.signal);
  }
}
