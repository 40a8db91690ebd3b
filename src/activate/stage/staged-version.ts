// A version that is ready to run, and the record in its folder that says so. Design: docs/formats.md, "The home folder".
// Must not: believe the record about the bytes; they are measured.
import { join } from "node:path";
import type { Artifact, UpgradeType } from "../../api.ts";
import { corruptIfMalformed, jsonBytes } from "../../config/home-file.ts";
import { Field } from "../../trust/fields.ts";
import { parseJsonObject } from "../../trust/json.ts";
import { checkRelativePath, isPlatform, isVersion } from "../../trust/naming.ts";
import { UPGRADE_TYPES } from "../../trust/release-terms.ts";

export interface StagedVersion {
  readonly version: string;
  readonly platform: string;
  /** TUF target path of the artifact. */
  readonly path: string;
  readonly upgradeType: UpgradeType;
  /** Of the artifact, as they were signed when it was staged. */
  readonly length: number;
  readonly sha256: string;
  readonly blake3: string;
  /** Digest of everything that an archive held; absent for an executable, which is the artifact itself. */
  readonly tree?: string;
  /** Absolute path of the program. */
  readonly program: string;
}

const RECORD_FORMAT = "dchat-staged-1";
export const RECORD_FILE = "staged.json";
// Ours are about 600 bytes.
export const MAX_RECORD_BYTES = 16 * 1024;

/** What stands in the folder of a version. */
export function stagedRecord(artifact: Artifact, entrypoint: string, tree: string | undefined): Uint8Array {
  const { version, platform, path, upgradeType, length, sha256, blake3 } = artifact;
  const record = { format: RECORD_FORMAT, version, platform, path, upgradeType, length, sha256, blake3, entrypoint };
  return jsonBytes(tree === undefined ? record : { ...record, tree });
}

/** @param folder where it stands @throws UpdateError E_STATE_CORRUPT */
export function readStagedRecord(bytes: Uint8Array, folder: string): StagedVersion {
  return corruptIfMalformed(() => {
    const f = new Field(parseJsonObject(bytes, RECORD_FILE), `${folder}/${RECORD_FILE}`);
    f.get("format").oneOf([RECORD_FORMAT]);
    const version = f.get("version").line(64), platform = f.get("platform").line(64);
    if (!isVersion(version)) f.get("version").fail("must be a semantic version");
    if (!isPlatform(platform)) f.get("platform").fail("must be like linux-x64");
    const entrypoint = checkRelativePath(f.get("entrypoint").line(), "entrypoint");
    const tree = f.get("tree").optional((t) => t.hex(32));
    return {
      version,
      platform,
      path: f.get("path").line(),
      upgradeType: f.get("upgradeType").oneOf(UPGRADE_TYPES),
      length: f.get("length").integer(1),
      sha256: f.get("sha256").hex(32),
      blake3: f.get("blake3").hex(32),
      ...(tree === undefined ? {} : { tree }),
      program: join(folder, ...entrypoint.split("/")),
    };
  });
}
