// What the approved certificates bring about on this node: which take effect, from which height, and what stands in the
// way of switching. Design: "Formats", Certificate; docs/decisions/0012. No clock: heights come from what was recorded.
// Must not: know which version runs, or the height now; whoever decides puts those beside this.
import { UpdateError } from "../errors.ts";
import type { TrustState } from "./client.ts";
import { Field } from "./fields.ts";
import type { Activation } from "./certificate.ts";
import { type Judgement, lineOf, type Placed } from "./judge.ts";
import { judgementOf } from "./schedule.ts";

/** Rivals a snapshot may name: as many as a judgement keeps of one sequence. */
const MAX_NAMED_RIVALS = 8;

/** A certificate by its place and its digest. */
export interface CertificateRef {
  readonly sequence: number;
  readonly sha256: string;
}

/** What the snapshot says of the schedule when it was signed: x-dchat-schedule. */
export interface ScheduleHead extends CertificateRef {
  /** Complete certificates beside the line that leads to the head. */
  readonly rivals: readonly CertificateRef[];
}

/** "set aside": a later root closed its sequences, and the snapshot's line has another certificate in its place. */
export type CertificateStatus = "effective" | "cancelled" | "replaced" | "too-late" | "contested" | "set-aside";

export interface ScheduledCertificate {
  readonly placed: Placed;
  readonly status: CertificateStatus;
  /** The certificate that cancels or replaces it. */
  readonly by: number | undefined;
  /** It has to be seen complete below this height to take effect; undefined when nothing bounds it. */
  readonly deadline: number | undefined;
  /** Undefined while it was not recorded; null for a node that joined later. Both count as in time. */
  readonly seenHeight: number | null | undefined;
}

/** @throws UpdateError E_MALFORMED */
export function scheduleHead(state: TrustState): ScheduleHead | undefined {
  const f = new Field(state.snapshot?.signed.xDchatSchedule, "snapshot x-dchat-schedule");
  return f.optional(() => {
    const rivals = f.get("rivals").optional((r) => r.array().map(readRef)) ?? [];
    if (rivals.length > MAX_NAMED_RIVALS) f.get("rivals").fail(`names more than ${MAX_NAMED_RIVALS}`);
    return { ...readRef(f), rivals };
  });
}

function readRef(f: Field): CertificateRef {
  return { sequence: f.get("sequence").integer(1), sha256: f.get("sha256").hex(32) };
}

/** The tip of the line that goes on from what the snapshot names; the smallest digest where it leaves a choice. */
export function tipOf(state: TrustState): Placed | undefined {
  const { bySequence, head, accepted } = judgementOf(state);
  const named = accepted.get(scheduleHead(state)?.sha256 ?? "");
  const tips = bySequence.get(head) ?? [];
  return tips.find((tip) => named !== undefined && lineOf(tip).includes(named)) ?? tips[0];
}

/** What the next snapshot says: the tip, and the complete certificates that have a place on its line. */
export function nextHead(state: TrustState): ScheduleHead | undefined {
  const tip = tipOf(state);
  if (tip === undefined) return undefined;
  const { bySequence, epochs } = judgementOf(state);
  const line = new Set(lineOf(tip));
  const rivals = [...bySequence].flatMap(([sequence, all]) =>
    // What a later root has closed is settled by the line itself.
    epochs.ofSequence(sequence) === epochs.all.at(-1) ? all.filter((p) => !line.has(p)) : []
  );
  return { ...refOf(tip), rivals: rivals.slice(-MAX_NAMED_RIVALS).map(refOf) };
}

function refOf({ certificate: { body, sha256 } }: Placed): CertificateRef {
  return { sequence: body.sequence, sha256 };
}

/** What the snapshot names and this node does not have, lowest sequence first. @throws UpdateError E_MALFORMED */
export function missingCertificates(state: TrustState): CertificateRef[] {
  const { accepted, start } = judgementOf(state);
  const head = scheduleHead(state);
  if (head === undefined || start === undefined) return [];
  // Sequences before what these roots judge are not for this node to have.
  return [head, ...head.rivals].filter((c) => c.sequence >= start && !accepted.has(c.sha256))
    .sort((a, b) => a.sequence - b.sequence);
}

/** Every approved certificate with what became of it, by sequence. */
export function scheduledCertificates(state: TrustState): ScheduledCertificate[] {
  return new Effects(state).all();
}

/** An approved upgrade that takes effect on this node unless a later certificate says otherwise. */
export interface ApprovedUpgrade extends CertificateRef {
  readonly activation: Activation;
}

/** By height, which is also by sequence. */
export function approvedUpgrades(state: TrustState): ApprovedUpgrade[] {
  return scheduledCertificates(state).flatMap(({ placed: { certificate: { body, sha256 } }, status }) =>
    status === "effective" && body.kind === "activate" ? [{ activation: body, sequence: body.sequence, sha256 }] : []
  );
}

