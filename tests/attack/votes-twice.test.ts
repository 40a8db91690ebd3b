// The lie: one governor's vote, counted more than once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateBytes, parseCertificate } from "../../src/trust/certificate.ts";
import { approvedUpgrades } from "../../src/trust/effect.ts";
import { learnCertificate, learnCertificates } from "../../src/trust/schedule.ts";
import { reaches } from "../../src/trust/signers.ts";
import { epochsOf } from "../../src/trust/epochs.ts";
import { activation, createGovernedNetwork, governorKey, signed, signedBy } from "../support/governed-network.ts";
import { refused } from "../support/refused.ts";
import { jsonFile, parseFile } from "../support/signed-file.ts";

const state = createGovernedNetwork({ seed: "twice" }).state();
const body = activation(undefined);
const [epoch] = epochsOf(state).all;
assert.ok(epoch !== undefined);

test("twice in one file refuses the file", () => {
  const { signatures, signed: text } = parseFile(certificateBytes(signed(body, "a", "b")));
  const [one, two] = signatures;
  assert.ok(one !== undefined && two !== undefined);
  refused("E_MALFORMED", () => parseCertificate(jsonFile({ signatures: [one, one, two], signed: text })));
});

test("again and again, in files of their own, adds nothing", () => {
  let now = state;
  for (let i = 0; i < 20; i++) now = learnCertificate(now, signed(body, "a", "b")).state;
  const [kept] = now.schedule.certificates.values();
  assert.deepEqual([50, 51].map((weight) => kept !== undefined && reaches(kept, epoch, weight)), [true, false]);
  assert.deepEqual(approvedUpgrades(now), []);
});

test("under another governor's name, or another name for the same key, does not verify", () => {
  const { signatures, signed: text } = parseFile(certificateBytes(signed(body, "a", "b")));
  const borrowed = { keyid: governorKey("c").id, sig: signatures[0]?.["sig"] ?? "" };
  const stuffed = parseCertificate(jsonFile({ signatures: [...signatures, borrowed], signed: text }));
  refused("E_SIGNATURE", () => learnCertificate(state, stuffed));
  assert.deepEqual(approvedUpgrades(learnCertificates(state, [stuffed])), []);
});

test("for two bodies of one sequence counts once for each, and never adds up across them", () => {
  const other = activation(undefined, { version: "1.0.1" });
  const both = [signed(body, "a", "b"), signedBy(other, governorKey("a"), governorKey("c"))];
  assert.deepEqual(approvedUpgrades(both.reduce((s, c) => learnCertificate(s, c).state, state)), []);
});
