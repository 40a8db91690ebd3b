// Approved artifacts against released ones: both key sets must say the same of this node's platform.
// Design: "Proposing" of docs/governance.md. Once matched it is latched: a release that leaves the list later, or a
// platform added to it, changes no node's mind. Must not: fetch, compare versions.
import type { Artifact, Digests, Verified } from "../api.ts";
import { UpdateError } from "../errors.ts";
import type { Activation } from "./certificate.ts";
import type { Clock, TrustState } from "./client.ts";
import { approvedUpgrades, type CertificateStatus, contestedErrors, scheduledCertificates } from "./effect.ts";
import { isSameBytes } from "./proof.ts";
import { judgementOf } from "./schedule.ts";
import { listReleases } from "./releases.ts";

/** The artifacts of a platform among those of a version, by target path. */
export function targetsFor(
  { version, targets }: Pick<Activation, "version" | "targets">,
  platform: string,
): ReadonlyMap<string, Digests> {
  const base = `dchat/${version}/dchat-${version}-${platform}`;
  return new Map([...targets].filter(([path]) => path === base || path.startsWith(`${base}.`)));
}

/**
 * Whether the signed release is what was approved for a platform: "matches"; "no-target" when the platform was not
 * approved; "no-release" when the release is not known (yet).
 * @throws UpdateError E_RELEASE_MISMATCH
 */
export function matchRelease(
  activation: Activation,
  platform: string,
  released: readonly Artifact[],
): "matches" | "no-target" | "no-release" {
  const targets = targetsFor(activation, platform);
  if (targets.size === 0) return "no-target";
  const { sequence, upgradeType } = activation;
  let matches = 0;
  for (const artifact of released) {
    const approved = targets.get(artifact.path);
    if (approved === undefined) continue;
    if (!isSameBytes(artifact, approved)) {
      throw new UpdateError(
        "E_RELEASE_MISMATCH",
        `certificate ${sequence} approves other bytes of ${artifact.path} than are released`,
      );
    }
    if (artifact.upgradeType !== upgradeType) {
      const why = `approves ${artifact.version} as ${upgradeType}, it is released as ${artifact.upgradeType}`;
      throw new UpdateError("E_RELEASE_MISMATCH", `certificate ${sequence} ${why}`);
    }
    matches++;
  }
  return matches > 0 ? "matches" : "no-release";
}

/** True when release keys have signed what was approved, for any platform. */
export function isReleased(activation: Activation, released: readonly Artifact[]): boolean {
  return released.some((artifact) => {
    const approved = activation.targets.get(artifact.path);
    return approved !== undefined && isSameBytes(artifact, approved) && artifact.upgradeType === activation.upgradeType;
  });
}

/** The state with every approved certificate latched whose artifacts are those of the release, for one platform. */
export function latchReleases(state: TrustState, platform: string, clock: Clock): TrustState {
  const open = [...judgementOf(state).accepted.values()].flatMap(({ certificate: { body, sha256 } }) =>
    body.kind === "activate" && state.schedule.local.get(sha256)?.matchedPlatform !== platform ? [{ body, sha256 }] : []
  );
  if (open.length === 0) return state;
  const { artifacts } = listReleases(state, clock);
  const local = new Map(state.schedule.local);
  for (const { body, sha256 } of open) {
    if (isMatch(body, platform, artifacts)) local.set(sha256, { ...local.get(sha256), matchedPlatform: platform });
  }
  return local.size === state.schedule.local.size && [...local].every(([id, x]) => state.schedule.local.get(id) === x)
    ? state
    : { ...state, schedule: { ...state.schedule, local } };
}

/** What an operator must hear of: E_CONTESTED, and E_RELEASE_MISMATCH for this platform unless it matched before. */
export function scheduleAlarms(state: TrustState, platform: string, clock: Clock): UpdateError[] {
  const open = approvedUpgrades(state).filter((u) => state.schedule.local.get(u.sha256)?.matchedPlatform !== platform);
  const released = open.length === 0 ? [] : listReleases(state, clock).artifacts;
  const mismatches = open.flatMap(({ activation }) => {
    try {
      matchRelease(activation, platform, released);
      return [];
    } catch (e) {
      if (e instanceof UpdateError) return [e];
      throw e;
    }
  });
  return [...contestedErrors(state), ...mismatches];
}

function isMatch(body: Activation, platform: string, artifacts: readonly Artifact[]): boolean {
  try {
    return matchRelease(body, platform, artifacts) === "matches";
  } catch (e) {
    if (e instanceof UpdateError) return false; // told where it is asked for
    throw e;
  }
}

/** How a release stands with governance; "genesis" is what the network began with. */
export type Approval =
  | "by-release-signatures"
  | "genesis"
  | "pending"
  | "mismatch"
  | "approved"
  | Exclude<CertificateStatus, "effective">;

export interface ApprovalOfArtifact {
  readonly approved: Approval;
  readonly activationHeight: number | null;
}

/** The approval of an artifact, for people: the certificate in force, else the newest one that names the artifact. */
export function createApprovals(state: TrustState): (a: Verified<Artifact>) => ApprovalOfArtifact {
  const { epochs } = judgementOf(state);
  const extension = epochs.extensionOf(epochs.newestRoot);
  // An extension that cannot be read approves nothing.
  if (extension !== undefined && !epochs.isGoverned) {
    return () => ({ approved: "by-release-signatures", activationHeight: null });
  }
  const all = scheduledCertificates(state).reverse();
  return (artifact) => {
    const genesis = extension?.genesis?.targets.get(artifact.path);
    const naming = all.flatMap(({ placed: { certificate: { body } }, status }) => {
      const target = body.kind === "activate" ? body.targets.get(artifact.path) : undefined;
      return body.kind === "activate" && target !== undefined ? [{ body, target, status }] : [];
    });
    const found = naming.find((n) => n.status === "effective") ?? naming[0];
    if (found === undefined) {
      const isGenesis = genesis !== undefined && isSameBytes(artifact, genesis);
      return { approved: isGenesis ? "genesis" : "pending", activationHeight: null };
    }
    const { body, target, status } = found;
    const fits = isSameBytes(artifact, target) && artifact.upgradeType === body.upgradeType;
    if (!fits) return { approved: "mismatch", activationHeight: null };
    if (status !== "effective") return { approved: status, activationHeight: null };
    return { approved: "approved", activationHeight: body.activationHeight };
  };
}
