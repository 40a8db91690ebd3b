// What a decision is made from: everything that is proven and everything that happened on this node, as plain data.
// Design: "What is decided" of docs/chain.md. Pure, and without a clock: what has expired counts as it did before.
// Must not: decide.
import type { Artifact, Digests, UpgradeType } from "../../api.ts";
import { UpdateError } from "../../errors.ts";
import { ANY_TIME, type TrustState } from "../../trust/client.ts";
import { type ApprovedUpgrade, approvedUpgrades, switchObstacles } from "../../trust/effect.ts";
import { epochsOf } from "../../trust/epochs.ts";
import { isReleased, matchRelease, targetsFor } from "../../trust/release-match.ts";
import { listReleases } from "../../trust/releases.ts";
import { judgementOf } from "../../trust/schedule.ts";

/** Bytes by their target path. */
export interface ArtifactFact {
  readonly path: string;
  readonly sha256: string;
}

/** An approved upgrade in force. */
export interface UpgradeFact {
  readonly sequence: number;
  /** SHA-256 of the certificate's signed bytes. */
  readonly certificate: string;
  readonly version: string;
  readonly upgradeType: UpgradeType;
  /** The first block under the new rules. */
  readonly activationHeight: number;
  readonly switch: "at" | "before";
  /** Null with "at". */
  readonly switchFrom: number | null;
  /** For this platform, by path; empty when none was approved. */
  readonly artifacts: readonly ArtifactFact[];
  /** Whether release keys say the same of this platform; "matches" stays when the release leaves the list. */
  readonly release: "matches" | "no-target" | "no-release" | "mismatch";
  /** Release keys say the same of some platform at least: both key sets want this upgrade. */
  readonly isReleased: boolean;
}

/** What runs, as current.json says. */
export interface RunningFact {
  readonly version: string;
  /** Null where something else wrote the file. */
  readonly sha256: string | null;
  /** The height of its certificate; null without one. */
  readonly activationHeight: number | null;
}

export interface Facts {
  /** Null before the first installation. */
  readonly running: RunningFact | null;
  /** The largest height that ever was final on the node's own chain; null before the first. */
  readonly height: number | null;
  /** The newest block of the last answer, final or not; null without one. It may hurry a node, never let it be early. */
  readonly latest: number | null;
  /**
   * The program was given this height as DCHAT_HALT_HEIGHT, ended by itself with exit code 0, and no height was read
   * since: its RPC is gone with it, and block `haltedFor - 1` is the last one. Null otherwise.
   */
  readonly haltedFor: number | null;
  /** False where the root names no governors: nothing is decided then. */
  readonly isGoverned: boolean;
  readonly hasInstantFinality: boolean;
  readonly sync: "walk" | "latest";
  /** A quorum of governors has put its name to it that the chain was this high. */
  readonly provenHeight: number;
  /** What the network began with, for this platform; null where the root does not say. */
  readonly genesis: { readonly version: string; readonly artifacts: readonly ArtifactFact[] } | null;
  /** By height. */
  readonly upgrades: readonly UpgradeFact[];
  /** Why nothing may be switched at all. */
  readonly obstacles: readonly { readonly code: string; readonly message: string }[];
  /** Ready to run: proven, unpacked, tried out. */
  readonly staged: readonly { readonly version: string; readonly sha256: string }[];
  /** What did not start, and at which height. */
  readonly failed: readonly { readonly sha256: string; readonly activationHeight: number | null }[];
  /** The operator holds the node at this version. */
  readonly pin: string | null;
  /** False: the operator wants to be asked. */
  readonly autoRestart: boolean;
  /** Any text that differs from node to node and stays: where in a window of blocks this node switches. */
  readonly nodeSeed: string;
}

/** What of the facts is this node's own and not in its trusted state. */
export type NodeFacts = Pick<
  Facts,
  "running" | "height" | "latest" | "haltedFor" | "staged" | "failed" | "pin" | "autoRestart" | "nodeSeed"
>;

/** @param platform such as linux-x64 */
export function factsOf(state: TrustState, platform: string, node: NodeFacts): Facts {
  const epochs = epochsOf(state);
  const extension = epochs.extensionOf(epochs.newestRoot);
  const { artifacts: released } = listReleases(state, ANY_TIME);
  const proposed = [...judgementOf(state).accepted.values()].map((p) => p.certificate.body.proposedHeight);
  const genesis = extension?.genesis;
  return {
    ...node,
    // An extension that cannot be read is an obstacle, not freedom.
    isGoverned: epochs.isGoverned || extension === undefined,
    hasInstantFinality: extension?.chain?.finality === "instant",
    sync: extension?.sync ?? "walk",
    provenHeight: Math.max(0, ...proposed),
    genesis: genesis === undefined
      ? null
      : { version: genesis.version, artifacts: artifactFacts(targetsFor(genesis, platform)) },
    upgrades: approvedUpgrades(state).map((u) => upgradeFact(state, u, platform, released)),
    obstacles: switchObstacles(state).map(({ code, message }) => ({ code, message })),
  };
}

function upgradeFact(
  state: TrustState,
  { activation, sequence, sha256 }: ApprovedUpgrade,
  platform: string,
  released: readonly Artifact[],
): UpgradeFact {
  const { version, upgradeType, activationHeight, switchFrom } = activation;
  const isLatched = state.schedule.local.get(sha256)?.matchedPlatform === platform;
  return {
    sequence,
    certificate: sha256,
    version,
    upgradeType,
    activationHeight,
    switch: activation.switch,
    switchFrom: switchFrom ?? null,
    artifacts: artifactFacts(targetsFor(activation, platform)),
    release: isLatched ? "matches" : releaseOf(activation, platform, released),
    isReleased: isLatched || isReleased(activation, released),
  };
}

function releaseOf(...args: Parameters<typeof matchRelease>): UpgradeFact["release"] {
  try {
    return matchRelease(...args);
  } catch (e) {
    if (e instanceof UpdateError && e.code === "E_RELEASE_MISMATCH") return "mismatch";
    throw e;
  }
}

function artifactFacts(targets: ReadonlyMap<string, Digests>): ArtifactFact[] {
  return [...targets].map(([path, { sha256 }]) => ({ path, sha256 })).sort((a, b) => (a.path < b.path ? -1 : 1));
}
