// activate and rollback, by hand and with the same proofs as a daemon's. Design: docs/cli.md, "The switch" of
// docs/activation.md. Must not: switch to bytes that were not measured just now.
import { addFailed, type Current, forgetFailed, isSameVersion } from "../activate/current.ts";
import { governingVersion, requireDue, requireWayBack } from "../activate/decide/permission.ts";
import type { StagedVersion } from "../activate/stage/staged-version.ts";
import { UpdateError } from "../errors.ts";
import { epochsOf } from "../trust/epochs.ts";
import {
  type ActivationSession,
  forgetHeight,
  isDowngrade,
  knownHeight,
  makeOrAsk,
  nextCurrent,
  openActivation,
  permit,
  requireReleased,
  settleByHand,
  SWITCH_OPTIONS,
  whileActivating,
} from "./activation.ts";
import type { Arguments, Command } from "./command.ts";
import type { Context } from "./context.ts";
import { currentHeight } from "./height-option.ts";
import { ownPlatform } from "./own-platform.ts";

const RESYNC = {
  resync: { type: "boolean", help: "the chain's data starts anew: an older version may run" },
} as const;

export const activateCommand: Command = {
  name: "activate",
  summary: "switch to an installed version, by hand",
  options: {
    version: { type: "string", value: "V", help: "the version (default: the newest that may run now)" },
    ...SWITCH_OPTIONS,
    ...RESYNC,
  },
  async run(c, a) {
    const wanted = a.version("version");
    const session = await openActivation(c, a), { home } = session;
    // A chain that starts anew is as high as the operator says.
    const isNewChain = a.flag("resync");
    const height = isNewChain ? currentHeight(a) : await knownHeight(a, home, session.state);
    const { current, staged, next } = await whileActivating(c, home, async (current) => {
      await settleByHand(home);
      const staged = await chooseStaged(c, a, session, current, wanted, height);
      const permission = requirePermission(c, a, session, current, staged, height);
      await session.staging.prove(staged, staged, c);
      await forgetFailed(home, staged.sha256);
      if (isNewChain) await forgetHeight(c, home, session.state);
      return { current, staged, next: { ...nextCurrent(c, current, staged, permission), by: permission.by } };
    });
    const { version, program } = staged;
    const isSame = isSameVersion(current, staged);
    const madeBy = isSame ? undefined : await makeOrAsk(c, home, current, next);
    return {
      lines: [
        c.out.line("ok", isSame ? `${version} is what runs already` : madeWords(version, madeBy)),
        `   ${program}`,
      ],
      json: {
        version,
        previousVersion: (isSame ? current?.previous?.version : current?.version) ?? null,
        changed: !isSame,
        running: isSame ? null : madeBy === "supervisor",
        by: next.by,
        activationHeight: next.activationHeight ?? null,
        program,
      },
    };
  },
};

function madeWords(version: string, madeBy: "command" | "supervisor" | undefined): string {
  return madeBy === "supervisor" ? `${version} runs` : `${version} runs from the next start of the node`;
}

export const rollbackCommand: Command = {
  name: "rollback",
  summary: "switch back to the version before, by hand",
  options: {
    version: { type: "string", value: "V", help: "another installed version than the one before" },
    ...SWITCH_OPTIONS,
    ...RESYNC,
  },
  async run(c, a) {
    const wanted = a.version("version");
    const session = await openActivation(c, a), { home } = session;
    const { current, staged, next } = await whileActivating(c, home, async (current) => {
      await settleByHand(home);
      const version = wanted ?? current?.previous?.version;
      if (current === undefined || version === undefined || version === current.version) {
        throw new UpdateError("E_NOT_STAGED", "there is no version before this one to go back to", {
          hint: "name one that is installed: --version V; see `dchat-update status`",
        });
      }
      const staged = await session.staging.find(version);
      const permission = permit(c, a, session.state, staged);
      if (!a.flag("resync")) requireWayBack(session.state, version, await knownHeight(a, home, session.state));
      await session.staging.prove(staged, staged, c);
      // First, so that a daemon does not go forward again whenever this is cut short.
      const { activationHeight, sha256 } = current, why = "taken back by the operator";
      if (sha256 !== undefined) await addFailed(home, { version: current.version, sha256, activationHeight, why });
      // What is gone back from is not where the next rollback leads.
      const next = { ...nextCurrent(c, current, staged, permission), previous: undefined, by: permission.by };
      return { current, staged, next };
    });
    const { version, program } = staged;
    const madeBy = await makeOrAsk(c, home, current, next);
    return {
      lines: [
        c.out.line("ok", `${madeWords(version, madeBy)}; ${current.version} is not tried again`),
        `   ${program}`,
      ],
      json: { version, fromVersion: current.version, running: madeBy === "supervisor", by: next.by, program },
    };
  },
};

/** The version that was asked for, or the newest installed one that may run now. */
async function chooseStaged(
  c: Context,
  a: Arguments,
  s: ActivationSession,
  current: Current | undefined,
  wanted: string | undefined,
  height: number | undefined,
): Promise<StagedVersion> {
  if (wanted !== undefined) return await s.staging.find(wanted);
  if (a.flag("resync") && epochsOf(s.state).isGoverned) {
    const epochs = epochsOf(s.state);
    const governing = governingVersion(s.state, ownPlatform(), height) ??
      epochs.extensionOf(epochs.newestRoot)?.genesis?.version;
    if (governing !== undefined) return await s.staging.find(governing);
  }
  const all = await s.staging.list();
  let refusal: unknown;
  for (const staged of all) {
    try {
      requirePermission(c, a, s, current, staged, height);
      return staged;
    } catch (e) {
      refusal ??= e; // of the newest: that is the one people mean
    }
  }
  throw refusal ?? new UpdateError("E_NOT_STAGED", "no version is installed", {
    hint: "get one with: dchat-update install",
  });
}

/** @throws UpdateError E_NOT_APPROVED, E_NO_RELEASE, E_USAGE (a downgrade), … */
function requirePermission(
  c: Context,
  a: Arguments,
  { state }: ActivationSession,
  current: Current | undefined,
  staged: StagedVersion,
  height: number | undefined,
): ReturnType<typeof permit> {
  const permission = permit(c, a, state, staged);
  if (permission.by === "release-signatures") requireReleased(c, state, staged);
  const isBack = isDowngrade(state, current, staged.version);
  if (isBack && !a.flag("resync")) {
    throw new UpdateError("E_USAGE", `${staged.version} comes before ${current?.version}, which runs`, {
      hint: "go back with `dchat-update rollback`; for a chain that starts anew: --resync",
    });
  }
  // The first version of a node has nothing to be too early for: it syncs up to where it may run.
  if (permission.by === "certificate" && current !== undefined && !isBack && current.version !== staged.version) {
    requireDue(permission, height);
  }
  return permission;
}
