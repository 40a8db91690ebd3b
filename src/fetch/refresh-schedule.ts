// Fetches the certificates that the snapshot names and this node lacks. Design: "Formats", x-dchat-schedule in
// snapshot.signed. Each is judged as it comes; what governors have not signed is no certificate, whoever serves it.
// Must not: end a refresh; a schedule that stays short stops switching, not learning.
import { AllSourcesFailedError, UpdateError } from "../errors.ts";
import { MAX_CERTIFICATE_BYTES, parseCertificate } from "../trust/certificate.ts";
import type { TrustState } from "../trust/client.ts";
import { missingCertificates, scheduleHead } from "../trust/effect.ts";
import { rivalPath, schedulePath } from "../trust/naming.ts";
import { judgementOf, learnCertificate } from "../trust/schedule.ts";
import { reaches } from "../trust/signers.ts";

/** Certificates of one refresh; the next one goes on. A certificate a week for twenty years. */
const MAX_STEPS = 1024;
/** How far another line of certificates may have parted from this node's: governors vote on four at a time. */
const MAX_STEPS_BACK = 8;

/** Asks one supplier after another until `accept` takes what it gave. @throws AllSourcesFailedError */
export type AskForFile = (
  path: string,
  maxBytes: number,
  accept: (bytes: Uint8Array) => TrustState,
) => Promise<TrustState>;

export interface FetchedSchedule {
  readonly state: TrustState;
  /** E_WITHHELD or E_MALFORMED when it is not whole yet. */
  readonly error: UpdateError | undefined;
}

/** Never throws for what a supplier does or lacks. */
export async function fetchSchedule(initial: TrustState, ask: AskForFile): Promise<FetchedSchedule> {
  let state = initial, back = 0, stepsBack = 0;
  try {
    for (let step = 0; step < MAX_STEPS; step++) {
      const [wanted] = missingCertificates(state);
      if (wanted === undefined) return { state, error: undefined };
      const { head, start } = judgementOf(state);
      const sequence = Math.min(wanted.sequence, head + 1) - back;
      const isWanted = sequence === wanted.sequence;
      const isRival = isWanted && scheduleHead(state)?.sha256 !== wanted.sha256;
      const path = isRival ? rivalPath(sequence, wanted.sha256) : schedulePath(sequence);
      let isApart = false;
      state = await ask(path, MAX_CERTIFICATE_BYTES, (bytes) => {
        const taken = take(state, bytes, path, sequence, isWanted ? wanted.sha256 : undefined);
        isApart = taken.isApart;
        return taken.state;
      });
      if (!isApart) back = Math.max(0, back - 1);
      else if (stepsBack++ === MAX_STEPS_BACK || sequence === start) break;
      else back++;
    }
  } catch (e) {
    if (e instanceof UpdateError && !(e instanceof AllSourcesFailedError) && e.code === "E_MALFORMED") {
      return { state, error: e };
    }
    if (!(e instanceof AllSourcesFailedError)) throw e;
    return { state, error: withheld(state, e) };
  }
  return { state, error: withheld(state, undefined) };
}

function withheld(state: TrustState, cause: UpdateError | undefined): UpdateError {
  const { head } = judgementOf(state);
  const missing = missingCertificates(state).map((c) => c.sequence).join(" and ");
  const why = cause === undefined ? "" : `: ${cause.message}`;
  return new UpdateError(
    "E_WITHHELD",
    `the snapshot names certificate ${missing}, this node has those up to ${head}${why}`,
    {
      cause,
    },
  );
}

/** @throws UpdateError for what is not the certificate of that place */
function take(state: TrustState, bytes: Uint8Array, path: string, sequence: number, sha256: string | undefined) {
  const certificate = parseCertificate(bytes, path);
  if (certificate.body.sequence !== sequence) throw new UpdateError("E_MALFORMED", `${path}: holds another sequence`);
  if (sha256 !== undefined && certificate.sha256 !== sha256) {
    throw new UpdateError("E_HASH_MISMATCH", `${path}: is not the certificate that the snapshot names`);
  }
  let next: TrustState;
  try {
    next = learnCertificate(state, certificate).state;
  } catch (e) {
    // Its own codes are for those who govern; here it is a file that does not verify.
    if (e instanceof UpdateError && e.code === "E_CERTIFICATE") {
      throw new UpdateError("E_MALFORMED", e.message, { cause: e });
    }
    throw e;
  }
  const judgement = judgementOf(next);
  if (judgement.accepted.has(certificate.sha256)) return { state: next, isApart: false };
  const epoch = judgement.epochs.ofSequence(sequence);
  const least = Math.min(...Object.values(epoch?.governance.quorum ?? {}));
  const isApart = !judgement.accepted.has(certificate.body.prevSha256);
  if (isApart && epoch !== undefined && reaches(certificate, epoch, least)) return { state: next, isApart };
  throw new UpdateError("E_THRESHOLD", `${path}: too little weight of governors has signed it`);
}
