// install: a release becomes a version that is ready to run; the first one is activated too. Design: docs/cli.md.
// Must not: execute anything of it before it is approved, or activate what governs only later.
import { join, resolve } from "node:path";
import type { Artifact, Verified } from "../api.ts";
import { type Current, readCurrent } from "../activate/current.ts";
import { governingVersion } from "../activate/decide/permission.ts";
import { tryOut } from "../activate/stage/preflight.ts";
import type { StagedVersion } from "../activate/stage/staged-version.ts";
import { switchByHand } from "../activate/switch.ts";
import { UpdateError } from "../errors.ts";
import { createSources } from "../sources/index.ts";
import { findDeltaBase } from "../sources/delta.ts";
import type { TrustState } from "../trust/client.ts";
import { epochsOf } from "../trust/epochs.ts";
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
import { type Arguments, type Command, type CommandResult, NETWORK_OPTIONS } from "./command.ts";
import type { Context } from "./context.ts";
import { decideFor } from "./decision.ts";
import { chooseArtifact, fetchTo, refreshIfPossible } from "./download.ts";
import { PEER_OPTIONS, peersToAsk, withPeers } from "./known-peers.ts";
import { formatBytes } from "./output.ts";
import { ownPlatform } from "./own-platform.ts";
import { PREFLIGHT_OPTIONS, readPreflight } from "./preflight-options.ts";
import { mirrorsToAsk, withMirrors } from "./session.ts";

export const installCommand: Command = {
  name: "install",
  summary: "make a version ready to run; activate the first one",
  options: {
    version: { type: "string", value: "V", help: "the version (default: the one that governs now)" },
    package: { type: "string", value: "FILE", help: "take this file instead of downloading it; it is proven" },
    upcoming: { type: "boolean", help: "all that is approved and will run here, as status says" },
    ...PREFLIGHT_OPTIONS,
    ...SWITCH_OPTIONS,
    ...PEER_OPTIONS,
    ...NETWORK_OPTIONS,
  },
  async run(c, a) {
    const given = a.version("version");
    const session = await openActivation(c, a);
    if (a.flag("upcoming")) return await installUpcoming(c, a, session);
    return await installOne(c, a, session, given);
  },
};

/** Nothing is fetched at the switch: this is for whoever wants it to be ready by then, again and again. */
async function installUpcoming(c: Context, a: Arguments, session: ActivationSession): Promise<CommandResult> {
  if (a.string("version") !== undefined || a.string("package") !== undefined) {
    throw new UpdateError("E_USAGE", "--upcoming says by itself which versions those are");
  }
  const state = await withMirrors(c, a, session, async (client) => await refreshIfPossible(c, session, client));
  const height = await knownHeight(a, session.home, state) ?? null;
  const { prepare } = await decideFor(session, state, { height, latest: null, haltedFor: null });
  const installed: CommandResult[] = [];
  for (const { version } of prepare) installed.push(await installOne(c, a, session, version));
  return {
    lines: installed.length > 0
      ? installed.flatMap((one) => one.lines)
      : [c.out.line("ok", "All that is approved and will run here is installed")],
    json: { upcoming: installed.map((one) => one.json) },
  };
}

