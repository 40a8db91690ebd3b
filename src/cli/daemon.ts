// daemon: stays with the network; hears of releases from peers, proves and stores them, and passes them on.
// Design: docs/gossip.md. Must not: end because of a peer, a mirror or the clock; only its operator ends it.
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { MAX_PEERS } from "../config/config.ts";
import { withLock } from "../disk/lock.ts";
import { asUpdateError, UpdateError } from "../errors.ts";
import { loadIdentity } from "../gossip/identity.ts";
import { createGossipNode } from "../gossip/node.ts";
import { requirePeerAddress } from "../gossip/peer-address.ts";
import { keepReport } from "../service/keep-report.ts";
import { createMetrics } from "../service/metrics.ts";
import { startStatusServer } from "../service/status-server.ts";
import { createStoredShelf } from "../service/stored-shelf.ts";
import { createStoredKnowledge } from "../service/stored-knowledge.ts";
import type { TrustState } from "../trust/client.ts";
import { platformName } from "../trust/naming.ts";
import { listReleases } from "../trust/releases.ts";
import { networkOf } from "../trust/x-dchat.ts";
import { type Arguments, type Command, type CommandResult, NETWORK_OPTIONS } from "./command.ts";
import type { Context } from "./context.ts";
import { ownCommand, systemdUnit } from "./systemd-unit.ts";
import { createBell, keepDownloaded } from "./daemon-download.ts";
import { createDaemonLog, type DaemonLog } from "./daemon-log.ts";
import { mirrorsToTell } from "./mirror-hints.ts";
import { alert, offlineClock, openConfig, openSession, refresh, type Session, withMirrors } from "./session.ts";

/** On every address of this machine, of either family. */
const DEFAULT_LISTEN = ["/ip4/0.0.0.0/tcp/4217", "/ip6/::/tcp/4217"];
/** How soon the daemon knows what a command has learnt. */
const LOOK_AT_DISK_MS = 2_000;
const HOUR_MS = 3_600_000;
/** How soon a change of the settings counts. Also: timers of runtimes end at 24 days, and intervals may be longer. */
const LOOK_AT_SETTINGS_MS = 60_000;
/** After a check that failed. */
const RETRY_CHECK_MS = 1_800_000;
/** Whoever makes up identities can be shut out a thousand times a minute; people need to hear of it once. */
const ALERT_INTERVAL_MS = 60_000;

export const daemonCommand: Command = {
  name: "daemon",
  summary: "stay with the network: hear of releases from other nodes, prove them, pass them on",
  options: {
    listen: { type: "string", value: "MULTIADDR", multiple: true, help: "where to listen (all addresses, port 4217)" },
    peer: { type: "string", value: "MULTIADDR", multiple: true, help: "a node to stay connected to" },
    "max-upload": { type: "string", value: "RATE", help: "bytes per second given to peers, such as 500K, 20M" },
    "metrics-port": { type: "string", value: "PORT", help: "serve /metrics and /healthz on this port of 127.0.0.1" },
    "print-systemd": { type: "boolean", help: "print a systemd unit with these options, and do nothing else" },
    ...NETWORK_OPTIONS,
  },
  async run(c, a) {
    const listen = a.strings("listen"), named = a.strings("peer");
    for (const address of listen) requirePeerAddress(address, "--listen");
    for (const address of named) requirePeerAddress(address, "--peer");
    if (named.length > MAX_PEERS) throw new UpdateError("E_USAGE", `at most ${MAX_PEERS} --peer`);
    const metricsPort = a.integer("metrics-port", 1, 65535);
    if (a.flag("print-systemd")) return unitResult(c, a);
    const session = await openSession(c, a);
    const peers = [...new Set([...named, ...session.config.peers])];
    try {
      return await withLock(
        join(session.home.dir, "daemon.lock"),
        { signal: c.signal, waitMs: 0 },
        () => runDaemon(c, a, session, { listen: listen.length > 0 ? listen : DEFAULT_LISTEN, peers, metricsPort }),
      );
    } catch (e) {
      if (!(e instanceof UpdateError) || e.code !== "E_LOCKED") throw e;
      throw new UpdateError("E_LOCKED", "a daemon is running on this home already", { cause: e });
    }
  },
};

/** The unit that runs the same command line. */
function unitResult(c: Context, a: Arguments): CommandResult {
  const options = Object.entries(daemonCommand.options).flatMap(([name, { type, multiple }]) => {
    if (name === "print-systemd") return [];
    if (type === "boolean") return a.flag(name) ? [`--${name}`] : [];
    const value = a.string(name);
    const values = multiple === true ? a.strings(name) : value === undefined ? [] : [value];
    return values.flatMap((v) => [`--${name}`, v]);
  });
  const command = [...ownCommand(process.argv, process.versions["deno"] !== undefined), "daemon", "--home", c.home];
  const unit = systemdUnit([...command, ...options], c.home);
  return { lines: unit, json: { unit: `${unit.join("\n")}\n` } };
}

interface Places {
  readonly listen: readonly string[];
  readonly peers: readonly string[];
  readonly metricsPort: number | undefined;
}

