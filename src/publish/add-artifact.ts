// Adds one file of one release to the repository and stages the targets.json that names it.
// Design: "custom.dchat of a target". What is staged passes through the client's own reader first.
// Must not: need a private key, read the file of the maintainer twice.
import { join } from "node:path";
import type { Artifact, Channel, Delta, Digests, PackageFormat, PackageType, UpgradeType } from "../api.ts";
import { UpdateError } from "../errors.ts";
import type { DigestOpts } from "../hash/digest-file.ts";
import { canonicalText, isJsonObject, type JsonObject } from "../trust/json.ts";
import { artifactName, isPlatform, isVersion, targetPath } from "../trust/naming.ts";
import { DELTA_METHOD, readArtifact } from "../trust/releases.ts";
import { addDeltas, type DeltaBases, type DeltaOptions } from "./add-deltas.ts";
import { detectFileFormat, isArchive } from "./artifact-format.ts";
import { copyMeasured } from "./copy-file.ts";
import { artifactPath, type Repository, type RepositoryFiles } from "./repository.ts";
import {
  listedArtifacts,
  newestTargets,
  type StagedTargets,
  type StageOptions,
  stageTargets,
  targetEntries,
} from "./stage-targets.ts";

/** What the maintainer says of a file; the rest has defaults. */
export interface NewArtifact {
  readonly file: string;
  readonly version: string;
  readonly platform: string;
  /** By default from the file's first bytes and name. */
  readonly format?: PackageFormat | undefined;
  readonly entrypoint?: string | undefined;
  readonly packageType?: PackageType | undefined;
  /** By default "stable", or "beta" for a pre-release version. */
  readonly channel?: Channel | undefined;
  readonly upgradeType?: UpgradeType | undefined;
  /** By default true for a security patch. */
  readonly security?: boolean | undefined;
  /** RFC 3339; by default now. */
  readonly releaseDate?: string | undefined;
  readonly minCompatibleVersion?: string | undefined;
  readonly releaseNotesUrl?: string | undefined;
  /** Allows other bytes under a path that is already released. */
  readonly replace: boolean;
  /** Older releases to make deltas from. */
  readonly deltas: DeltaBases;
}

export interface AddedArtifact {
  readonly artifact: Artifact;
  /** Undefined when exactly this was there already. */
  readonly staged: StagedTargets | undefined;
}

/**
 * @throws UpdateError E_USAGE for details that do not fit or a path that is taken, E_IO, E_DISK_FULL, E_INTERRUPTED
 */
export async function addArtifact(
  files: RepositoryFiles,
  repository: Repository,
  added: NewArtifact,
  o: DigestOpts & StageOptions & DeltaOptions,
): Promise<AddedArtifact> {
  const packageType = added.packageType ?? "binary";
  if (!isVersion(added.version)) throw usage(`${JSON.stringify(added.version)} is no semantic version such as 1.0.0`);
  if (!isPlatform(added.platform)) throw usage(`${JSON.stringify(added.platform)} is no platform such as linux-x64`);
  const format = added.format ?? await detectFileFormat(added.file, packageType);
  const kind = { packageType, format };
  checkDetails(added, kind);
  const path = targetPath(added.version, artifactName({ ...added, ...kind }));
  const entries = targetEntries(newestTargets(repository));
  const before = entries[path];
  const old = isJsonObject(before) ? before : undefined;
  const make = (measured: Digests) => targetEntry(added, kind, measured, old, o.nowMs);
  readEntry(path, make(ANY_DIGESTS)); // what is wrong with the details is said before gigabytes are copied

  const digests = await copyMeasured(added.file, join(files.folder, "targets", path), (measured) => {
    if (measured.length === 0) throw usage("the file is empty");
    requireReplaceable(old, measured, path, added.replace);
    return join(files.folder, artifactPath(path, measured.sha256));
  }, o);
  const plain = make(digests);
  const listed = listedArtifacts(newestTargets(repository)?.signed);
  const deltas = await addDeltas(files.folder, readEntry(path, plain), listed, added.deltas, o);
  const entry = withDeltas(plain, deltas);
  const artifact = readEntry(path, entry);
  if (before !== undefined && canonicalText(before) === canonicalText(entry)) return { artifact, staged: undefined };
  return { artifact, staged: await stageTargets(files, repository, { ...entries, [path]: entry }, o) };
}