/**
 * Why this node must not switch, whatever the height; empty when nothing stands in the way. Each has its own code:
 * E_NOT_GOVERNED (the root's extension cannot be read), E_WITHHELD, E_MALFORMED. What is contested does not stop the
 * rest of the schedule; it is told by its status.
 */
export function switchObstacles(state: TrustState): UpdateError[] {
  const { epochs } = judgementOf(state);
  if (epochs.network === undefined) {
    return [
      new UpdateError("E_NOT_GOVERNED", "the trust root's x-dchat cannot be read: nothing is activated under it"),
    ];
  }
  if (!epochs.isGoverned) return [];
  try {
    return missingCertificates(state).map((c) =>
      new UpdateError("E_WITHHELD", `the snapshot names certificate ${c.sequence} (${c.sha256}), which this node lacks`)
    );
  } catch (e) {
    if (e instanceof UpdateError) return [e];
    throw e;
  }
}

/** E_CONTESTED for each sequence whose certificates keep each other from taking effect. */
export function contestedErrors(state: TrustState): UpdateError[] {
  const contested = scheduledCertificates(state).filter((s) => s.status === "contested")
    .map((s) => s.placed.certificate.body.sequence);
  return [...new Set(contested)].map((n) =>
    new UpdateError("E_CONTESTED", `two certificates ${n} are complete: neither takes effect, what runs goes on`)
  );
}

class Effects {
  readonly #state: TrustState;
  readonly #judgement: Judgement;
  /** Who takes the effect from a certificate, in time. */
  readonly #takers = new Map<Placed, Placed>();
  readonly #contested = new Set<Placed>();
  readonly #aside = new Set<Placed>();

  constructor(state: TrustState) {
    this.#state = state;
    this.#judgement = judgementOf(state);
    const line = this.#namedLine();
    // From the newest down: what a later one has taken the effect from takes none from others.
    for (const [sequence, all] of [...this.#judgement.bySequence].reverse()) {
      const settled = this.#isClosed(sequence) ? all.find((p) => line.has(p)) : undefined;
      const standing = settled === undefined ? all : [settled];
      for (const p of all) if (!standing.includes(p)) this.#aside.add(p);
      for (const p of standing) {
        if (standing.some((rival) => rival !== p && this.#contests(rival, p))) this.#contested.add(p);
        if (this.#takers.has(p)) continue;
        for (const named of p.named) if (this.#isBefore(p, limit(p, deadlineOf(named)))) this.#takers.set(named, p);
      }
    }
  }

  all(): ScheduledCertificate[] {
    return [...this.#judgement.bySequence.values()].flat().map((placed) => {
      const taker = this.#takers.get(placed);
      const deadline = limit(placed, deadlineOf(placed));
      return {
        placed,
        status: this.#statusOf(placed, taker, deadline),
        by: taker?.certificate.body.sequence,
        deadline: Number.isFinite(deadline) ? deadline : undefined,
        seenHeight: this.#seen(placed),
      };
    });
  }

  #statusOf(p: Placed, taker: Placed | undefined, deadline: number): CertificateStatus {
    if (this.#aside.has(p)) return "set-aside";
    if (taker !== undefined) return taker.certificate.body.kind === "cancel" ? "cancelled" : "replaced";
    if (!this.#isBefore(p, deadline)) return "too-late";
    return this.#contested.has(p) ? "contested" : "effective";
  }

  /** Not when it came too late itself; where nobody knows, not when it had expired before the other was proposed. */
  #contests(rival: Placed, p: Placed): boolean {
    if (typeof this.#seen(rival) === "number") return this.#isBefore(rival, limit(rival, deadlineOf(p)));
    return rival.certificate.body.expiresHeight > p.certificate.body.proposedHeight;
  }

  #seen(p: Placed): number | null | undefined {
    return this.#state.schedule.local.get(p.certificate.sha256)?.completeSeenHeight;
  }

  #isBefore(p: Placed, height: number): boolean {
    return (this.#seen(p) ?? -1) < height;
  }

  /** A later root has taken over behind this sequence: the keys that judged it have nothing more to say. */
  #isClosed(sequence: number): boolean {
    const { epochs } = this.#judgement;
    return epochs.ofSequence(sequence) !== epochs.all.at(-1);
  }

  /** The line that leads to the certificate the snapshot names. */
  #namedLine(): ReadonlySet<Placed> {
    let head: ScheduleHead | undefined;
    try {
      head = scheduleHead(this.#state);
    } catch (e) {
      if (!(e instanceof UpdateError)) throw e; // told by `switchObstacles`
    }
    return new Set(lineOf(this.#judgement.accepted.get(head?.sha256 ?? "")));
  }
}

/** The height below which the certificate itself, and whatever takes its effect, has to be complete. */
function deadlineOf(p: Placed): number {
  const { body } = p.certificate;
  if (body.kind === "activate") return body.activationHeight - p.leadBlocks;
  return Math.min(Infinity, ...p.named.map(deadlineOf));
}

function limit(p: Placed, deadline: number): number {
  return Math.min(p.certificate.body.expiresHeight, deadline);
}
