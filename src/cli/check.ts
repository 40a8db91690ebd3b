// check and list-versions: what exists, what is newer, what is waiting. Design: docs/cli.md.
// Must not: download an artifact, or say "new" of anything that signed metadata does not vouch for.
import type { Artifact, Channel, Verified } from "../api.ts";
import { UpdateError } from "../errors.ts";
import { CHANNELS } from "../trust/release-terms.ts";
import { listReleases, type UnusableTarget } from "../trust/releases.ts";
import { compareVersions, isPlatform, platformName } from "../trust/naming.ts";
import { createApprovals } from "../trust/release-match.ts";
import { artifactJson } from "./artifact-json.ts";
import { type Arguments, type Command, NETWORK_OPTIONS } from "./command.ts";
import { gather, type Gathered, gatheredJson, gatheredLines, GOSSIP_OPTIONS, NOT_ASKED } from "./ask-network.ts";
import type { Context } from "./context.ts";
import { formatBytes } from "./output.ts";
import { alertLines, currentVersion, offlineClock, openSession, type Session, withMirrors } from "./session.ts";

/** An operator's script reacts to this one: an update is available. */
const EXIT_UPDATE_AVAILABLE = 100;

export const LISTING_OPTIONS = {
  platform: { type: "string", value: "P", help: "platform (this machine's)" },
  channel: { type: "string", value: "C", help: "stable, beta or nightly (the configured one)" },
  current: { type: "string", value: "V", help: "the version that runs (current.json)" },
  ...NETWORK_OPTIONS,
} as const;

export const checkCommand: Command = {
  name: "check",
  summary: "look for newer versions",
  options: {
    ...LISTING_OPTIONS,
    ...GOSSIP_OPTIONS,
    "exit-code": { type: "boolean", help: "exit with 100 when a newer version is available" },
  },
  async run(c, a) {
    const platform = platformOf(a);
    const session = await openSession(c, a);
    const channel = channelOf(a, session);
    const current = await currentVersion(session.home, a);
    const refreshed = await withMirrors(c, a, session, async (client) => {
      c.out.note(c.out.line("search", `Checking for updates (current version: ${current ?? "none"})`));
      return await gather(c, a, session, client);
    });
    const all = listReleases(refreshed.state, offlineClock(c));
    const versions = byVersion(all.artifacts.filter((x) => x.platform === platform && inChannel(x.channel, channel)));
    const newer = versions.filter((v) => current === undefined || compareVersions(v.version, current) > 0);
    const pin = session.config.autoUpdate.pin;
    const alerts = await alertLines(c, session.home);
    const approvals = createApprovals(refreshed.state);
    const approvalOf = (v: Version) => v.artifacts.map(approvals)[0] ?? { approved: "pending", activationHeight: null };
    const lines = [
      c.out.line("package", "Available versions:"),
      ...versions.toReversed().map((v) => `  ${v.version}${describe(c, v, current, newer)}`),
      ...(versions.length === 0 ? [`  none for ${platform} on channel ${channel}`] : []),
      ...(newer.length === 0 && versions.length > 0 ? [c.out.line("ok", "This is the newest version")] : []),
      ...(pin === undefined
        ? []
        : [`  held at ${pin} by the configuration (configure-auto-update --pin none releases it)`]),
      ...(newer[0] === undefined ? [] : [`  next: dchat-update download --version ${newer[0].version}`]),
      ...unusableLines(c, all.unusable),
      ...gatheredLines(refreshed),
      ...alerts.lines,
    ];
    return {
      lines,
      json: {
        current: current ?? null,
        platform,
        channel,
        pin: pin ?? null,
        updateAvailable: newer.length > 0,
        newest: newer[0]?.version ?? null,
        versions: versions.map((v) => ({ version: v.version, newer: newer.includes(v), ...approvalOf(v) })),
        ...metadataJson(refreshed),
        alerts: alerts.json,
      },
      exitCode: a.flag("exit-code") && newer.length > 0 ? EXIT_UPDATE_AVAILABLE : 0,
    };
  },
};

/** More of them say nothing new, and a signer could fill the screen. */
const MAX_UNUSABLE_SHOWN = 5;

function unusableLines(c: Context, unusable: readonly UnusableTarget[]): string[] {
  const rest = unusable.length - MAX_UNUSABLE_SHOWN;
  return [
    ...unusable.slice(0, MAX_UNUSABLE_SHOWN)
      .map((u) => c.out.line("warning", `${JSON.stringify(u.path)} cannot be used: ${u.error.message}`)),
    ...(rest > 0 ? [`  and ${rest} more that cannot be used`] : []),
  ];
}

