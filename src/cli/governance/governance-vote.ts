// governance vote: takes votes in from files, and signs. Design: docs/governance.md, "Voting".
// What a governor signs is judged first: it must follow the head, be what is released, and be the only one he signs of
// its sequence. Must not: sign anything else than a certificate.
import { resolve } from "node:path";
import type { Artifact } from "../../api.ts";
import { UpdateError } from "../../errors.ts";
import type { Signer } from "../../publish/signer.ts";
import { type Certificate, overlaps, withSignatures } from "../../trust/certificate.ts";
import type { TrustState } from "../../trust/client.ts";
import { toHex } from "../../trust/hex.ts";
import { epochFor, place as placeCertificate } from "../../trust/judge.ts";
import { isSameBytes } from "../../trust/proof.ts";
import { listReleases } from "../../trust/releases.ts";
import { judgementOf, learnCertificate, type Learnt } from "../../trust/schedule.ts";
import { unite } from "../../trust/schedule-record.ts";
import { signersOf } from "../../trust/signers.ts";
import type { Arguments, Command } from "../command.ts";
import type { Context } from "../context.ts";
import { currentHeight, HEIGHT_OPTION } from "../height-option.ts";
import { readSigners, SIGNING_OPTIONS } from "../release/release-session.ts";
import { offlineClock } from "../session.ts";
import {
  HANDED_OVER,
  isHandedOver,
  type Place,
  PLACE_OPTIONS,
  readCertificateFile,
  withPlace,
  writeCertificateFile,
} from "./governance-place.ts";
import { chooseOfSequence, createView, describe } from "./governance-show.ts";
import { certificateJson } from "./governance-view.ts";

export const governanceVoteCommand: Command = {
  name: "governance vote",
  summary: "sign a certificate as a governor; without a key, take in the votes of files",
  positionals: "[FILE…]",
  options: {
    ...SIGNING_OPTIONS,
    sequence: { type: "string", value: "N", help: "a certificate that is known here, instead of a file" },
    sha256: { type: "string", value: "HEX", help: "which one, when a sequence has several" },
    output: { type: "string", value: "FILE", help: "where to write the certificate with all votes known here" },
    ...PLACE_OPTIONS,
    ...HEIGHT_OPTION,
  },
  async run(c, a) {
    const signers = await readSigners(c, a);
    const height = currentHeight(a);
    const output = a.string("output");
    return await withPlace(c, a, async (place) => {
      const read = await readAll(a, place);
      let { state } = place;
      const learnt: Learnt[] = [];
      for (const certificate of read) {
        const taken = learnCertificate(state, certificate);
        learnt.push(taken);
        state = taken.state;
      }
      let certificate = await one(read, signers.length > 0 || output !== undefined);
      if (signers.length > 0) {
        const cast = await castVotes(c, { ...place, state }, certificate, signers, height);
        state = cast.state;
        certificate = cast.certificate;
      } else {
        await place.keep(state);
      }
      certificate = known(state, certificate);
      const file = output ?? (signers.length > 0 ? a.positionals[0] : undefined);
      if (file !== undefined) await writeCertificateFile(file, certificate);
      const view = createView(c, state)(certificate);
      const added = [...new Set(learnt.flatMap((l) => l.added))];
      const handedToNode = signers.length + added.length > 0 && await isHandedOver(c, place);
      return {
        lines: [
          ...signers.map((s) => c.out.line("key", `Governor ${s.keyId} has voted`)),
          ...(signers.length > 0
            ? []
            : [added.length === 0 ? "No new votes" : c.out.line("ok", `${added.length} new votes`)]),
          ...learnt.filter((l) => l.outcome === "ignored" && signers.length === 0).map((l) =>
            c.out.line("warning", l.why)
          ),
          ...describe(c, view, height),
          ...(handedToNode ? [HANDED_OVER] : []),
          ...(view.status === "effective" && place.isRepository ? ["   next: dchat-update release publish"] : []),
        ],
        json: {
          place: place.name,
          file: file === undefined ? null : resolve(file),
          signed: signers.map((s) => s.keyId),
          added,
          handedToNode,
          certificate: certificateJson(view),
        },
      };
    });
  },
};

async function readAll(a: Arguments, place: Place): Promise<Certificate[]> {
  const sequence = a.integer("sequence", 1, Number.MAX_SAFE_INTEGER);
  if (a.positionals.length > 0 && sequence === undefined) {
    return await Promise.all(a.positionals.map(readCertificateFile));
  }
  if (a.positionals.length === 0 && sequence !== undefined) {
    return [chooseOfSequence(place, sequence, a.string("sha256"))];
  }
  throw new UpdateError("E_USAGE", "give either files or --sequence", { hint: "see `dchat-update governance list`" });
}

