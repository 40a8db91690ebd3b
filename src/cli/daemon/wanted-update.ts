// Which artifact a node that updates itself wants on its disk. Design: docs/gossip.md. Pure.
// Must not: decide what runs; that is up to the schedule and the switch.
import type { Artifact, Verified } from "../../api.ts";
import type { AutoUpdate } from "../../config/config.ts";
import { compareVersions } from "../../trust/naming.ts";
import { inChannel } from "../listing.ts";

/**
 * @param artifacts of the trusted releases
 * @param current the version that runs; undefined when nothing does
 * @returns the newest that the settings allow and that is newer than what runs; a pin allows that version alone
 */
export function wantedUpdate(
  artifacts: readonly Verified<Artifact>[],
  platform: string,
  settings: AutoUpdate,
  current: string | undefined,
): Verified<Artifact> | undefined {
  if (!settings.enabled || !settings.backgroundDownload) return undefined;
  const fitting = artifacts.filter((a) =>
    a.platform === platform && a.packageType === "binary" && inChannel(a.channel, settings.channel) &&
    (!settings.securityOnly || a.security) && (settings.pin === undefined || a.version === settings.pin) &&
    (current === undefined || compareVersions(a.version, current) > 0)
  );
  return fitting.toSorted((a, b) => compareVersions(b.version, a.version))[0];
}
