// May this node run that version, by hand, at this height? Design: "The switch" of docs/activation.md.
// Pure: from trusted state, digests and a height to a permission or a named refusal. What a daemon does by itself is
// `decide`'s; this is what an operator's word may add to it. Must not: read a clock, a disk or a chain.
import type { Digests } from "../../api.ts";
import { UpdateError } from "../../errors.ts";
import type { TrustState } from "../../trust/client.ts";
import { type ApprovedUpgrade, approvedUpgrades, switchObstacles } from "../../trust/effect.ts";
import { epochsOf } from "../../trust/epochs.ts";
import { isSameBytes } from "../../trust/proof.ts";
import { governingUpgrade, usableUpgrades } from "./decide.ts";
import { type Facts, factsOf } from "./facts.ts";

/** A version as bytes on this platform. */
export interface Candidate extends Digests {
  readonly version: string;
  /** TUF target path. */
  readonly path: string;
}

export type Permission =
  /** The network has no governors: release signatures alone decide. */
  | { readonly by: "release-signatures" }
  | { readonly by: "genesis" }
  | { readonly by: "certificate"; readonly upgrade: ApprovedUpgrade };

/**
 * Who allows these bytes to run at all, whatever the height.
 * @throws UpdateError E_NOT_APPROVED, E_RELEASE_MISMATCH, E_WITHHELD, E_NOT_GOVERNED, E_MALFORMED
 */
export function permissionOf(state: TrustState, candidate: Candidate): Permission {
  const epochs = epochsOf(state);
  const [obstacle] = switchObstacles(state);
  if (obstacle !== undefined) throw obstacle;
  if (!epochs.isGoverned) return { by: "release-signatures" };
  const { version, path } = candidate;
  const naming = approvedUpgrades(state).filter((u) => u.activation.targets.has(path));
  const upgrade = naming.find((u) => isSame(u.activation.targets.get(path), candidate));
  if (upgrade !== undefined) return { by: "certificate", upgrade };
  if (isSame(epochs.extensionOf(epochs.newestRoot)?.genesis?.targets.get(path), candidate)) return { by: "genesis" };
  if (naming[0] !== undefined) {
    throw new UpdateError("E_RELEASE_MISMATCH", `governors have approved other bytes of ${version} than these`);
  }
  throw new UpdateError("E_NOT_APPROVED", `governors have not approved ${version} for this platform`);
}

function isSame(target: Digests | undefined, c: Digests): boolean {
  return target !== undefined && isSameBytes(target, c);
}

/** The finalized height from which nodes may run the new version; an `at` switch waits for the block before. */
export function firstHeightFor({ activation }: ApprovedUpgrade): number {
  return activation.switch === "before" && activation.switchFrom !== undefined
    ? activation.switchFrom
    : activation.activationHeight - 1;
}

/** @param height finalized; undefined when nobody knows it @throws UpdateError E_NOT_APPROVED when it is too early */
export function requireDue(permission: Permission, height: number | undefined): void {
  if (permission.by !== "certificate") return;
  const first = firstHeightFor(permission.upgrade);
  if (height !== undefined && height >= first) return;
  const { version } = permission.upgrade.activation;
  const now = height === undefined ? "nobody has said how high the chain is" : `the chain is at ${height}`;
  throw new UpdateError("E_NOT_APPROVED", `${version} may run from finalized block ${first} on; ${now}`, {
    hint: height === undefined ? "say it: --current-height N" : "it is staged and waits; nothing is to be done",
  });
}

/**
 * What forbids to go back to a version: the first hard fork behind it that the chain has passed. Old code would then
 * follow, or make, another chain.
 * @param height largest finalized one; undefined when nobody knows it: then every approved hard fork counts
 */
export function hardForkPassed(state: TrustState, to: string, height: number | undefined): ApprovedUpgrade | undefined {
  const upgrades = approvedUpgrades(state);
  const own = upgrades.findLastIndex((u) => u.activation.version === to);
  return upgrades.slice(own + 1).find(({ activation: a }) =>
    a.upgradeType === "hard-fork" && (height === undefined || height >= a.activationHeight)
  );
}

/** @throws UpdateError E_PAST_HEIGHT */
export function requireWayBack(state: TrustState, to: string, height: number | undefined): void {
  const fork = hardForkPassed(state, to, height);
  if (fork === undefined) return;
  const { version, activationHeight } = fork.activation;
  const passed = height === undefined ? "may have passed" : `has passed (it is at ${height})`;
  throw new UpdateError(
    "E_PAST_HEIGHT",
    `the chain ${passed} block ${activationHeight}, the hard fork to ${version}: ${to} would fork`,
    height === undefined ? { hint: "say how high the chain is: --current-height N" } : {},
  );
}

/** A node of which nothing is known but where it is. */
const ANY_NODE = { running: null, latest: null, haltedFor: null, staged: [], failed: [], pin: null } as const;

const factsAt = (state: TrustState, platform: string, height: number | null): Facts =>
  factsOf(state, platform, { ...ANY_NODE, height, autoRestart: true, nodeSeed: "" });

/**
 * The version that governs a node, as `decide` has it; undefined for the one the network began with.
 * @param height the largest finalized one; undefined when nobody knows it
 */
export function governingVersion(state: TrustState, platform: string, height: number | undefined): string | undefined {
  return governingUpgrade(factsAt(state, platform, height ?? null))?.version;
}

/** The heights that a program has to know: it halts before the first, or changes its rules at the second. */
export interface ProgramHeights {
  /** Of the next hard fork to another version: what runs must not make that block. */
  readonly haltHeight: number | undefined;
  /** Of its own certificate. */
  readonly activationHeight: number | undefined;
}

export function heightsFor(
  state: TrustState,
  platform: string,
  version: string,
  ownHeight: number | undefined,
): ProgramHeights {
  const upgrades = approvedUpgrades(state).map((u) => u.activation);
  const own = upgrades.findLast((a) =>
    a.version === version && (ownHeight === undefined || a.activationHeight === ownHeight)
  );
  const activationHeight = own?.activationHeight ?? ownHeight;
  const epochs = epochsOf(state);
  const isGenesis = epochs.extensionOf(epochs.newestRoot)?.genesis?.version === version;
  // Of what nobody has approved nobody knows which forks it makes.
  if (activationHeight === undefined && !isGenesis) return { haltHeight: undefined, activationHeight };
  // Only one that will be made: governors alone must not be able to make a network's programs halt.
  const fork = usableUpgrades(factsAt(state, platform, null)).usable.find((u) =>
    u.upgradeType === "hard-fork" && u.version !== version && u.activationHeight > (activationHeight ?? 0)
  );
  return { haltHeight: fork?.activationHeight, activationHeight };
}
