// What the operator's commands share: an opened home, its trust, its mirrors, and the refresh that asks them.
// Design: "Data flow" of docs/architecture.md: this is where adapters and the pure parts are wired together.
import type { Mirror } from "../api.ts";
import { BAKED_ROOT } from "../baked.ts";
import { openAlerts, raiseAlert } from "../config/alerts.ts";
import {
  type Config,
  corruptIfMalformed,
  DEFAULT_CONFIG,
  type MirrorEntry,
  readConfig,
  readFileIfThere,
} from "../config/config.ts";
import { type Home, homeAt } from "../config/home.ts";
import { createHomeTrustStore, type TrustStore } from "../config/trust-store.ts";
import { UpdateError } from "../errors.ts";
import { type MirrorReport, refreshTrust } from "../fetch/refresh.ts";
import { createHttpClient, type HttpClient } from "../net/http-client.ts";
import { DEFAULT_NETWORK_POLICY } from "../net/network-policy.ts";
import { createHttpsMirror, isTemplate } from "../sources/https.ts";
import { type Clock, isComplete, type TrustState } from "../trust/client.ts";
import { Field } from "../trust/fields.ts";
import { parseJsonObject } from "../trust/json.ts";
import { isVersion } from "../trust/naming.ts";
import { nextUnloadedRole } from "../trust/search.ts";
import { requireNetwork } from "../trust/x-dchat.ts";
import type { Arguments } from "./command.ts";
import type { Context } from "./context.ts";

/** An initialised home. */
export interface Session {
  readonly home: Home;
  readonly config: Config;
  readonly store: TrustStore;
  readonly state: TrustState;
  /** False while nothing beyond the pinned root is known. */
  readonly hasMetadata: boolean;
}

/** A home that may not be there yet, for commands that only touch its configuration. */
export async function openConfig(c: Context): Promise<{ home: Home; config: Config }> {
  const home = homeAt(c.home);
  return { home, config: await readConfig(home) ?? DEFAULT_CONFIG };
}

/** @throws UpdateError E_NOT_INITIALIZED when no root was ever pinned here */
export async function openSession(c: Context): Promise<Session> {
  const { home, config } = await openConfig(c);
  const store = createHomeTrustStore(home.trustFile);
  const state = await store.load();
  if (state !== undefined) return { home, config, store, state, hasMetadata: isComplete(state) };
  throw new UpdateError("E_NOT_INITIALIZED", `${home.dir} has no trust root`, {
    hint: BAKED_ROOT === undefined
      ? "pin one: dchat-update init --repo URL --root FILE"
      : "pin the built-in one: dchat-update init",
  });
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
    allowInsecure: a.flag("allow-insecure"),
    allowPrivate: a.flag("allow-private"),
    env: c.env,
  });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

/** The mirrors that serve metadata, lowest priority number first. */
export function metadataMirrors(mirrors: readonly MirrorEntry[], client: HttpClient): Mirror[] {
  return byPriority(mirrors).filter((m) => !isTemplate(m.url)).map((m) => createHttpsMirror({ url: m.url, client }));
}

function byPriority(mirrors: readonly MirrorEntry[]): MirrorEntry[] {
  return mirrors.filter((m) => m.type === "https").toSorted((a, b) => a.priority - b.priority);
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

/** Asks all mirrors for newer metadata; whoever gave something that does not verify is written to the alerts. */
export async function refresh(c: Context, s: Session, client: HttpClient): Promise<Refreshed> {
  const clock = updateClock(c);
  const mirrors = metadataMirrors(s.config.mirrors, client);
  const { network } = s.config;
  const result = await refreshTrust(s.state, {
    mirrors,
    clock,
    prefix: "metadata/",
    signal: c.signal,
    nextRole: (state) => nextUnloadedRole(state, clock),
    save: async (state, step) => {
      if (network !== undefined) requireNetwork(state.root.signed, network);
      await s.store.save(state, step, c);
    },
    onRefused: async (mirror, error, what) => await alert(c, s.home, mirror, what, error),
  });
  for (const m of result.mirrors) {
    if (m.status !== "ok") c.out.note(`${c.out.line("warning", m.mirror)}: ${m.status}: ${m.error?.message ?? ""}`);
  }
  return result;
}

/** Writes an alert; a full disk must not hide the refusal itself, so a failure to write is only noted. */
export async function alert(c: Context, home: Home, source: string, what: string, e: UpdateError): Promise<void> {
  try {
    await raiseAlert(home, c.nowMs, source, what, e);
  } catch (failure) {
    c.out.warn(`the alert could not be written: ${(failure as Error).message}`);
  }
}

/** What runs on this node: `--current V`, or `current.json`; undefined when nothing was activated yet. */
export async function currentVersion(home: Home, a: Arguments): Promise<string | undefined> {
  const given = a.string("current");
  if (given !== undefined) {
    if (!isVersion(given)) throw new UpdateError("E_USAGE", "--current must be a semantic version such as 1.0.0");
    return given;
  }
  const bytes = await readFileIfThere(home.currentFile, 64 * 1024);
  if (bytes === undefined) return undefined;
  return corruptIfMalformed(() => {
    const version = new Field(parseJsonObject(bytes, "current.json"), "current.json").get("version");
    return isVersion(version.line()) ? version.line() : version.fail("must be a semantic version");
  });
}

/** One line for open alerts, or nothing. */
export async function alertLines(c: Context, home: Home): Promise<{ lines: string[]; json: readonly unknown[] }> {
  const alerts = await openAlerts(home);
  if (alerts.length === 0) return { lines: [], json: [] };
  const shown = alerts.slice(-5).map((x) => `  ${x.time}  ${x.source}  ${x.what}  ${x.code}`);
  const title = c.out.line("alert", `${alerts.length} open alert${alerts.length === 1 ? "" : "s"}:`);
  return { lines: [title, ...shown, "  acknowledge with: dchat-update alerts --ack"], json: alerts };
}
