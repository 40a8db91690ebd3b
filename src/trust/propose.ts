// New certificates: the body that follows the head. Design: "Governance in detail", propose.
// What is made here is placed and judged by the same rules as what comes from outside, before anybody signs it.
// Must not: sign.
import type { Artifact } from "../api.ts";
import { UpdateError } from "../errors.ts";
import { type Certificate, certificateOf, NO_CERTIFICATE } from "./certificate.ts";
import type { TrustState } from "./client.ts";
import { scheduleHead, switchObstacles, tipOf } from "./effect.ts";
import { lineOf, place, type Placed } from "./judge.ts";
import type { JsonObject } from "./json.ts";
import { judgementOf } from "./schedule.ts";

/** What every proposal says. */
export interface ProposalBasis {
  /** The chain's height now. */
  readonly proposedHeight: number;
  /** By default the last moment at which it can take effect. */
  readonly expiresHeight?: number | undefined;
  readonly title?: string | undefined;
  readonly notesUrl?: string | undefined;
}

export interface UpgradeProposal extends ProposalBasis {
  readonly version: string;
  /** Signed artifacts of that version, of every platform that shall be approved. */
  readonly artifacts: readonly Artifact[];
  readonly activationHeight: number;
  /** By default "before" for a hard fork on a chain without instant finality, else "at". */
  readonly switch?: "at" | "before" | undefined;
  /** With "before"; by default the height at which the proposal expires. */
  readonly switchFrom?: number | undefined;
  readonly replaces?: readonly number[];
  readonly feature?: string | undefined;
}

export interface CancelProposal extends ProposalBasis {
  readonly cancels: readonly number[];
}

/** A proposal with what it will need. */
export interface Proposal {
  readonly certificate: Certificate;
  readonly placed: Placed;
}

/** @throws UpdateError E_NOT_GOVERNED, E_NO_RELEASE, E_RELEASE_MISMATCH, E_CERTIFICATE, E_USAGE */
export function proposeUpgrade(state: TrustState, p: UpgradeProposal): Proposal {
  const { fields, finality, leadBlocks } = basis(state, p);
  const types = [...new Set(p.artifacts.map((a) => a.upgradeType))];
  const [upgradeType, other] = types;
  if (upgradeType === undefined) {
    throw new UpdateError("E_NO_RELEASE", `there is no signed release ${p.version}`, {
      hint: "publish it first: dchat-update release publish; then fetch it: dchat-update check",
    });
  }
  if (other !== undefined) {
    throw new UpdateError(
      "E_RELEASE_MISMATCH",
      `release ${p.version} is ${types.join(" on one platform, ")} on another`,
      {
        hint: "one certificate has one type: publish the release again with one",
      },
    );
  }
  if (p.activationHeight - p.proposedHeight <= leadBlocks) {
    const least = p.proposedHeight + leadBlocks + 1;
    throw new UpdateError("E_CERTIFICATE", `height ${p.activationHeight} is too soon: the least is ${least}`, {
      hint: `nodes need ${leadBlocks} blocks to prepare, and governors time to vote: choose a later height`,
    });
  }
  const how = p.switch ?? (upgradeType === "hard-fork" && finality !== "instant" ? "before" : "at");
  const expires = p.expiresHeight ?? p.activationHeight - leadBlocks;
  const signed: JsonObject = {
    ...fields,
    kind: "activate",
    upgrade_type: upgradeType,
    version: p.version,
    targets: Object.fromEntries(
      p.artifacts.map(({ path, length, sha256, blake3 }) => [path, { length, sha256, blake3 }]),
    ),
    activation_height: p.activationHeight,
    switch: how,
    ...(how === "before" ? { switch_from: p.switchFrom ?? Math.min(expires, p.activationHeight - 1) } : {}),
    ...(how === "at" && p.switchFrom !== undefined ? { switch_from: p.switchFrom } : {}),
    ...((p.replaces ?? []).length === 0 ? {} : { replaces: sorted(p.replaces ?? []) }),
    ...(p.feature === undefined ? {} : { feature: p.feature }),
    expires_height: expires,
  };
  return placedProposal(state, signed);
}