async function runDaemon(c: Context, a: Arguments, s: Session, places: Places): Promise<CommandResult> {
  const metrics = createMetrics();
  const log = createDaemonLog(c.out, metrics);
  // No progress bars; what is said goes into the log.
  const logged: Context = { ...c, out: { ...c.out, quiet: true, note: log.note, warn: log.warn } };
  const bell = createBell();
  let alertedAtMs = -Infinity;
  let announce = () => {};

  const knowledge = createStoredKnowledge({
    network: s.config.network ?? networkOf(s.state.root.signed),
    store: s.store,
    file: s.home.trustFile,
    initial: s.state,
    platform: platformName(process.platform, process.arch),
    now: Date.now,
    onGrowth(before, after) {
      log.growth(after, versionsIn(c, after).filter((v) => !versionsIn(c, before).includes(v)));
      announce();
      bell.ring();
    },
  });

  metrics.set("root_version", s.state.root.signed.version, undefined);
  metrics.set("timestamp_version", s.state.timestamp?.signed.version ?? 0, undefined);

  const node = await createGossipNode({
    knowledge,
    shelf: createStoredShelf(s.home, () => knowledge.state(), c.signal),
    mirrors: async () => {
      const now = { ...logged, nowMs: Date.now() };
      return await mirrorsToTell(now, await openSession(now, a));
    },
    uploadBytesPerSecond: a.rate("max-upload"),
    identity: await loadIdentity(s.home.identityFile, c),
    listen: places.listen,
    peers: places.peers,
    allowPrivate: a.flag("allow-private"),
    onEvent(e) {
      log.event(e);
      if (e.type !== "lie" || performance.now() - alertedAtMs < ALERT_INTERVAL_MS) return;
      alertedAtMs = performance.now();
      void alert({ ...logged, nowMs: Date.now() }, s.home, `peer:${e.peer}`, "an announcement", e.error);
    },
  });
  announce = () => void node.announce();
  const disk = watchDisk(log, () => knowledge.reload());
  const status = places.metricsPort === undefined ? undefined : await startStatusServer({
    port: places.metricsPort,
    problem: disk.problem,
    metrics() {
      metrics.set("given_bytes_total", node.givenBytes(), undefined);
      return metrics.text();
    },
  });
  try {
    await Promise.all([
      disk.look(c.signal),
      askMirrors(logged, a, log),
      keepDownloaded(logged, a, node, bell, log),
      keepReport({
        home: s.home,
        node,
        state: knowledge.state,
        signal: c.signal,
        onFailure: (e) => log.failure("report", e),
      }),
    ]);
  } finally {
    await status?.close();
    await node.stop();
  }
  const { root, timestamp } = knowledge.state();
  return {
    lines: [c.out.line("ok", "Stopped")],
    json: {
      network: knowledge.network,
      peerId: node.id,
      rootVersion: root.signed.version,
      timestampVersion: timestamp?.signed.version ?? null,
      messages: log.counts(),
      givenBytes: node.givenBytes(),
    },
  };
}

function versionsIn(c: Context, state: TrustState): string[] {
  return [...new Set(listReleases(state, offlineClock(c)).artifacts.map((x) => x.version))];
}

/** Commands may learn something meanwhile: it is told to the network too. */
function watchDisk(log: DaemonLog, reload: () => Promise<void>) {
  let problem: string | undefined;
  return {
    problem: () => problem,
    async look(signal: AbortSignal): Promise<void> {
      while (!signal.aborted) {
        try {
          await reload();
          problem = undefined;
        } catch (e) {
          const error = asUpdateError(e);
          if (problem === undefined) log.failure("state", error); // once, not every two seconds
          problem = `${error.code}: ${error.message}`;
        }
        await pause(LOOK_AT_DISK_MS, signal);
      }
    },
  };
}

/** With auto-update enabled, mirrors are asked too, as often as the configuration says by then. */
async function askMirrors(c: Context, a: Arguments, log: DaemonLog): Promise<void> {
  let askedAtMs = -Infinity, spread = 1, hasFailed = false;
  while (!c.signal.aborted) {
    try {
      const { enabled, checkIntervalHours } = (await openConfig(c)).config.autoUpdate;
      const intervalMs = checkIntervalHours * HOUR_MS * spread;
      const waitMs = hasFailed ? Math.min(intervalMs, RETRY_CHECK_MS) : intervalMs;
      if (enabled && performance.now() - askedAtMs >= waitMs) {
        askedAtMs = performance.now();
        hasFailed = true; // unless it goes well
        // Spread out, so that a network that was started together does not ask together.
        spread = 0.9 + 0.2 * Math.random();
        const now: Context = { ...c, nowMs: Date.now() };
        const session = await openSession(now, a);
        await withMirrors(now, a, session, async (client) => void await refresh(now, session, client));
        hasFailed = false;
        log.checked();
      }
    } catch (e) {
      if (c.signal.aborted) return;
      log.failure("check", asUpdateError(e));
    }
    await pause(LOOK_AT_SETTINGS_MS, c.signal);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {}); // the loops look at the signal
}
