// A certificate as people and programs are shown it: what it says, who has voted, what is missing, what comes of it.
// Design: docs/governance.md, "What show tells". Must not: change anything.
import { UpdateError } from "../../errors.ts";
import type { Artifact } from "../../api.ts";
import { type Certificate, namedBy } from "../../trust/certificate.ts";
import type { TrustState } from "../../trust/client.ts";
import { type CertificateStatus, scheduledCertificates } from "../../trust/effect.ts";
import { place, type Placed } from "../../trust/judge.ts";
import { matchRelease } from "../../trust/release-match.ts";
import { judgementOf } from "../../trust/schedule.ts";
import { signersOf } from "../../trust/signers.ts";

export interface Vote {
  readonly keyId: string;
  readonly weight: number;
}

export interface CertificateView {
  readonly certificate: Certificate;
  /** "voting": too little weight yet. "unplaced": what comes before it is not known here. "invalid": it breaks a rule. */
  readonly status: CertificateStatus | "voting" | "unplaced" | "invalid";
  /** Why it is invalid, or why its release does not match. */
  readonly problem: string | undefined;
  /** The certificate that takes its effect. */
  readonly by: number | undefined;
  readonly votes: readonly Vote[];
  readonly notVoted: readonly Vote[];
  readonly weight: number;
  /** Undefined while its place is not known. */
  readonly required: number | undefined;
  readonly total: number;
  /** It has to be complete below this height. */
  readonly deadline: number | undefined;
  readonly seenHeight: number | null | undefined;
  /** How its artifacts for this platform stand to the signed release; undefined for a cancellation. */
  readonly release: "latched" | "matches" | "no-release" | "no-target" | "mismatch" | undefined;
}

/** @param released all signed artifacts that are known */
export function viewCertificate(
  state: TrustState,
  certificate: Certificate,
  platform: string,
  released: readonly Artifact[],
): CertificateView {
  const judgement = judgementOf(state);
  const { body, sha256 } = certificate;
  const epoch = judgement.epochs.ofSequence(body.sequence);
  const scheduled = scheduledCertificates(state).find((s) => s.placed.certificate.sha256 === sha256);
  let placed: Placed | undefined, problem: string | undefined;
  try {
    placed = scheduled?.placed ?? place(judgement, certificate);
  } catch (e) {
    if (!(e instanceof UpdateError)) throw e;
    problem = e.message;
  }
  const governors = [...epoch?.governance.governors ?? []];
  const signed = new Set(epoch === undefined ? [] : signersOf(certificate, epoch));
  const votes = governors.filter(([id]) => signed.has(id)).map(([keyId, weight]) => ({ keyId, weight }));
  const match = matchOf(state, certificate, platform, released);
  return {
    certificate,
    status: scheduled?.status ?? (problem !== undefined ? "invalid" : placed === undefined ? "unplaced" : "voting"),
    problem: problem ?? match.problem,
    by: scheduled?.by,
    votes,
    notVoted: governors.filter(([id]) => !signed.has(id)).map(([keyId, weight]) => ({ keyId, weight })),
    weight: votes.reduce((sum, v) => sum + v.weight, 0),
    required: placed?.required,
    total: epoch?.totalWeight ?? 0,
    deadline: scheduled?.deadline ?? body.expiresHeight,
    seenHeight: scheduled?.seenHeight,
    release: match.release,
  };
}

function matchOf(state: TrustState, { body, sha256 }: Certificate, platform: string, released: readonly Artifact[]) {
  if (body.kind === "cancel") return { release: undefined, problem: undefined };
  if (state.schedule.local.get(sha256)?.matchedPlatform === platform) {
    return { release: "latched" as const, problem: undefined };
  }
  try {
    return { release: matchRelease(body, platform, released), problem: undefined };
  } catch (e) {
    if (!(e instanceof UpdateError)) throw e;
    return { release: "mismatch" as const, problem: e.message };
  }
}

/** One word or two on what it does. */
export function whatItDoes({ body }: Certificate): string {
  if (body.kind === "cancel") return `cancels ${body.cancels.join(", ")}`;
  const replaces = body.replaces.length === 0 ? "" : `, replaces ${body.replaces.join(", ")}`;
  return `${body.version} ${body.upgradeType}${replaces}`;
}

/** The status in the words of a listing. */
export function statusWords(v: CertificateView): string {
  if (v.status === "voting") return `voting, ${v.weight} of ${v.required}`;
  return v.by === undefined ? v.status : `${v.status} by ${v.by}`;
}

/** Under the names the schemas have. */
export function certificateJson(v: CertificateView): Record<string, unknown> {
  const { body, sha256 } = v.certificate;
  const upgrade = body.kind === "activate" ? body : undefined;
  return {
    sequence: body.sequence,
    sha256,
    previousSha256: body.prevSha256,
    network: body.network,
    rootVersion: body.rootVersion,
    kind: body.kind,
    version: upgrade?.version ?? null,
    upgradeType: upgrade?.upgradeType ?? null,
    activationHeight: upgrade?.activationHeight ?? null,
    switch: upgrade?.switch ?? null,
    switchFromHeight: upgrade?.switchFrom ?? null,
    replaces: body.kind === "activate" ? namedBy(body) : [],
    cancels: body.kind === "cancel" ? namedBy(body) : [],
    targets: [...upgrade?.targets ?? []].map(([path, t]) => ({
      path,
      lengthBytes: t.length,
      sha256: t.sha256,
      blake3: t.blake3,
    })),
    proposedHeight: body.proposedHeight,
    expiresHeight: body.expiresHeight,
    title: body.title ?? null,
    notesUrl: body.notesUrl ?? null,
    feature: upgrade?.feature ?? null,
    status: v.status,
    by: v.by ?? null,
    problem: v.problem ?? null,
    votes: v.votes,
    notVoted: v.notVoted,
    weight: v.weight,
    requiredWeight: v.required ?? null,
    missingWeight: v.required === undefined ? null : Math.max(0, v.required - v.weight),
    totalWeight: v.total,
    deadlineHeight: v.deadline ?? null,
    completeSeenHeight: v.seenHeight ?? null,
    release: v.release ?? null,
  };
}
