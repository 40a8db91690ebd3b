// Which artifact a node that updates itself wants on its disk. Design: docs/gossip.md. Pure.
// Must not: decide what runs; that is up to the schedule and the switch.
import type { Artifact, Verified } from "../../api.ts";
import type { AutoUpdate } from "../../config/config.ts";
import { compareVersions } from "../../trust/naming.ts";
import { inChannel } from "../listing.ts";

/**
 * @param artifacts of the trusted releases
 * @param current the version that runs; undefined when nothing does
 * @returns the newest that the settings allow and that is newer than what runs. A pin decides alone: whoever names a version
 *   means it, of whatever channel it is
 */
export function wantedUpdate(
  artifacts: readonly Verified<Artifact>[],
  platform: string,
  settings: AutoUpdate,
  current: string | undefined,
): Verified<Artifact> | undefined {
  if (!settings.enabled || !settings.backgroundDownload) return undefined;
  const fitting = artifacts.filter((a) =>
    a.platform === platform && a.packageType === "binary" && isAllowed(a, settings) &&
    (current === undefined || compareVersions(a.version, current) > 0)
  );
  return fitting.toSorted((a, b) => compareVersions(b.version, a.version))[0];
}

function isAllowed(a: Artifact, { pin, channel, securityOnly }: AutoUpdate): boolean {
  if (pin !== undefined) return a.version === pin;
  return inChannel(a.channel, channel) && (!securityOnly || a.security);
}
