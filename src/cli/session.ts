// What the operator's commands share: an opened home, its trust, its mirrors, and the refresh that asks them.
// Design: "Data flow" of docs/architecture.md: this is where adapters and the pure parts are wired together.
// Must not: decide what is trusted, or print a result.
import { readCurrentVersion } from "../activate/current.ts";
import type { Mirror } from "../api.ts";
import { BAKED_ROOT } from "../baked.ts";
import { openAlerts } from "../config/alerts.ts";
import { type Config, DEFAULT_CONFIG, readConfig } from "../config/config.ts";
import { type Home, homeAt } from "../config/home.ts";
import { orderMirrors } from "../config/mirror-order.ts";
import { loadSignedMirrors, saveSignedMirrors } from "../config/signed-mirrors.ts";
import { createHomeTrustStore, type HomeTrustStore } from "../config/trust-store.ts";
import { UpdateError } from "../errors.ts";
import { fetchMirrorList } from "../fetch/fetch-mirror-list.ts";
import type { MirrorReport } from "../fetch/mirror-reports.ts";
import { refreshTrust } from "../fetch/refresh.ts";
import type { HopRules } from "../net/hop.ts";
import { createHttpClient, type HttpClient } from "../net/http-client.ts";
import { DEFAULT_NETWORK_POLICY } from "../net/network-policy.ts";
import { createHttpsMirror } from "../sources/https.ts";
import { clientFor, type ConfiguredMirror } from "../sources/index.ts";
import { isTemplate } from "../sources/mirror-url.ts";
import { type Clock, isComplete, type TrustState } from "../trust/client.ts";
import { findMirrorList, MIRROR_LIST_PATH, readMirrorList } from "../trust/mirror-list.ts";
import { latchReleases, scheduleAlarms } from "../trust/release-match.ts";
import { nextUnloadedRole } from "../trust/search.ts";
import { networkOf, requireNetwork } from "../trust/x-dchat.ts";
import { alert } from "./alert.ts";
import type { Arguments } from "./command.ts";
import type { Context } from "./context.ts";
import { type HealthLog, openHealth, seenInRefresh } from "./mirror-health.ts";
import { ownPlatform } from "./own-platform.ts";
import { noteSight } from "./schedule-sight.ts";
import { type KnownMirror, loadKnownMirrors, unusable } from "./known-mirrors.ts";

/** An initialised home. */
export interface Session {
  readonly home: Home;
  readonly config: Config;
  readonly store: HomeTrustStore;
  readonly state: TrustState;
  /** False while nothing beyond the pinned root is known. */
  readonly hasMetadata: boolean;
  /** What the command line says of where requests may go. */
  readonly rules: HopRules;
  /** What is remembered of the mirrors, and what this command learns. */
  readonly health: HealthLog;
}

/** A home that may not be there yet, for commands that only touch its configuration. */
export async function openConfig(c: Context): Promise<{ home: Home; config: Config }> {
  const home = homeAt(c.home);
  return { home, config: await readConfig(home) ?? DEFAULT_CONFIG };
}

/** @throws UpdateError E_NOT_INITIALIZED when no root was ever pinned here */
export async function openSession(c: Context, a: Arguments): Promise<Session> {
  const { home, config } = await openConfig(c);
  const store = createHomeTrustStore(home.trustFile);
  const state = await store.load();
  if (state !== undefined) {
    const hasMetadata = isComplete(state);
    return { home, config, store, state, hasMetadata, rules: hopRules(a), health: await openHealth(c, home) };
  }
  throw new UpdateError("E_NOT_INITIALIZED", `${home.dir} has no trust root`, {
    hint: BAKED_ROOT === undefined
      ? "pin one: dchat-update init --repo URL --root FILE"
      : "pin the built-in one: dchat-update init",
  });
}

/** The network that the home belongs to. */
export function networkName({ config, state }: Session): string {
  return config.network ?? networkOf(state.root.signed);
}

