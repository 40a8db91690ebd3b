// governance propose and governance cancel: the body of the next certificate, written to a file. Design: docs/governance.md.
// Must not: approve; a proposal is nothing until governors sign it.
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { UpdateError } from "../../errors.ts";
import type { Certificate } from "../../trust/certificate.ts";
import { type Proposal, type ProposalBasis, proposeCancel, proposeUpgrade } from "../../trust/propose.ts";
import { listReleases } from "../../trust/releases.ts";
import type { Arguments, Command, CommandResult, OptionSpec } from "../command.ts";
import type { Context } from "../context.ts";
import { HEIGHT_OPTION } from "../height-option.ts";
import { readSigners, SIGNING_OPTIONS } from "../release/release-session.ts";
import { offlineClock } from "../session.ts";
import {
  HANDED_OVER,
  isHandedOver,
  type Place,
  PLACE_OPTIONS,
  withPlace,
  writeCertificateFile,
} from "./governance-place.ts";
import { createView, describe } from "./governance-show.ts";
import { certificateJson } from "./governance-view.ts";
import { castVotes } from "./governance-vote.ts";

const PROPOSAL_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  ...PLACE_OPTIONS,
  ...HEIGHT_OPTION,
  "expires-height": { type: "string", value: "N", help: "complete at this height or later it has no effect" },
  title: { type: "string", value: "TEXT", help: "one line that says what it is for" },
  "notes-url": { type: "string", value: "URL", help: "where to read more" },
  output: { type: "string", value: "FILE", help: "where to write it, for the other governors" },
  ...SIGNING_OPTIONS,
};

const HIGHEST = Number.MAX_SAFE_INTEGER;

export const governanceProposeCommand: Command = {
  name: "governance propose",
  summary: "propose a signed release, from a height on",
  options: {
    version: { type: "string", value: "V", help: "a published release: all of its platforms are proposed" },
    height: { type: "string", value: "N", help: "the first block under the new version's rules" },
    switch: { type: "string", value: "HOW", help: "at (the node halts by itself) or before (it knows both rule sets)" },
    "switch-from": { type: "string", value: "N", help: "with before: first height at which nodes may switch" },
    replaces: { type: "string", value: "SEQUENCE", multiple: true, help: "a certificate that it takes the place of" },
    feature: { type: "string", value: "NAME", help: "what a feature toggle turns on" },
    ...PROPOSAL_OPTIONS,
  },
  async run(c, a) {
    const version = a.version("version") ?? a.required("version"); // which says that it is missing
    const basis = readBasis(a);
    const activationHeight = requiredHeight(a, "height");
    return await propose(c, a, ({ state }) =>
      proposeUpgrade(state, {
        ...basis,
        version,
        activationHeight,
        artifacts: listReleases(state, offlineClock(c)).artifacts.filter((x) => x.version === version),
        switch: a.oneOf("switch", ["at", "before"]),
        switchFrom: a.integer("switch-from", 1, HIGHEST),
        replaces: readSequences(a.strings("replaces"), "--replaces"),
        feature: a.string("feature"),
      }));
  },
};

export const governanceCancelCommand: Command = {
  name: "governance cancel",
  summary: "propose that certificates shall have no effect",
  positionals: "SEQUENCE…",
  options: PROPOSAL_OPTIONS,
  async run(c, a) {
    const cancels = readSequences(a.positionals, "SEQUENCE");
    const basis = readBasis(a);
    return await propose(c, a, ({ state }) => proposeCancel(state, { ...basis, cancels }));
  },
};

async function propose(c: Context, a: Arguments, make: (place: Place) => Proposal): Promise<CommandResult> {
  const signers = await readSigners(c, a);
  const output = a.string("output");
  if (output === undefined && signers.length === 0) {
    throw new UpdateError("E_USAGE", "--output is missing", {
      hint: "say where the proposal goes, or sign it with --key",
    });
  }
  await requireNewFile(output);
  return await withPlace(c, a, async (place) => {
    const { certificate } = make(place);
    const { state, certificate: signed } = signers.length === 0
      ? { state: place.state, certificate }
      : await castVotes(c, place, certificate, signers, requiredHeight(a, "current-height"));
    if (output !== undefined) await writeCertificateFile(output, signed);
    const handedToNode = signers.length > 0 && await isHandedOver(c, place);
    return proposalResult(c, { place, state, certificate: signed, output, handedToNode });
  });
}

interface Proposed {
  readonly place: Place;
  readonly state: Place["state"];
  readonly certificate: Certificate;
  readonly output: string | undefined;
  readonly handedToNode: boolean;
}

function proposalResult(c: Context, { place, state, certificate, output, handedToNode }: Proposed): CommandResult {
  const view = createView(c, state)(certificate);
  const file = output === undefined ? null : resolve(output);
  return {
    lines: [
      ...describe(c, view, certificate.body.proposedHeight),
      ...(output === undefined ? [] : [`   written to ${file}`]),
      ...(view.status === "voting"
        ? [
          `   next: dchat-update governance vote ${output ?? `--sequence ${certificate.body.sequence}`} --key GOVERNOR`,
        ]
        : []),
      ...(handedToNode ? [HANDED_OVER] : []),
    ],
    json: { place: place.name, file, handedToNode, certificate: certificateJson(view) },
  };
}

async function requireNewFile(file: string | undefined): Promise<void> {
  if (file === undefined || !await stat(resolve(file)).then(() => true, () => false)) return;
  throw new UpdateError("E_USAGE", `${JSON.stringify(file)} exists already`, {
    hint: "it may hold votes: choose another name",
  });
}

function readBasis(a: Arguments): ProposalBasis {
  return {
    proposedHeight: requiredHeight(a, "current-height"),
    expiresHeight: a.integer("expires-height", 1, HIGHEST),
    title: a.string("title"),
    notesUrl: a.string("notes-url"),
  };
}

function requiredHeight(a: Arguments, name: string): number {
  a.required(name);
  return a.integer(name, 0, HIGHEST) ?? 0;
}

function readSequences(words: readonly string[], what: string): number[] {
  return words.map((word) => {
    const n = /^[0-9]{1,16}$/.test(word) ? Number(word) : NaN;
    if (Number.isSafeInteger(n) && n >= 1) return n;
    throw new UpdateError("E_USAGE", `${what} must be the sequence of a certificate`);
  });
}
