// What a vote on the topic is worth, before anybody has verified its signature. Design: docs/formats.md, "Gossip".
// Pure. Cheap questions first; the signature is verified where the vote is learnt (src/trust/schedule.ts).
// Must not: punish who passes on the vote of a governor, a root or a certificate that this node does not know.
import { UpdateError } from "../errors.ts";
import type { Certificate } from "../trust/certificate.ts";
import type { TrustState } from "../trust/client.ts";
import { epochFor } from "../trust/judge.ts";
import { judgementOf, WINDOW_ABOVE } from "../trust/schedule.ts";
import { firstOpenSequence } from "../trust/votes.ts";
import type { Judgement } from "./message.ts";

/** @throws UpdateError when no honest node sends it */
export function judgeVote(state: TrustState, vote: Certificate): Judgement {
  const { body, sha256, signatures } = vote;
  const [governor] = signatures.keys();
  if (governor === undefined || signatures.size !== 1) {
    throw new UpdateError("E_MALFORMED", `a vote with ${signatures.size} signatures instead of one`);
  }
  const { epochs, head } = judgementOf(state);
  if (epochs.network !== undefined && body.network !== epochs.network) {
    throw new UpdateError("E_CERTIFICATE", `a vote of network ${JSON.stringify(body.network)}`);
  }
  const ignore = (code: "E_STALE" | "E_UNTRUSTED_KEY" | "E_CERTIFICATE", why: string): Judgement => ({
    verdict: "ignore",
    why: new UpdateError(code, why),
  });
  if (body.sequence < firstOpenSequence(state) || body.sequence > head + WINDOW_ABOVE) {
    return ignore("E_STALE", `a vote for certificate ${body.sequence}, while the head is ${head}`);
  }
  if (state.schedule.certificates.get(sha256)?.signatures.has(governor) === true) {
    return ignore("E_STALE", `the vote of ${governor} for certificate ${body.sequence} is known`);
  }
  try {
    const epoch = epochFor(epochs, vote);
    if (epoch === undefined) {
      return ignore("E_CERTIFICATE", `a vote under root ${body.rootVersion}, which is not known`);
    }
    if (!epoch.governance.governors.has(governor)) {
      return ignore("E_UNTRUSTED_KEY", `key ${governor} does not govern certificate ${body.sequence}`);
    }
  } catch (e) {
    // Who is a root ahead or behind sees another range of sequences.
    if (e instanceof UpdateError) return { verdict: "ignore", why: e };
    throw e;
  }
  return { verdict: "vote", vote, governor };
}
