// Releases out of trusted targets metadata: the only place that makes a Verified<Artifact>.
// Design: "Formats", custom.dchat of a target. Must not: fetch; a role that is not loaded has no releases.
import type { Artifact, Delta, Verified } from "../api.ts";
import { UpdateError } from "../errors.ts";
import { type Clock, isComplete, type TrustState } from "./client.ts";
import { Field } from "./fields.ts";
import type { TargetFile } from "./metadata.ts";
import { artifactName, checkRelativePath, compareVersions, isPlatform, isVersion, targetPath } from "./naming.ts";
import { CHANNELS, PACKAGE_FORMATS, PACKAGE_TYPES, UPGRADE_TYPES } from "./release-terms.ts";
import { searchTarget } from "./search.ts";

/** 1 TiB: its piece list, 32 MiB, is fetched and kept in memory, whatever a stolen release key says the length is. */
export const MAX_ARTIFACT_BYTES = 2 ** 40;

/** A target below `dchat/` that is not a release we can use; others are not affected by it. */
export interface UnusableTarget {
  readonly path: string;
  readonly error: UpdateError;
}

export interface Releases {
  /** Newest version first, then by platform. */
  readonly artifacts: readonly Verified<Artifact>[];
  readonly unusable: readonly UnusableTarget[];
}

/** All releases the state vouches for; none while the state is incomplete. The clock decides on expired roles. */
export function listReleases(state: TrustState, clock: Clock): Releases {
  if (!isComplete(state)) return { artifacts: [], unusable: [] };
  const artifacts: Verified<Artifact>[] = [];
  const unusable: UnusableTarget[] = [];
  const paths = new Set([...state.targets.values()].flatMap((t) => [...t.signed.targets.keys()]));
  for (const path of paths) {
    if (!path.startsWith("dchat/")) continue;
    try {
      // A path counts as whoever the delegations say speaks for it, not as whoever mentions it.
      const found = searchTarget(state, path, clock);
      if (found.kind === "found") artifacts.push(asVerified(readArtifact(found.target)));
    } catch (e) {
      if (!(e instanceof UpdateError)) throw e;
      unusable.push({ path: path.slice(0, 200), error: e });
    }
  }
  artifacts.sort((a, b) => compareVersions(b.version, a.version) || (a.path < b.path ? -1 : 1));
  return { artifacts, unusable };
}

function asVerified(a: Artifact): Verified<Artifact> {
  return a as Verified<Artifact>; // the one place where signed metadata becomes a proven artifact
}

/**
 * Reads one target as an artifact; its path, name, version and platform must agree with each other.
 * @throws UpdateError E_MALFORMED
 */
export function readArtifact(target: TargetFile): Artifact {
  const f = new Field(target.custom, JSON.stringify(target.path.slice(0, 120))).get("dchat");
  const version = f.get("version").line();
  if (!isVersion(version)) f.get("version").fail("must be a semantic version");
  const platform = f.get("platform").line();
  if (!isPlatform(platform)) f.get("platform").fail("must be like linux-x64");
  const packageType = f.get("packageType").oneOf(PACKAGE_TYPES);
  const format = f.get("format").oneOf(PACKAGE_FORMATS);
  const name = artifactName({ version, platform, format, packageType });
  if (target.path !== targetPath(version, name)) f.fail(`belongs to ${targetPath(version, name)}`);
  if (target.length === 0) f.fail("an empty artifact");
  if (target.length > MAX_ARTIFACT_BYTES) f.fail(`an artifact of more than ${MAX_ARTIFACT_BYTES} bytes`);
  const { sha256 } = target.hashes;
  if (sha256 === undefined) return f.fail("has no SHA-256");
  const entrypoint = f.get("entrypoint").optional((e) => checkRelativePath(e.line(), e.where));
  const minCompatibleVersion = f.get("minCompatibleVersion").optional((v) => v.line());
  const releaseNotesUrl = f.get("releaseNotesUrl").optional((u) => u.line());
  const deltas = f.get("delta").optional(readDeltas);
  return {
    path: target.path,
    name,
    version,
    platform,
    packageType,
    format,
    channel: f.get("channel").oneOf(CHANNELS),
    upgradeType: f.get("upgradeType").oneOf(UPGRADE_TYPES),
    security: f.get("security").boolean(),
    releaseDate: f.get("releaseDate").rfc3339(),
    length: target.length,
    sha256,
    blake3: f.get("blake3").hex(32),
    ...(entrypoint === undefined ? {} : { entrypoint }),
    ...(minCompatibleVersion === undefined ? {} : { minCompatibleVersion }),
    ...(releaseNotesUrl === undefined ? {} : { releaseNotesUrl }),
    ...(deltas === undefined ? {} : { deltas }),
  };
}

/** The one method of making artifacts out of older ones that this version knows. */
export const DELTA_METHOD = "piece-patches-1";

/** Four bases are the last release of each channel and one more; each costs 300 bytes of targets.json. */
export const MAX_DELTAS = 4;

/** Entries of other methods are for other versions of this program, and left out. */
function readDeltas(list: Field): Delta[] {
  const entries = list.array();
  if (entries.length > MAX_DELTAS) list.fail(`more than ${MAX_DELTAS} deltas`);
  return entries.filter((entry) => entry.get("method").line(64) === DELTA_METHOD).map((entry) => {
    const from = entry.get("from");
    const version = from.get("version").line();
    if (!isVersion(version)) from.get("version").fail("must be a semantic version");
    return {
      from: { version, length: from.get("length").integer(1), sha256: from.get("sha256").hex(32) },
      length: entry.get("length").integer(1),
      headSha256: entry.get("headSha256").hex(32),
    };
  });
}