/** Runs `use` with an HTTP client made from the network options, and closes it whatever happens. */
export async function withHttp<T>(c: Context, a: Arguments, use: (client: HttpClient) => Promise<T>): Promise<T> {
  const connectTimeoutMs = a.seconds("connect-timeout", 600);
  const firstByteTimeoutMs = a.seconds("first-byte-timeout", 3600);
  const silenceTimeoutMs = a.seconds("silence-timeout", 3600);
  const caFile = a.string("ca-file");
  const client = createHttpClient({
    ...DEFAULT_NETWORK_POLICY,
    ...(caFile === undefined ? {} : { caFile }),
    ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
    ...(firstByteTimeoutMs === undefined ? {} : { firstByteTimeoutMs }),
    ...(silenceTimeoutMs === undefined ? {} : { silenceTimeoutMs }),
    ...hopRules(a),
    env: c.env,
  });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** As `withHttp`; what the session's mirrors were worth meanwhile is written down, however it ends. */
export async function withMirrors<T>(
  c: Context,
  a: Arguments,
  s: Session,
  use: (client: HttpClient) => Promise<T>,
): Promise<T> {
  try {
    return await withHttp(c, a, use);
  } finally {
    await s.health.save();
  }
}

/** What the command line says of where requests may go. */
export function hopRules(a: Arguments): HopRules {
  return { allowInsecure: a.flag("allow-insecure"), allowPrivate: a.flag("allow-private") };
}

/** The mirrors that may be asked, in the order in which to ask them. @param state says which signed ones there are */
export async function mirrorsToAsk(c: Context, s: Session, state: TrustState): Promise<KnownMirror[]> {
  const known = await loadKnownMirrors(s.home, s.config, state);
  const usable = known.filter((m) => unusable(m, s.rules) === undefined);
  return orderMirrors(usable, s.health.known, s.config.region, c.nowMs);
}

/** Those that serve metadata, in the same order. */
export function metadataMirrors(mirrors: readonly ConfiguredMirror[], client: HttpClient): Mirror[] {
  return mirrors.filter((m) => m.type === "https" && !isTemplate(m.url))
    .map((m) => createHttpsMirror({ url: m.url, client: clientFor(m, client) }));
}

/** Time and strictness of a command that learns something new. */
export function updateClock(c: Context): Clock {
  return { nowMs: c.nowMs, expired: "refuse" };
}

/** For commands that read what is known: what has expired is reported, not refused. */
export function offlineClock(c: Context): Clock {
  return { nowMs: c.nowMs, expired: "allow" };
}

export interface Refreshed {
  readonly state: TrustState;
  readonly mirrors: readonly MirrorReport[];
}

/**
 * Asks all mirrors for newer metadata; whoever gave something that does not verify is written to the alerts.
 * @param onReports told of each mirror, also when none could bring the metadata up to date
 */
export async function refresh(
  c: Context,
  s: Session,
  client: HttpClient,
  onReports: (reports: readonly MirrorReport[]) => void = () => {},
): Promise<Refreshed> {
  const clock = updateClock(c);
  const mirrors = metadataMirrors(await mirrorsToAsk(c, s, s.state), client);
  const { network } = s.config;
  const result = await refreshTrust(s.state, {
    mirrors,
    clock,
    prefix: "metadata/",
    schedule: true,
    signal: c.signal,
    nextRole: (state) => nextUnloadedRole(state, clock),
    save: async (state, step) => {
      if (network !== undefined) requireNetwork(state.root.signed, network);
      await s.store.save(state, step, c);
    },
    onRefused: async (mirror, error, what) => await alert(c, s.home, mirror, what, error),
    onReports(reports) {
      onReports(reports);
      // What was cut short says nothing of anybody.
      if (!c.signal.aborted) s.health.note(...seenInRefresh(reports));
    },
  });
  for (const m of result.mirrors) {
    if (m.status !== "ok") c.out.note(`${c.out.line("warning", m.mirror)}: ${m.status}: ${m.error?.message ?? ""}`);
  }
  if (result.scheduleError !== undefined) {
    c.out.warn(`${result.scheduleError.message}: this node switches to nothing until it has them`);
  }
  // What was approved and released is noted for this machine, so that a release may leave the list later.
  const latched = latchReleases(result.state, ownPlatform(), clock);
  if (latched !== result.state) await s.store.save(latched, "complete", c);
  const state = await noteSight(c, s, latched);
  for (const e of scheduleAlarms(state, ownPlatform(), clock)) {
    c.out.warn(`${e.code}: ${e.message}`);
  }
  // Whoever gave nothing just now, or something wrong, is not waited for again.
  const answering = mirrors.filter((_, i) => ["ok", "stale"].includes(result.mirrors[i]?.status ?? "failed"));
  await refreshSignedMirrors(c, s, state, answering.length > 0 ? answering : mirrors);
  return { ...result, state };
}

/** Fetches the signed list of mirrors when it is new. Releases are found without it, so a failure is only told. */
async function refreshSignedMirrors(
  c: Context,
  s: Session,
  state: TrustState,
  mirrors: readonly Mirror[],
): Promise<void> {
  if (!s.config.signedMirrors) return;
  try {
    const target = findMirrorList(state, updateClock(c));
    if (target === undefined || await loadSignedMirrors(s.home, state) !== undefined) return;
    const list = await fetchMirrorList(target, {
      mirrors,
      signal: c.signal,
      onRefused: async (mirror, error) => {
        s.health.note({ id: mirror, outcome: "lie" });
        await alert(c, s.home, mirror, MIRROR_LIST_PATH, error);
      },
    });
    readMirrorList(list); // one that cannot be used is not kept
    await saveSignedMirrors(s.home, list);
  } catch (e) {
    c.signal.throwIfAborted();
    if (!(e instanceof UpdateError)) throw e;
    c.out.note(c.out.line("warning", `the signed list of mirrors is not used: ${e.message}`));
  }
}

/** What runs on this node: `--current V`, or `current.json`; undefined when nothing was activated yet. */
export async function currentVersion(home: Home, a: Arguments): Promise<string | undefined> {
  return a.version("current") ?? await readCurrentVersion(home);
}

/** One line for open alerts, or nothing. */
export async function alertLines(c: Context, home: Home): Promise<{ lines: string[]; json: readonly unknown[] }> {
  const alerts = await openAlerts(home);
  if (alerts.length === 0) return { lines: [], json: [] };
  const shown = alerts.slice(-5).map((x) => `  ${x.time}  ${x.source}  ${x.what}  ${x.code}`);
  const title = c.out.line("alert", `${alerts.length} open alert${alerts.length === 1 ? "" : "s"}:`);
  return { lines: [title, ...shown, "  acknowledge with: dchat-update alerts --ack"], json: alerts };
}
