// The `custom` object of a release's target, right in every field; tests change what they are about.
import type { MutableObject } from "./signed-file.ts";

export function releaseCustom(version: string, platform = "linux-x64"): MutableObject {
  return {
    dchat: {
      version,
      platform,
      packageType: "binary",
      format: "executable",
      channel: "stable",
      upgradeType: "soft-fork",
      security: false,
      releaseDate: "2026-01-01T00:00:00Z",
      blake3: "ab".repeat(32),
    },
  };
}