/** The one certificate of several files; without signing or writing, the last of different ones does for showing. */
function one(read: readonly Certificate[], mustBeOne: boolean): Certificate {
  const [first] = read, last = read.at(-1);
  if (first === undefined || last === undefined) throw new UpdateError("E_INTERNAL", "no certificate was read");
  if (read.every((x) => x.sha256 === first.sha256)) return read.reduce(unite);
  if (!mustBeOne) return last;
  throw new UpdateError("E_USAGE", "the files hold different certificates", {
    hint: "name those of one certificate: `governance show FILE` tells them apart",
  });
}

function known(state: TrustState, certificate: Certificate): Certificate {
  return state.schedule.certificates.get(certificate.sha256) ?? certificate;
}

/**
 * Signs, and keeps the votes in the place.
 * @throws UpdateError E_UNTRUSTED_KEY for a key that does not govern, E_CERTIFICATE when it must not be signed,
 *   E_RELEASE_MISMATCH or E_NO_RELEASE when it is not what is released; nothing is kept then
 */
export async function castVotes(
  c: Context,
  place: Place,
  certificate: Certificate,
  signers: readonly Signer[],
  height: number | undefined,
): Promise<{ state: TrustState; certificate: Certificate }> {
  requireVotable(place.state, certificate, height, listReleases(place.state, offlineClock(c)).artifacts);
  const signatures = new Map(certificate.signatures);
  for (const signer of signers) {
    requireGovernor(place.state, certificate, signer.keyId);
    signatures.set(signer.keyId, toHex(await signer.sign(certificate.signedBytes, "governor", c)));
  }
  const signed = withSignatures(certificate, signatures);
  const { state } = learnCertificate(place.state, signed);
  await place.keep(state);
  return { state, certificate: known(state, signed) };
}

function requireVotable(
  state: TrustState,
  certificate: Certificate,
  height: number | undefined,
  released: readonly Artifact[],
): void {
  const { body, sha256 } = certificate;
  const judgement = judgementOf(state);
  const { head, accepted } = judgement;
  if (placeCertificate(judgement, certificate) === undefined) {
    throw new UpdateError(
      "E_CERTIFICATE",
      `certificate ${body.sequence} does not follow what is known here, up to ${head}`,
      {
        hint: "fetch what is missing: dchat-update check; or take it in: dchat-update governance vote FILE",
      },
    );
  }
  if (body.sequence <= head && !accepted.has(sha256)) {
    throw new UpdateError(
      "E_CERTIFICATE",
      `another certificate ${body.sequence} is approved already: this would contest it`,
    );
  }
  if (height !== undefined && height >= body.expiresHeight && !accepted.has(sha256)) {
    throw new UpdateError("E_CERTIFICATE", `certificate ${body.sequence} has expired at height ${body.expiresHeight}`, {
      hint: "propose it again, with later heights",
    });
  }
  if (body.kind === "cancel" || accepted.has(sha256)) return;
  for (const [path, target] of body.targets) {
    const artifact = released.find((x) => x.path === path);
    if (artifact === undefined) {
      throw new UpdateError(
        "E_NO_RELEASE",
        `certificate ${body.sequence} approves ${path}, which is no signed release here`,
      );
    }
    if (isSameBytes(artifact, target) && artifact.upgradeType === body.upgradeType) continue;
    throw new UpdateError(
      "E_RELEASE_MISMATCH",
      `certificate ${body.sequence} does not say of ${path} what its release says`,
    );
  }
}

function requireGovernor(state: TrustState, certificate: Certificate, keyId: string): void {
  const { sequence } = certificate.body;
  const epoch = epochFor(judgementOf(state).epochs, certificate);
  if (epoch?.governance.governors.has(keyId) !== true) {
    throw new UpdateError("E_UNTRUSTED_KEY", `key ${keyId} does not govern certificate ${sequence}`, {
      hint: "vote with a governor's key; release keys have no vote",
    });
  }
  for (const other of state.schedule.certificates.values()) {
    if (other.body.sequence !== sequence || other.sha256 === certificate.sha256 || !overlaps(other, certificate)) {
      continue;
    }
    if (!signersOf(other, epoch).includes(keyId)) continue;
    throw new UpdateError(
      "E_CERTIFICATE",
      `governor ${keyId} has signed another certificate ${sequence}: ${other.sha256}`,
      {
        hint:
          "two signatures for one sequence are evidence against the key; let that proposal expire, then propose again",
      },
    );
  }
}