const ANY_DIGESTS: Digests = { length: 1, sha256: "0".repeat(64), blake3: "0".repeat(64) };

/** The entry as clients will see it. */
function readEntry(path: string, entry: Entry): Artifact {
  try {
    return readArtifact({ path, ...entry });
  } catch (e) {
    if (e instanceof UpdateError) throw usage(e.message);
    throw e;
  }
}

function usage(message: string, hint?: string): UpdateError {
  return new UpdateError("E_USAGE", message, { hint: hint ?? "see `dchat-update release add --help`" });
}

interface Kind {
  readonly packageType: PackageType;
  readonly format: PackageFormat;
}

function checkDetails(added: NewArtifact, { packageType, format }: Kind): void {
  const { entrypoint, minCompatibleVersion, releaseNotesUrl } = added;
  if (entrypoint !== undefined && !isArchive(format)) throw usage(`--entrypoint is for archives, not ${format}`);
  if (entrypoint === undefined && isArchive(format) && packageType === "binary") {
    throw usage(`--entrypoint is missing: which file of the ${format} is the program?`);
  }
  if (minCompatibleVersion !== undefined && !isVersion(minCompatibleVersion)) {
    throw usage("--min-compatible-version must be a semantic version such as 1.0.0");
  }
  if (releaseNotesUrl !== undefined && !(/^https?:/.test(releaseNotesUrl) && URL.canParse(releaseNotesUrl))) {
    throw usage("--release-notes-url must be an http(s) URL");
  }
}

interface Entry extends JsonObject {
  readonly length: number;
  readonly hashes: { readonly sha256: string };
  readonly custom: { readonly dchat: JsonObject };
}

function targetEntry(
  added: NewArtifact,
  kind: Kind,
  measured: Digests,
  old: JsonObject | undefined,
  nowMs: number,
): Entry {
  const upgradeType = added.upgradeType ?? "soft-fork";
  const { entrypoint, minCompatibleVersion, releaseNotesUrl } = added;
  const dchat: JsonObject = {
    version: added.version,
    platform: added.platform,
    ...kind,
    ...(entrypoint === undefined ? {} : { entrypoint }),
    channel: added.channel ?? (added.version.includes("-") ? "beta" : "stable"),
    upgradeType,
    security: added.security ?? upgradeType === "security-patch",
    releaseDate: added.releaseDate ?? earlierDate(old, measured) ?? new Date(nowMs).toISOString(),
    ...(minCompatibleVersion === undefined ? {} : { minCompatibleVersion }),
    ...(releaseNotesUrl === undefined ? {} : { releaseNotesUrl }),
    blake3: measured.blake3,
  };
  return { length: measured.length, hashes: { sha256: measured.sha256 }, custom: { dchat } };
}

function withDeltas({ custom, ...entry }: Entry, deltas: readonly Delta[]): Entry {
  if (deltas.length === 0) return { custom, ...entry };
  const delta = deltas.map(({ from, length, headSha256 }) => ({
    method: DELTA_METHOD,
    from: { ...from },
    length,
    headSha256,
  }));
  return { ...entry, custom: { dchat: { ...custom.dchat, delta } } };
}

/** The same bytes keep the day they were first added. */
function earlierDate(old: JsonObject | undefined, measured: Digests): string | undefined {
  const custom = old?.["custom"];
  const dchat = isJsonObject(custom) ? custom["dchat"] : undefined;
  const date = isJsonObject(dchat) ? dchat["releaseDate"] : undefined;
  return old !== undefined && hasDigest(old, measured) && typeof date === "string" ? date : undefined;
}

function hasDigest(entry: JsonObject, measured: Digests): boolean {
  const hashes = entry["hashes"];
  return isJsonObject(hashes) && hashes["sha256"] === measured.sha256;
}

function requireReplaceable(old: JsonObject | undefined, measured: Digests, path: string, replace: boolean): void {
  if (old === undefined || replace || hasDigest(old, measured)) return;
  throw usage(
    `${path} is there already, with other bytes`,
    "a released version never changes: choose another version, or --replace when nobody has it yet",
  );
}
