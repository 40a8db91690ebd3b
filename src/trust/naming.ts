// Names of artifacts: versions, platforms, file names, target paths. Design: "Formats", TUF target path.
// Must not: touch a disk; a name here is only ever compared or built, never resolved.
import valid from "semver/functions/valid.js";
import compare from "semver/functions/compare.js";
import type { PackageFormat, PackageType } from "../api.ts";
import { UpdateError } from "../errors.ts";

/** Longest file name that every common file system takes, less room for a digest prefix and suffixes. */
const MAX_NAME_LENGTH = 180;

/** True for a semantic version as it stands in a target path: no leading "v", no build metadata, no spaces. */
export function isVersion(text: string): boolean {
  return text.length <= 64 && valid(text) === text;
}

/** Precedence of semantic versions: negative when a is older than b. */
export function compareVersions(a: string, b: string): number {
  return compare(a, b);
}

/** True for `linux-x64`, `windows-x64`, `any`, … */
export function isPlatform(text: string): boolean {
  return text.length <= 48 && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(text);
}

const OPAQUE_EXTENSIONS: Readonly<Record<PackageType, string>> = {
  binary: "",
  source: ".src",
  "docker-image": ".oci.tar",
  deb: ".deb",
  rpm: ".rpm",
  apk: ".apk",
};

/** The one file name an artifact can have: `dchat-<version>-<platform>` plus the extension of its format. */
export function artifactName(
  a: { version: string; platform: string; format: PackageFormat; packageType: PackageType },
): string {
  const base = `dchat-${a.version}-${a.platform}`;
  switch (a.format) {
    case "executable":
      return a.platform.startsWith("windows-") ? `${base}.exe` : base;
    case "opaque":
      return base + OPAQUE_EXTENSIONS[a.packageType];
    default:
      return `${base}.${a.format}`;
  }
}

/** What a program is called where it is installed. */
export function programName(platform: string): string {
  return platform.startsWith("windows-") ? "dchat.exe" : "dchat";
}

/** `dchat/<version>/<name>`. */
export function targetPath(version: string, name: string): string {
  return `dchat/${version}/${name}`;
}

/** The platform this process runs on, in the words of the release metadata. */
export function platformName(os: string, arch: string): string {
  const osName = os === "win32" ? "windows" : os === "darwin" ? "macos" : os;
  return `${osName}-${arch}`;
}

/**
 * A path inside a repository or an archive, checked: relative, `/`-separated, no empty segment, none that ends in a
 * dot or a space (`.` and `..` among them; Windows drops both), no backslash, colon or control character, so that it
 * means the same on every system.
 * @throws UpdateError E_MALFORMED
 */
export function checkRelativePath(path: string, what: string): string {
  // deno-lint-ignore no-control-regex -- refusing control characters is the purpose
  const bad = path.length > 1024 || /[\\:\u0000-\u001f\u007f]/.test(path) ||
    path.split("/").some((s) => s === "" || /[. ]$/.test(s) || s.length > MAX_NAME_LENGTH);
  if (!bad) return path;
  throw new UpdateError("E_MALFORMED", `${what}: ${JSON.stringify(path.slice(0, 80))} is not a safe relative path`);
}

/** Where a certificate stands in a release repository. */
export function schedulePath(sequence: number): string {
  return `schedule/${sequence}.json`;
}

/** Where a complete certificate stands whose sequence has another one too. */
export function rivalPath(sequence: number, sha256: string): string {
  return `schedule/${sequence}.${sha256}.json`;
}
