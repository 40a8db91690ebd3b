// version: what this file is and what it runs on. Design: docs/cli.md.
// Must not: look at the home; the bare command is answered by the entry, before all of this is loaded.
import { BAKED_MIRRORS, BAKED_ROOT, VERSION } from "../baked.ts";
import { sha256Hex } from "../trust/hex.ts";
import type { Command } from "./command.ts";
import { ownPlatform } from "./own-platform.ts";

/** "node 20.20.2", "deno 2.9.6", "bun 1.4.5": each runtime adds its own name to `process.versions`. */
function runtimeName(): string {
  const { versions } = process;
  for (const name of ["deno", "bun"]) if (versions[name] !== undefined) return `${name} ${versions[name]}`;
  return `node ${versions.node}`;
}

export const versionCommand: Command = {
  name: "version",
  summary: "show the version",
  options: {},
  run(c) {
    const platform = ownPlatform();
    const rootSha256 = BAKED_ROOT === undefined ? null : sha256Hex(BAKED_ROOT);
    const more = c.out.verbose ? [`${runtimeName()}, ${platform}`, `built-in root: ${rootSha256 ?? "none"}`] : [];
    return Promise.resolve({
      lines: [`dchat-update ${VERSION}`, ...more],
      json: { version: VERSION, runtime: runtimeName(), platform, rootSha256, mirrors: BAKED_MIRRORS },
    });
  },
};
