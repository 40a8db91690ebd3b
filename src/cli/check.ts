// check and list-versions: what exists, what is newer, what is waiting. Design: docs/cli.md.
// Must not: download an artifact, or say "new" of anything that signed metadata does not vouch for.
import { CHANNELS } from "../trust/release-terms.ts";
import { listReleases, type UnusableTarget } from "../trust/releases.ts";
import { compareVersions } from "../trust/naming.ts";
import { createApprovals } from "../trust/release-match.ts";
import { artifactJson } from "./artifact-json.ts";
import type { Command } from "./command.ts";
import { gather, type Gathered, gatheredJson, gatheredLines, GOSSIP_OPTIONS, NOT_ASKED } from "./ask-network.ts";
import type { Context } from "./context.ts";
import { byVersion, channelOf, inChannel, LISTING_OPTIONS, platformOf, type Version } from "./listing.ts";
import { formatBytes, table } from "./output.ts";
import { alertLines, currentVersion, offlineClock, openSession, withMirrors } from "./session.ts";

/** An operator's script reacts to this one: an update is available. */
const EXIT_UPDATE_AVAILABLE = 100;

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
    const next = newer.find((v) => pin === undefined || v.version === pin);
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
      ...(next === undefined ? [] : [`  next: dchat-update download --version ${next.version}`]),
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
