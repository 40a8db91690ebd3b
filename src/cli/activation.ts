// What install, activate, rollback, status and gc share: an opened home with its versions, and the judging of one.
// Design: "The switch" of docs/activation.md. Must not: download, or judge what a certificate says.
import { setTimeout as delay } from "node:timers/promises";
import { type Current, isSameTry, isSameVersion, readCurrent, readFailed, successor } from "../activate/current.ts";
import type { StagedVersion } from "../activate/stage/staged-version.ts";
import { findNode } from "../activate/supervise/node-process.ts";
import { type Candidate, type Permission, permissionOf } from "../activate/decide/permission.ts";
import { createStaging, type Staging } from "../activate/stage/staging.ts";
import { clearRequest, readRequest, writeRequest } from "../activate/supervise/switch-request.ts";
import { readJournal, settleSwitch, switchByHand, withActivation } from "../activate/switch.ts";
import { createUnpacker } from "../activate/stage/unpack.ts";
import { createHeightStore, type HeightStore } from "../chain/height-store.ts";
import type { Home } from "../config/home.ts";
import { withLock } from "../disk/lock.ts";
import { UpdateError } from "../errors.ts";
import type { TrustState } from "../trust/client.ts";
import { approvedUpgrades } from "../trust/effect.ts";
import { chainOf } from "../trust/epochs.ts";
import { compareVersions } from "../trust/naming.ts";
import { listReleases } from "../trust/releases.ts";
import type { Arguments, OptionSpec } from "./command.ts";
import type { Context } from "./context.ts";
import { currentHeight, HEIGHT_OPTION } from "./height-option.ts";
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
  return { ...session, staging: createStaging(session.home, [createUnpacker()]) };
}

/**
 * The chain's finalized height: the largest that was ever kept here, or what the caller says where that is more.
 * @throws UpdateError E_STATE_CORRUPT
 */
export async function knownHeight(a: Arguments, home: Home, state: TrustState): Promise<number | undefined> {
  const said = currentHeight(a), kept = await keptHeight(home, state);
  return said === undefined || kept === undefined ? said ?? kept : Math.max(said, kept);
}

/** The largest finalized height that was ever kept here. */
export async function keptHeight(home: Home, state: TrustState): Promise<number | undefined> {
  return (await heightStore(home, state)?.load())?.height;
}

/** For a chain whose data start anew. */
export async function forgetHeight(c: Context, home: Home, state: TrustState): Promise<void> {
  await heightStore(home, state)?.forget(c);
}

function heightStore(home: Home, state: TrustState): HeightStore | undefined {
  const chain = chainOf(state);
  return chain === undefined ? undefined : createHeightStore(home.dir, chain);
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

/**
 * Makes a switch, or has it made: where a supervisor runs the node, it stops, starts and asks for its health.
 * @param from what was current when the switch was judged
 * @returns who made it
 * @throws UpdateError E_SWITCH_FAILED when the supervisor did not; E_LOCKED
 */
export async function makeOrAsk(
  c: Context,
  home: Home,
  from: Current | undefined,
  to: Current,
): Promise<"command" | "supervisor"> {
  let isOurs = false;
  try {
    // Held until it is done: no supervisor may start meanwhile.
    await withLock(home.runLock, { signal: c.signal, waitMs: 0 }, async () => {
      isOurs = true;
      await whileActivating(c, home, async (current) => {
        if (!isSameVersion(current, from)) throw new UpdateError("E_LOCKED", "somebody else has switched meanwhile");
        await settleByHand(home);
        await switchByHand(home, from, to);
      });
    });
    return "command";
  } catch (e) {
    if (isOurs || !(e instanceof UpdateError) || e.code !== "E_LOCKED") throw e;
  }
  await askSupervisor(c, home, to);
  return "supervisor";
}

/**
 * Tidies up after a switch that was cut short, unless a supervisor has left the new version running and unproven.
 * @throws UpdateError E_LOCKED
 */
export async function settleByHand(home: Home): Promise<void> {
  const journal = await readJournal(home);
  const node = journal?.supervised === true ? await findNode(home) : undefined;
  if (node === undefined) return void await settleSwitch(home);
  throw new UpdateError("E_LOCKED", `a switch is not finished, and process ${node.pid} is the node`, {
    hint: "start `dchat-update run` again: it finishes what its predecessor began; or stop that process",
  });
}

const POLL_MS = 100;

async function askSupervisor(c: Context, home: Home, to: Current): Promise<void> {
  const { version, sha256 = "", activationHeight } = to;
  await writeRequest(home, { version, sha256, activationHeight: activationHeight ?? null });
  c.out.note("the supervisor of the node switches");
  const isAsked = async () => (await readRequest(home))?.sha256 === sha256;
  try {
    while (await isAsked()) await delay(POLL_MS, undefined, { signal: c.signal });
  } catch (e) {
    await clearRequest(home); // who does not wait any more does not want it any more
    throw e;
  }
  const current = await whileActivating(c, home, (now) => Promise.resolve(now));
  if (isSameVersion(current, to)) return;
  const failed = (await readFailed(home)).find((f) => isSameTry(f, { sha256, activationHeight }));
  throw new UpdateError(
    "E_SWITCH_FAILED",
    `${version} did not start well: ${failed?.why ?? "see what the supervisor says"}`,
  );
}

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
  const activationHeight = permission.by === "certificate" ? permission.upgrade.activation.activationHeight : undefined;
  return successor(from, { ...staged, activationHeight }, new Date(c.nowMs).toISOString());
}