function describe(c: Context, v: Version, current: string | undefined, newer: readonly Version[]): string {
  const security = v.artifacts.some((x) => x.security) ? " (security)" : "";
  if (v.version === current) return ` (current)${security}`;
  return newer.includes(v) ? `${security} ${c.out.line("newer", "New version available!")}` : security;
}

export const listVersionsCommand: Command = {
  name: "list-versions",
  summary: "list the releases with what is signed about them",
  options: {
    ...LISTING_OPTIONS,
    ...GOSSIP_OPTIONS,
    "all-platforms": { type: "boolean", help: "other platforms too" },
    offline: { type: "boolean", help: "only what is already known: ask nobody" },
  },
  async run(c, a) {
    const platform = a.flag("all-platforms") ? undefined : platformOf(a);
    const channel = a.oneOf("channel", CHANNELS);
    const session = await openSession(c, a);
    const current = await currentVersion(session.home, a);
    const refreshed: Gathered = a.flag("offline")
      ? { state: session.state, mirrors: [], network: NOT_ASKED, from: "stored" }
      : await withMirrors(c, a, session, async (client) => await gather(c, a, session, client));
    const { artifacts } = listReleases(refreshed.state, offlineClock(c));
    const shown = artifacts.filter((x) =>
      (platform === undefined || x.platform === platform) && (channel === undefined || x.channel === channel)
    );
    const approvalOf = createApprovals(refreshed.state);
    const rows = shown.map((x) => ({ x, ...approvalOf(x) })).map(({ x, approved, activationHeight }) => [
      x.version + (x.version === current ? " (current)" : ""),
      x.platform,
      x.packageType,
      x.upgradeType + (x.security ? " (security)" : ""),
      x.channel,
      formatBytes(x.length),
      x.releaseDate.slice(0, 10),
      approved,
      activationHeight === null ? "-" : String(activationHeight),
    ]);
    const head = ["VERSION", "PLATFORM", "TYPE", "UPGRADE", "CHANNEL", "SIZE", "RELEASED", "APPROVED", "HEIGHT"];
    return {
      lines: [
        c.out.line("package", "Available versions:"),
        ...(rows.length === 0 ? ["  none"] : table([head, ...rows])),
        ...gatheredLines(refreshed),
      ],
      json: {
        current: current ?? null,
        versions: shown.map((x) => ({
          ...artifactJson(x),
          current: x.version === current,
          ...approvalOf(x),
        })),
        ...metadataJson(refreshed),
      },
    };
  },
};

function metadataJson(gathered: Gathered): Record<string, unknown> {
  const { state, mirrors } = gathered;
  return {
    ...gatheredJson(gathered),
    metadata: {
      rootVersion: state.root.signed.version,
      timestampVersion: state.timestamp?.signed.version ?? null,
      expires: state.timestamp === undefined ? null : new Date(state.timestamp.signed.expiresMs).toISOString(),
    },
    mirrors: mirrors.map((m) => ({ url: m.mirror, status: m.status, code: m.error?.code ?? null })),
  };
}

export interface Version {
  readonly version: string;
  readonly artifacts: readonly Verified<Artifact>[];
}

/** Groups artifacts by version, newest first. */
export function byVersion(artifacts: readonly Verified<Artifact>[]): Version[] {
  const groups = new Map<string, Verified<Artifact>[]>();
  for (const x of artifacts) groups.set(x.version, [...groups.get(x.version) ?? [], x]);
  return [...groups].map(([version, group]) => ({ version, artifacts: group }));
}

export function platformOf(a: Arguments): string {
  const given = a.string("platform");
  if (given === undefined) return platformName(process.platform, process.arch);
  if (!isPlatform(given)) throw new UpdateError("E_USAGE", "--platform must be like linux-x64");
  return given;
}

export function channelOf(a: Arguments, s: Session): Channel {
  return a.oneOf("channel", CHANNELS) ?? s.config.autoUpdate.channel;
}

/** A channel includes the steadier ones: who takes betas takes stable releases too. */
export function inChannel(released: Channel, wanted: Channel): boolean {
  return CHANNELS.indexOf(released) <= CHANNELS.indexOf(wanted);
}

/** Rows of cells as aligned lines. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((r) => r[i]?.length ?? 0)));
  return rows.map((r) => `  ${r.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ")}`.trimEnd());
}