/** @throws UpdateError E_NOT_GOVERNED, E_CERTIFICATE, E_USAGE */
export function proposeCancel(state: TrustState, p: CancelProposal): Proposal {
  const { fields } = basis(state, p);
  const expires = p.expiresHeight ?? Math.min(...p.cancels.map((sequence) => lastMoment(state, sequence)));
  if (expires <= p.proposedHeight) {
    throw new UpdateError(
      "E_CERTIFICATE",
      `it is too late to cancel: from height ${expires} on a cancellation has no effect`,
      {
        hint: "nodes would part; if the record shall be set straight for those that join later, give --expires-height",
      },
    );
  }
  return placedProposal(state, { ...fields, kind: "cancel", cancels: sorted(p.cancels), expires_height: expires });
}

function lastMoment(state: TrustState, sequence: number): number {
  const found = lineOf(tipOf(state)).find((p) => p.certificate.body.sequence === sequence);
  if (found === undefined) throw new UpdateError("E_CERTIFICATE", `there is no certificate ${sequence} to cancel`);
  return deadline(found);
}

function deadline({ certificate: { body }, leadBlocks, named }: Placed): number {
  return body.kind === "activate"
    ? body.activationHeight - leadBlocks
    : Math.min(Number.MAX_SAFE_INTEGER, ...named.map(deadline));
}

const sorted = (sequences: readonly number[]) => [...new Set(sequences)].sort((a, b) => a - b);

/** What does not read is a wish that cannot be, not somebody's lie. */
function made(signed: JsonObject): Certificate {
  try {
    return certificateOf(signed);
  } catch (cause) {
    if (!(cause instanceof UpdateError)) throw cause;
    throw new UpdateError("E_USAGE", cause.message, { cause, hint: "nothing was proposed: change the options" });
  }
}

function basis(state: TrustState, p: ProposalBasis) {
  const { epochs, head } = judgementOf(state);
  const network = epochs.network;
  if (network === undefined || !epochs.isGoverned) {
    throw new UpdateError("E_NOT_GOVERNED", "the trust root names no governors: release signatures alone decide");
  }
  // A sequence that exists already, elsewhere, would make every governor who signs this one a double signer.
  const [obstacle] = switchObstacles(state);
  if (obstacle !== undefined) throw obstacle;
  if (head === Number.MAX_SAFE_INTEGER) {
    throw new UpdateError("E_CERTIFICATE", `no certificate can follow sequence ${head}`, {
      hint: "the next root has to begin anew: dchat-update release rotate-root REPO --first-sequence N",
    });
  }
  const extension = epochs.extensionOf(epochs.newestRoot);
  const named = scheduleHead(state);
  const before = tipOf(state)?.certificate.sha256 ?? (named?.sequence === head ? named.sha256 : NO_CERTIFICATE);
  const fields = {
    _type: "dchat-activation",
    spec_version: "1",
    network,
    sequence: head + 1,
    prev_sha256: before,
    root_version: epochs.newestRoot,
    proposed_height: p.proposedHeight,
    ...(p.title === undefined ? {} : { title: p.title }),
    ...(p.notesUrl === undefined ? {} : { notes_url: p.notesUrl }),
  };
  return { fields, finality: extension?.chain?.finality, leadBlocks: extension?.minLeadBlocks ?? 0 };
}

function placedProposal(state: TrustState, signed: JsonObject): Proposal {
  const certificate = made(signed);
  const placed = place(judgementOf(state), certificate);
  if (placed !== undefined) return { certificate, placed };
  throw new UpdateError(
    "E_CERTIFICATE",
    `the governors of sequence ${certificate.body.sequence} are not those of the newest root`,
  );
}
