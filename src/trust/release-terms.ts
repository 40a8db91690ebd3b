// The fixed words of signed releases, of which each field takes one. Design: docs/formats.md, "Releases"; the types are in
// src/api.ts. Must not: hold a word that an older version of this program would not understand.
import type { Channel, PackageFormat, PackageType, UpgradeType } from "../api.ts";

/** The steadiest first. */
export const CHANNELS = ["stable", "beta", "nightly"] as const satisfies readonly Channel[];
export const PACKAGE_TYPES = [
  "binary",
  "source",
  "docker-image",
  "deb",
  "rpm",
  "apk",
] as const satisfies readonly PackageType[];
export const PACKAGE_FORMATS = [
  "executable",
  "tar.gz",
  "tar.zst",
  "zip",
  "opaque",
] as const satisfies readonly PackageFormat[];
export const UPGRADE_TYPES = [
  "soft-fork",
  "hard-fork",
  "security-patch",
  "feature-toggle",
] as const satisfies readonly UpgradeType[];
