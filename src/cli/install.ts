// install: a release becomes a version that is ready to run; the first one is activated too. Design: docs/cli.md.
// Must not: execute anything of it, or activate what governs only later.
import { join, resolve } from "node:path";
import type { Artifact, Verified } from "../api.ts";
import { governingUpgrade } from "../activate/permission.ts";
import { switchByHand } from "../activate/switch.ts";
import { UpdateError } from "../errors.ts";
import { createSources } from "../sources/index.ts";
import { findDeltaBase } from "../sources/delta.ts";
import type { TrustState } from "../trust/client.ts";
import { epochsOf } from "../trust/epochs.ts";
import { isVersion, platformName } from "../trust/naming.ts";
import {
  type ActivationSession,
  knownHeight,
  nextCurrent,
  openActivation,
  permit,
  settleByHand,
  SWITCH_OPTIONS,
  whileActivating,
} from "./activation.ts";
import { type Arguments, type Command, NETWORK_OPTIONS } from "./command.ts";
import type { Context } from "./context.ts";
import { chooseArtifact, fetchTo, refreshIfPossible } from "./download.ts";
import { formatBytes } from "./output.ts";
import { mirrorsToAsk, withMirrors } from "./session.ts";

export const installCommand: Command = {
  name: "install",
  summary: "make a version ready to run; activate the first one",
  options: {
    version: { type: "string", value: "V", help: "the version (default: the one that governs now)" },
    package: { type: "string", value: "FILE", help: "take this file instead of downloading it; it is proven" },
    ...SWITCH_OPTIONS,
    ...NETWORK_OPTIONS,
  },
  async run(c, a) {
    const given = a.string("version");
    if (given !== undefined && !isVersion(given)) {
      throw new UpdateError("E_USAGE", "--version must be a semantic version such as 1.0.0");
    }
    const session = await openActivation(c, a);
    const height = await knownHeight(a, session.home, session.state);
    const { state, artifact, file } = await obtain(c, a, session, given, height);
    return await whileActivating(c, session.home, async (current) => {
      const staged = await session.staging.stage(artifact, file, c);
      const isFirst = current === undefined;
      const permission = isFirst ? permit(c, a, state, staged) : undefined;
      if (permission !== undefined) {
        await settleByHand(session.home);
        await switchByHand(session.home, undefined, nextCurrent(c, undefined, staged, permission));
      }
      const next = staged.version === current?.version
        ? "it is what runs"
        : `when its time has come: dchat-update activate --version ${staged.version}`;
      return {
        lines: [
          c.out.line("ok", "Hash verification passed (SHA-256)"),
          c.out.line("ok", "Hash verification passed (BLAKE3)"),
          c.out.line("ok", "Signature verification passed (Ed25519)"),
          c.out.line("ok", `Installed ${artifact.name}${isFirst ? " and activated it" : ""}`),
          `   ${staged.program}`,
          ...(isFirst ? [] : [`   ${next}`]),
        ],
        json: {
          version: staged.version,
          platform: staged.platform,
          program: staged.program,
          activated: isFirst,
          by: permission?.by ?? null,
          lengthBytes: staged.length,
          sha256: staged.sha256,
          blake3: staged.blake3,
        },
      };
    });
  },
};

interface Obtained {
  readonly state: TrustState;
  readonly artifact: Verified<Artifact>;
  /** Where its bytes are; staging proves them. */
  readonly file: string;
}

async function obtain(
  c: Context,
  a: Arguments,
  s: ActivationSession,
  given: string | undefined,
  height: number | undefined,
): Promise<Obtained> {
  const choose = (state: TrustState) => {
    const version = given ?? governingVersion(state, height);
    const wanted = { version, platform: platformName(process.platform, process.arch), channel: undefined };
    return chooseArtifact(c, wanted, s, state);
  };
  const file = a.string("package");
  if (file !== undefined) return { state: s.state, artifact: choose(s.state), file: resolve(file) };
  return await withMirrors(c, a, s, async (client) => {
    const state = await refreshIfPossible(c, s, client);
    const artifact = choose(state);
    const { packagesDir } = s.home;
    const base = await findDeltaBase(artifact, packagesDir);
    const sources = createSources(await mirrorsToAsk(c, s, state), { packagesDir, client, base }, undefined);
    c.out.note(c.out.line("download", `Downloading ${artifact.name} (${formatBytes(artifact.length)})`));
    const manner = { strategy: "parallel", limits: {} } as const;
    const got = await fetchTo(c, s, artifact, sources, join(packagesDir, artifact.name), manner);
    return { state, artifact, file: got.file.file };
  });
}

/** Undefined where release signatures alone decide: then the newest of the channel. @throws UpdateError E_USAGE */
function governingVersion(state: TrustState, height: number | undefined): string | undefined {
  const epochs = epochsOf(state), extension = epochs.extensionOf(epochs.newestRoot);
  if (!epochs.isGoverned) return undefined;
  // A node that steps through all versions begins with the first; another begins where the chain is.
  if (height === undefined && extension?.sync === "latest") {
    throw new UpdateError("E_USAGE", "which version governs depends on the height of the chain", {
      hint: "say it: --current-height N, or which version: --version V",
    });
  }
  const version = governingUpgrade(state, height ?? 0)?.activation.version ?? extension?.genesis?.version;
  if (version !== undefined) return version;
  throw new UpdateError("E_NOT_APPROVED", "the root names no first version, and no certificate is in force here", {
    hint: "say which version: --version V",
  });
}