async function installOne(
  c: Context,
  a: Arguments,
  session: ActivationSession,
  given: string | undefined,
): Promise<CommandResult> {
  const height = await knownHeight(a, session.home, session.state);
  const { state, artifact, file } = await obtain(c, a, session, given, height);
  const { home, staging } = session;
  const onWait = ({ pid }: { pid: number }) => c.out.note(`waiting for process ${pid}, which makes a version ready`);
  const staged = await staging.stage(artifact, file, { signal: c.signal, onWait });
  const current = await readCurrent(home);
  const isFirst = current === undefined;
  const permission = isFirst ? permit(c, a, state, staged) : undefined;
  // Without the lock: a supervisor may have to switch to another version meanwhile.
  const preflight = await preflightIfApproved(c, a, { session, state, staged, current });
  if (permission !== undefined) {
    await whileActivating(c, home, async (now) => {
      if (now !== undefined) throw new UpdateError("E_LOCKED", `${now.version} was activated meanwhile`);
      await settleByHand(home);
      if (preflight !== null) await staging.prove(staged, staged, c);
      await switchByHand(home, undefined, nextCurrent(c, undefined, staged, permission));
    });
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
      ...(preflight === "passed" ? [c.out.line("ok", "Preflight passed")] : []),
      `   ${staged.program}`,
      ...(isFirst ? [] : [`   ${next}`]),
    ],
    json: {
      version: staged.version,
      platform: staged.platform,
      program: staged.program,
      activated: isFirst,
      by: permission?.by ?? null,
      preflight,
      lengthBytes: staged.length,
      sha256: staged.sha256,
      blake3: staged.blake3,
    },
  };
}

interface Installing {
  readonly session: ActivationSession;
  readonly state: TrustState;
  readonly staged: StagedVersion;
  readonly current: Current | undefined;
}

/**
 * Tries a version out that may run; another one waits. One that fails is not kept, so that nobody takes it for ready.
 * @throws UpdateError E_SWITCH_FAILED
 */
async function preflightIfApproved(
  c: Context,
  a: Arguments,
  { session, state, staged, current }: Installing,
): Promise<"passed" | "not-approved" | null> {
  const preflight = readPreflight(a);
  if (preflight === undefined) return null;
  try {
    permit(c, a, state, staged);
  } catch (e) {
    if (!(e instanceof UpdateError)) throw e;
    c.out.warn(`${staged.version} is not tried out before it is approved (${e.message}): install it again then`);
    return "not-approved";
  }
  try {
    await tryOut(staged, { ...preflight, env: c.env, signal: c.signal });
  } catch (e) {
    if (current?.version !== staged.version) {
      await whileActivating(c, session.home, async () => await session.staging.remove(staged.version));
    }
    throw e;
  }
  return "passed";
}

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
    const platform = ownPlatform();
    const wanted = { version: given ?? firstVersion(state, platform, height), platform, channel: undefined };
    return chooseArtifact(c, wanted, s, state);
  };
  const file = a.string("package");
  if (file !== undefined) return { state: s.state, artifact: choose(s.state), file: resolve(file) };
  const peers = await peersToAsk(c, a, s);
  return await withMirrors(c, a, s, async (client) => {
    const state = await refreshIfPossible(c, s, client);
    const artifact = choose(state);
    const { packagesDir } = s.home;
    const base = await findDeltaBase(artifact, s.home);
    const sources = createSources(await mirrorsToAsk(c, s, state), { ...s.home, client, base }, undefined);
    c.out.note(c.out.line("download", `Downloading ${artifact.name} (${formatBytes(artifact.length)})`));
    const manner = { strategy: "parallel", limits: {} } as const;
    const destination = join(packagesDir, artifact.name);
    const got = await withPeers(
      a,
      s,
      peers,
      async (others) => await fetchTo(c, s, artifact, [...sources, ...others], destination, manner),
    );
    return { state, artifact, file: got.file.file };
  });
}

/** Undefined where release signatures alone decide: then the newest of the channel. @throws UpdateError E_USAGE */
function firstVersion(state: TrustState, platform: string, height: number | undefined): string | undefined {
  const epochs = epochsOf(state), extension = epochs.extensionOf(epochs.newestRoot);
  if (!epochs.isGoverned) return undefined;
  // A node that steps through all versions begins with the first; another begins where the chain is.
  if (height === undefined && extension?.sync === "latest") {
    throw new UpdateError("E_USAGE", "which version governs depends on the height of the chain", {
      hint: "say it: --current-height N, or which version: --version V",
    });
  }
  const version = governingVersion(state, platform, height) ?? extension?.genesis?.version;
  if (version !== undefined) return version;
  throw new UpdateError("E_NOT_APPROVED", "the root names no first version, and no certificate is in force here", {
    hint: "say which version: --version V",
  });
}
