// What install, activate, rollback, status and gc share: an opened home with its versions, and the judging of one.
// Design: "The switch" of docs/activation.md. Must not: download, or switch.
import { type Current, readCurrent } from "../activate/current.ts";
import { type Candidate, type Permission, permissionOf } from "../activate/permission.ts";
import { createStaging, type StagedVersion, type Staging } from "../activate/staging.ts";
import { withActivation } from "../activate/switch.ts";
import type { Home } from "../config/home.ts";
import { UpdateError } from "../errors.ts";
import type { TrustState } from "../trust/client.ts";
import { approvedUpgrades } from "../trust/effect.ts";
import { compareVersions } from "../trust/naming.ts";
import { listReleases } from "../trust/releases.ts";
import type { Arguments, OptionSpec } from "./command.ts";
import type { Context } from "./context.ts";
import { HEIGHT_OPTION } from "./governance-place.ts";
import { offlineClock, openSession, type Session } from "./session.ts";

export const SWITCH_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  ...HEIGHT_OPTION,
  "without-approval": { type: "boolean", help: "also what governors have not approved: you may fork" },
};

export interface ActivationSession extends Session {
  readonly staging: Staging;
}

export async function openActivation(c: Context, a: Arguments): Promise<ActivationSession> {
  const session = await openSession(c, a);
  return { ...session, staging: createStaging(session.home) };
}

/** Runs `fn` with what runs now, while nobody else switches. */
export async function whileActivating<T>(
  c: Context,
  home: Home,
  fn: (current: Current | undefined) => Promise<T>,
): Promise<T> {
  const onWait = ({ pid }: { pid: number }) => c.out.note(`waiting for process ${pid}, which is switching`);
  return await withActivation(home, { signal: c.signal, onWait }, async () => await fn(await readCurrent(home)));
}

export type PermissionBy = Permission["by"] | "operator";

/** The permission of a version; with --without-approval a refusal for want of approval is a warning. */
export function permit(
  c: Context,
  a: Arguments,
  state: TrustState,
  candidate: Candidate,
): Permission | { readonly by: "operator" } {
  try {
    return permissionOf(state, candidate);
  } catch (e) {
    if (!(e instanceof UpdateError) || e.code !== "E_NOT_APPROVED" || !a.flag("without-approval")) throw e;
    c.out.warn(`${e.message}: it runs on your word alone`);
    return { by: "operator" };
  }
}

/**
 * Without governors the list of releases is what allows a version, and it must still have it.
 * @throws UpdateError E_NO_RELEASE, E_HASH_MISMATCH
 */
export function requireReleased(c: Context, state: TrustState, staged: StagedVersion): void {
  const released = listReleases(state, offlineClock(c)).artifacts.find((x) => x.path === staged.path);
  if (released === undefined) {
    throw new UpdateError("E_NO_RELEASE", `${staged.version} is not among the signed releases any more`);
  }
  if (released.sha256 === staged.sha256) return;
  throw new UpdateError("E_HASH_MISMATCH", `${staged.version} was released with other bytes since it was installed`, {
    hint: `get them with: dchat-update install --version ${staged.version}`,
  });
}

/** True when a version comes before what runs: by the heights of both, or by number where no certificate says. */
export function isDowngrade(state: TrustState, current: Current | undefined, version: string): boolean {
  if (current === undefined || current.version === version) return false;
  const order = approvedUpgrades(state).map((u) => u.activation.version);
  const [now, then] = [order.lastIndexOf(current.version), order.lastIndexOf(version)];
  return now >= 0 || then >= 0 ? then < now : compareVersions(version, current.version) < 0;
}

export function nextCurrent(
  c: Context,
  from: Current | undefined,
  staged: StagedVersion,
  permission: ReturnType<typeof permit>,
): Current {
  return {
    version: staged.version,
    sha256: staged.sha256,
    activationHeight: permission.by === "certificate" ? permission.upgrade.activation.activationHeight : undefined,
    previous: from === undefined ? undefined : { version: from.version, sha256: from.sha256 },
    since: new Date(c.nowMs).toISOString(),
  };
}
