// Which of the signed releases a command is about: its options for that, and the choosing. Design: docs/cli.md.
// Must not: ask anybody, or know what the command is.
import type { Artifact, Channel, Verified } from "../api.ts";
import { CHANNELS } from "../trust/release-terms.ts";
import { type Arguments, NETWORK_OPTIONS } from "./command.ts";
import { ownPlatform } from "./own-platform.ts";
import type { Session } from "./session.ts";

export const LISTING_OPTIONS = {
  platform: { type: "string", value: "P", help: "platform (this machine's)" },
  channel: { type: "string", value: "C", help: "stable, beta or nightly (the configured one)" },
  current: { type: "string", value: "V", help: "the version that runs (current.json)" },
  ...NETWORK_OPTIONS,
} as const;

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
  return a.platform("platform") ?? ownPlatform();
}

export function channelOf(a: Arguments, s: Pick<Session, "config">): Channel {
  return a.oneOf("channel", CHANNELS) ?? s.config.autoUpdate.channel;
}

/** A channel includes the steadier ones: who takes betas takes stable releases too. */
export function inChannel(released: Channel, wanted: Channel): boolean {
  return CHANNELS.indexOf(released) <= CHANNELS.indexOf(wanted);
}
